"""The lab's networks are let through firewalld, where it runs, with stand-ins for it and for systemctl."""

from __future__ import annotations

import pytest

from tests.helpers.recorded_lab import record_lab
from tests.helpers.script_sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

_FIREWALL = """
network=${!#}
case $* in
    *--query-source*) grep -qxF "$network" /trusted ;;
    *--add-source*)
        [ "$network" != 203.0.113.0/24 ] || { echo ZONE_CONFLICT >&2; exit 16; }
        echo "$network" >> /trusted ;;
esac
"""
_NETWORKS = ("172.31.0.0/20", "192.168.0.0/16")


@pytest.fixture
def rocky(sandbox: Sandbox) -> Sandbox:
    """A host on which firewalld runs."""
    sandbox.stand_in("systemctl")
    sandbox.stand_in("firewall-cmd", _FIREWALL)
    sandbox.write("/trusted", "")
    return sandbox


def test_each_network_is_trusted_for_good_and_at_once(rocky: Sandbox) -> None:
    done = rocky.run("host/open-firewall.sh", *_NETWORKS)
    assert done.returncode == 0, done.stderr
    changes = [call for call in rocky.calls() if "query" not in call and call.startswith("firewall-cmd")]
    assert changes == [
        *(f"firewall-cmd --permanent --zone trusted --add-source {network}" for network in _NETWORKS),
        "firewall-cmd --reload",
    ]


def test_a_second_run_changes_nothing_and_reloads_nothing(rocky: Sandbox) -> None:
    rocky.run("host/open-firewall.sh", *_NETWORKS)
    rocky.calls()
    before = rocky.written()
    assert rocky.run("host/open-firewall.sh", *_NETWORKS).returncode == 0
    assert not any("add-source" in call or "reload" in call for call in rocky.calls())
    assert rocky.written() == before


def test_a_host_without_firewalld_is_left_as_it_is(rocky: Sandbox) -> None:
    rocky.stand_in("systemctl", "exit 3")
    done = rocky.run("host/open-firewall.sh", *_NETWORKS)
    assert (done.returncode, done.stderr) == (0, f"{NAME}: no firewalld runs here\n")
    assert not any(call.startswith("firewall-cmd") for call in rocky.calls())


def test_a_network_that_another_zone_has_is_reported_with_firewalls_words(rocky: Sandbox) -> None:
    done = rocky.run("host/open-firewall.sh", "203.0.113.0/24")
    assert done.returncode == 1
    assert "ZONE_CONFLICT\n" in done.stderr
    assert "firewall-cmd --get-zone-of-source 203.0.113.0/24\n" in done.stderr


def test_every_virtual_machine_trusts_the_nodes_and_every_range_of_pods_before_kubernetes_is_there() -> None:
    found = record_lab("lab", samplePool="172.21.0.0/16", ipamMode="multi-pool").by_name()
    for host in ("k8s-cp", "k8s-w1", "k8s-w2", "router"):
        networks = found[f"{host}-firewall"].inputs["create"].split()[1:]
        assert networks == ["172.31.0.0/20", "192.168.0.0/16", "172.20.0.0/16", "172.21.0.0/16"]
    for host in ("k8s-cp", "k8s-w1", "k8s-w2"):
        assert any(urn.endswith(f"::{host}-firewall") for urn in found[f"{host}-artifacts"].request.dependencies)
    assert not any(name.endswith("-firewall") for name in record_lab("embedded").by_name())
