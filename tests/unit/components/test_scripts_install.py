"""What puts programs on a host from a bundle, and the node's set-up."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from components.kubernetes.documents import PAUSE_IMAGE
from tests.helpers.script_sandbox import Sandbox, needs_root

pytestmark = needs_root

# --- the bundle

_PROGRAMS = {"bin/kubelet": "#!/bin/sh\necho kubelet\n", "cni/bridge": "#!/bin/sh\necho bridge\n"}


@pytest.fixture
def bundled(sandbox: Sandbox) -> Sandbox:
    """A host that sees a bundle with two programs and two images, one of which containerd has."""
    for name, text in _PROGRAMS.items():
        sandbox.write(f"/opt/bundle/{name}", text, 0o755)
    files = {name: {"sha256": hashlib.sha256(text.encode()).hexdigest()} for name, text in _PROGRAMS.items()}
    images = [{"ref": f"registry.test/{name}:1", "file": f"images/{name}.tar"} for name in ("old", "new")]
    sandbox.write("/opt/bundle/index.json", json.dumps({"files": files, "images": images}))
    sandbox.stand_in("systemctl")
    sandbox.write("/imported", "registry.test/old:1\n")
    sandbox.stand_in(
        "ctr",
        'case $* in *"images ls"*) cat /imported ;; *import*) name=${!#}; name=${name##*/}\n'
        'echo "registry.test/${name%.tar}:1" >> /imported ;; esac',
    )
    return sandbox


def bundle(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/install-bundle.sh", "/opt/bundle")


def test_a_bundle_becomes_the_hosts_own(bundled: Sandbox) -> None:
    done = bundle(bundled)
    assert done.returncode == 0, done.stderr
    assert bundled.run("/usr/local/bin/kubelet").stdout == "kubelet\n"
    assert bundled.run("/opt/cni/bin/bridge").stdout == "bridge\n"
    assert [call for call in bundled.calls() if "import" in call] == [
        "ctr -n k8s.io images import /opt/bundle/images/new.tar"
    ]


def test_a_second_installation_imports_nothing(bundled: Sandbox) -> None:
    bundle(bundled)
    before = bundled.written()
    bundled.calls()
    assert bundle(bundled).returncode == 0
    assert not any("import" in call for call in bundled.calls())
    assert bundled.written() == before


def test_a_damaged_bundle_is_refused_by_file(bundled: Sandbox) -> None:
    bundled.write("/opt/bundle/bin/kubelet", "something else")
    done = bundle(bundled)
    assert done.returncode == 1
    assert "bin/kubelet: FAILED" in done.stderr + done.stdout
    assert "failed: the bundle is damaged" in done.stderr
    assert not bundled.path("/usr/local/bin/kubelet").exists()


def test_a_folder_that_is_no_bundle_is_refused(bundled: Sandbox) -> None:
    done = bundled.run("host/install-bundle.sh", "/srv")
    assert done.returncode == 1
    assert "expected: /srv/index.json\n  seen: nothing there\n" in done.stderr


def test_an_image_that_cannot_be_imported_fails(bundled: Sandbox) -> None:
    bundled.stand_in("ctr", 'case $* in *import*) echo "ctr: no space" >&2; exit 1 ;; esac')
    done = bundle(bundled)
    assert done.returncode != 0
    assert "ctr: no space" in done.stderr


# --- the node's set-up


def configure(sandbox: Sandbox, driver: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/configure-node.sh", driver, PAUSE_IMAGE)


@pytest.mark.parametrize(
    ("driver", "cgroup", "confined"), [("systemd", "true", "false"), ("cgroupfs", "false", "true")]
)
def test_a_node_is_prepared_once(sandbox: Sandbox, driver: str, cgroup: str, confined: str) -> None:
    for program in ("systemctl", "modprobe", "swapoff", "kubelet"):
        sandbox.stand_in(program)
    done = configure(sandbox, driver)
    assert done.returncode == 0, done.stderr
    assert "systemctl restart containerd" in sandbox.calls()
    containerd = sandbox.path("/etc/containerd/config.toml").read_text()
    assert f"SystemdCgroup = {cgroup}\n" in containerd
    assert f"disable_apparmor = {confined}\n" in containerd
    assert f'sandbox_image = "{PAUSE_IMAGE}"' in containerd
    assert (
        "ExecStart=/stand-ins/kubelet $KUBELET_KUBECONFIG_ARGS"
        in sandbox.path("/etc/systemd/system/kubelet.service").read_text()
    )
    assert (
        sandbox.run("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter").stdout == "1\n0\n"
    )

    before = sandbox.written()
    assert configure(sandbox, driver).returncode == 0
    assert sandbox.written() == before
    assert {"systemctl restart containerd", "systemctl daemon-reload"}.isdisjoint(sandbox.calls())


def test_a_node_without_kubelet_is_refused(sandbox: Sandbox) -> None:
    for program in ("systemctl", "modprobe", "swapoff"):
        sandbox.stand_in(program)
    done = configure(sandbox, "cgroupfs")
    assert done.returncode == 1
    assert "failed: no kubelet" in done.stderr
