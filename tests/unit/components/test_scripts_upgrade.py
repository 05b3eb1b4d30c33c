"""What brings Kubernetes on a host to another release, with stand-ins for kubeadm, systemctl, curl and dnf."""

from __future__ import annotations

import subprocess

import pytest

from cilium_lab.artifacts.bundle import kubernetes_programs
from cilium_lab.config.versions import KUBERNETES, KUBERNETES_RELEASES
from tests.helpers.script_sandbox import Sandbox, needs_root

pytestmark = needs_root
NEWEST = list(KUBERNETES_RELEASES)[-1]
PROGRAMS = ("kubeadm", "kubelet", "kubectl")


@pytest.fixture
def host(sandbox: Sandbox) -> Sandbox:
    """A host that has the programs of two releases, and runs those of the bundle."""
    sandbox.path("/usr/local/bin").mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        sandbox.write(f"{kubernetes_programs(NEWEST)}/{name}", f"#!/bin/sh\necho {name} {NEWEST}\n", 0o755)
        sandbox.write(f"/opt/bundle/bin/{name}", f"#!/bin/sh\necho {name} {KUBERNETES}\n", 0o755)
        assert sandbox.run("ln", "-sfn", f"/opt/bundle/bin/{name}", f"/usr/local/bin/{name}").returncode == 0
    sandbox.stand_in("systemctl")
    sandbox.stand_in("curl")
    return sandbox


def upgrade(host: Sandbox, what: str, ignored: str = "Swap,HTTPProxyCIDR") -> subprocess.CompletedProcess[str]:
    return host.run("host/upgrade-kubernetes.sh", what, NEWEST, ignored)


def releases(host: Sandbox) -> list[str]:
    return [host.run(f"/usr/local/bin/{name}").stdout.split()[1] for name in PROGRAMS]


def test_a_new_host_begins_with_the_release(host: Sandbox) -> None:
    done = upgrade(host, "new", "")
    assert done.returncode == 0, done.stderr
    assert releases(host) == [NEWEST] * 3
    assert host.calls() == []


def test_a_node_is_left_to_its_rollout(host: Sandbox) -> None:
    host.write("/etc/kubernetes/kubelet.conf", "kubelet")
    done = upgrade(host, "new", "")
    assert done.returncode == 0
    assert releases(host) == [KUBERNETES] * 3


def test_the_control_plane_is_upgraded_by_the_new_kubeadm_and_the_kubelet_stays(host: Sandbox) -> None:
    said = f'[ "$*" ] && echo "kubeadm-{NEWEST} $*" >> /calls'
    host.write(f"{kubernetes_programs(NEWEST)}/kubeadm", f"#!/bin/bash\n{said}\n", 0o755)
    host.stand_in("kubectl")
    done = upgrade(host, "control-plane")
    assert done.returncode == 0, done.stderr
    first, second = host.calls()
    words = f"upgrade apply v{NEWEST} --yes --ignore-preflight-errors Swap,HTTPProxyCIDR"
    assert first == f"kubeadm-{NEWEST} {words}"
    assert second == "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz"
    assert host.run("/usr/local/bin/kubelet").stdout == f"kubelet {KUBERNETES}\n"


def test_a_nodes_settings_come_before_its_kubelet(host: Sandbox) -> None:
    said = 'echo "kubeadm $* with $(readlink /usr/local/bin/kubelet)" >> /calls'
    host.write(f"{kubernetes_programs(NEWEST)}/kubeadm", f"#!/bin/bash\n{said}\n", 0o755)
    done = upgrade(host, "node")
    assert done.returncode == 0, done.stderr
    kubeadm, *rest = host.calls()
    words = "kubeadm upgrade node --ignore-preflight-errors Swap,HTTPProxyCIDR"
    assert kubeadm == f"{words} with /opt/bundle/bin/kubelet"
    assert rest[:2] == ["systemctl daemon-reload", "systemctl restart kubelet"]
    assert rest[2].endswith("/healthz")
    assert [host.run(f"/usr/local/bin/{name}").stdout for name in PROGRAMS[1:]] == [
        f"{name} {NEWEST}\n" for name in PROGRAMS[1:]
    ]


def test_what_kubeadm_refuses_is_shown_and_the_kubelet_stays(host: Sandbox) -> None:
    host.write(f"{kubernetes_programs(NEWEST)}/kubeadm", "#!/bin/sh\necho '[ERROR CreateJob]' >&2\nexit 1\n", 0o755)
    for what, words in (("control-plane", "kubeadm upgrade apply"), ("node", "kubeadm upgrade node")):
        done = upgrade(host, what)
        assert done.returncode == 1
        assert "[ERROR CreateJob]" in done.stderr
        assert f"failed: {words}" in done.stderr
    assert host.run("/usr/local/bin/kubelet").stdout == f"kubelet {KUBERNETES}\n"
    assert host.calls() == []


def test_a_release_that_is_not_there_is_named_with_what_makes_it(host: Sandbox) -> None:
    done = host.run("host/upgrade-kubernetes.sh", "node", "9.9.9", "")
    assert done.returncode == 1
    assert "/opt/cilium-lab/kubernetes/9.9.9/kubeadm" in done.stderr
    assert "./lab build kubernetes-release-9.9.9" in done.stderr


def test_from_upstream_it_is_packages_in_the_same_order(sandbox: Sandbox) -> None:
    for name in ("dnf", "systemctl", "curl", "kubeadm"):
        sandbox.stand_in(name)
    done = upgrade(sandbox, "node", "")
    assert done.returncode == 0, done.stderr
    assert sandbox.calls()[:5] == [
        f"dnf install -y --disableexcludes=all kubeadm-{NEWEST}",
        "kubeadm upgrade node --ignore-preflight-errors ",
        f"dnf install -y --disableexcludes=all kubelet-{NEWEST} kubectl-{NEWEST}",
        "systemctl daemon-reload",
        "systemctl restart kubelet",
    ]
