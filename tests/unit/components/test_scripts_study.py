"""What the study types on the control plane, with a stand-in for kubectl."""

from __future__ import annotations

import os

import pytest

from tests.helpers.script_sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

_KUBECTL = """
case "$*" in
    *"get pods"*) echo "pod/cilium-of-${*: -3:1}" ;;
    *"get service hubble-relay"*) echo 10.96.7.7 ;;
esac
"""
NODES = ("k8s-cp", "k8s-w1", "k8s-w2")


@pytest.fixture
def control_plane(sandbox: Sandbox) -> Sandbox:
    sandbox.stand_in("kubectl", _KUBECTL)
    sandbox.stand_in("hubble", 'echo "server $HUBBLE_SERVER"')
    return sandbox


def test_root_finds_the_administrators_kubeconfig_which_follows_renewals(control_plane: Sandbox) -> None:
    done = control_plane.run("host/study-shell.sh", *NODES)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"{NAME}: root has the commands of the study\n"
    assert os.readlink(control_plane.path("/root/.kube/config")) == "/etc/kubernetes/admin.conf"
    again = control_plane.run("host/study-shell.sh", *NODES)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_kubeconfig_of_somebody_else_stays(control_plane: Sandbox) -> None:
    control_plane.write("/root/.kube/config", "mine")
    assert control_plane.run("host/study-shell.sh", *NODES).returncode == 0
    assert control_plane.path("/root/.kube/config").read_text() == "mine"


def test_c2_runs_in_the_agent_that_the_third_node_has_by_now(control_plane: Sandbox) -> None:
    control_plane.run("host/study-shell.sh", *NODES)
    control_plane.calls()
    done = control_plane.run("bash", "-c", ". /etc/profile.d/cilium-lab.sh && c2 status --verbose && alias k")
    assert done.returncode == 0, done.stderr
    looked, executed = control_plane.calls()
    assert "--field-selector spec.nodeName=k8s-w2" in looked
    assert executed == (
        "kubectl -n kube-system exec pod/cilium-of-spec.nodeName=k8s-w2 -c cilium-agent -- cilium-dbg status --verbose"
    )
    assert "alias k=" in done.stdout


def test_hubble_finds_the_relay_by_itself_and_takes_another_one_that_is_named(control_plane: Sandbox) -> None:
    control_plane.run("host/study-shell.sh", *NODES)
    script = ". /etc/profile.d/cilium-lab.sh; hubble status; HUBBLE_SERVER=other:4245; hubble status"
    assert control_plane.run("bash", "-c", script).stdout == "server 10.96.7.7:80\nserver other:4245\n"


def test_other_users_get_nothing_of_it(control_plane: Sandbox) -> None:
    control_plane.run("host/study-shell.sh", *NODES)
    other = "setpriv --reuid=65534 --clear-groups bash -c '. /etc/profile.d/cilium-lab.sh; type c0'"
    done = control_plane.run("bash", "-c", other)
    assert done.returncode != 0
    assert "not found" in done.stderr
