"""A release of Cilium that the bundle does not hold: how its images reach running hosts."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from cilium_lab.artifacts.bundle import Archive
from components.machines.files import File, pack
from tests.helpers.pulumi_recorder import Recording, Registered
from tests.helpers.recorded_lab import record_lab
from tests.helpers.script_sandbox import Sandbox, needs_root

IMAGE = "registry.local/cilium/cilium:v9.9.9"
_SSH = """
case "$*" in
    *'images ls') if [ -e /had ]; then cat /had; fi ;;
    *'images import -') echo "imported $(cat)" >> /calls; [ ! -e /full ] || exit 1 ;;
esac
"""


@pytest.fixture
def host(sandbox: Sandbox) -> Sandbox:
    sandbox.stand_in("ssh", _SSH)
    sandbox.write("/archive.tar", "layers")
    return sandbox


def run(host: Sandbox, sha256: str = "") -> subprocess.CompletedProcess[str]:
    line = f"{IMAGE} /archive.tar {sha256 or digest()}\n"
    keys = pack({"key": File("private\n"), "known_hosts": File("172.31.1.11 ssh-ed25519 AAAA\n")})
    return host.run("local/import-images.sh", "172.31.1.11", line, stdin=keys)


def digest() -> str:
    return hashlib.sha256(b"layers").hexdigest()


@needs_root
def test_an_image_is_imported_over_ssh_and_labelled_with_its_archive(host: Sandbox) -> None:
    done = run(host)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"importing {IMAGE}\n"
    listed, imported, content, labelled = host.calls()
    assert listed.endswith("root@172.31.1.11 ctr -n k8s.io images ls")
    assert imported.endswith("ctr -n k8s.io images import -")
    assert content == "imported layers"
    assert labelled.endswith(f"images label {IMAGE} cilium-lab.archive={digest()}")
    for call in (listed, imported, labelled):
        assert "-o StrictHostKeyChecking=yes" in call
        assert "private" not in call
    assert not [path for path in host.written() if path.startswith("/tmp/")]  # nor is the key left


@needs_root
def test_what_the_host_has_of_the_same_archive_is_left_alone(host: Sandbox) -> None:
    host.write(
        "/had", f"REF TYPE\n{IMAGE} application/x sha256:12 1 MiB linux/amd64 cilium-lab.archive={digest()},a=b\n"
    )
    assert run(host).returncode == 0
    assert len(host.calls()) == 1


@needs_root
@pytest.mark.parametrize("label", ["", "cilium-lab.archive=" + 64 * "0"])
def test_an_image_of_another_archive_is_imported_again(host: Sandbox, label: str) -> None:
    host.write("/had", f"{IMAGE} application/x sha256:12 1 MiB linux/amd64 {label or '-'}\n")
    assert run(host).returncode == 0
    assert "imported layers" in host.calls()


@needs_root
def test_a_damaged_archive_is_not_imported(host: Sandbox) -> None:
    done = run(host, sha256=64 * "0")
    assert done.returncode == 1
    assert f"the file of {IMAGE} is damaged" in done.stderr
    assert f"seen: {digest()}" in done.stderr
    assert len(host.calls()) == 1


@needs_root
def test_a_host_that_takes_no_image_ends_the_step_and_gets_no_label(host: Sandbox) -> None:
    host.write("/full", "")
    assert run(host).returncode != 0
    assert not [call for call in host.calls() if "images label" in call]


PROGRAM = "/opt/cilium-lab/kubernetes/9.9.9/kubelet"
_SSH_PROGRAM = """
case "$*" in
    *sha256sum*) [ -e /same ] ;;
    *install*) echo "got $(cat)" >> /calls; [ ! -e /full ] ;;
esac
"""


def give(host: Sandbox, sha256: str = "") -> subprocess.CompletedProcess[str]:
    host.stand_in("ssh", _SSH_PROGRAM)
    keys = pack({"key": File("private\n"), "known_hosts": File("172.31.1.11 ssh-ed25519 AAAA\n")})
    return host.run(
        "local/import-images.sh", "172.31.1.11", f"{PROGRAM} /archive.tar {sha256 or digest()}\n", stdin=keys
    )


@needs_root
def test_a_program_is_put_in_its_place_at_once(host: Sandbox) -> None:
    done = give(host)
    assert done.returncode == 0, done.stderr
    _, _, put, content = host.calls()
    assert put.endswith(f"install -D -m 755 /dev/stdin {PROGRAM}.new && mv {PROGRAM}.new {PROGRAM}")
    assert content == "got layers"


@needs_root
def test_a_program_that_the_host_has_is_left_alone_and_a_damaged_one_is_not_given(host: Sandbox) -> None:
    damaged = give(host, 64 * "0")
    assert damaged.returncode == 1
    assert f"the file of {PROGRAM} is damaged" in damaged.stderr
    host.write("/full", "")
    assert give(host).returncode != 0
    host.write("/same", "")
    host.calls()
    assert give(host).returncode == 0
    assert not [call for call in host.calls() if call.startswith("got")]


def images(recording: Recording) -> dict[str, Registered]:
    return {name: item for name, item in recording.by_name().items() if name.endswith("-images")}


def test_every_node_gets_them_before_cilium_changes_and_the_router_none() -> None:
    archive = Archive(IMAGE, Path("/cache/cilium.tar"), digest())
    recording = record_lab("embedded", archives=(archive,))
    found = images(recording)
    assert set(found) == {"k8s-cp-images", "k8s-w1-images", "k8s-w2-images"}
    preflight = recording.by_name()["migration-preflight"].request.dependencies
    for item in found.values():
        assert item.urn in preflight
        assert f"{IMAGE} /cache/cilium.tar {digest()}" in str(item.inputs["create"])


def test_a_lab_of_the_bundles_own_release_has_no_such_step() -> None:
    names = record_lab("embedded").by_name()
    assert not [name for name in names if name.endswith(("-images", "-kubernetes", "k8s-cp-release"))]


def test_kubernetes_reaches_every_node_before_it_is_made_one_and_before_the_preflight() -> None:
    program = Archive(PROGRAM, Path("/cache/kubelet"), digest())
    found = record_lab("embedded", kubernetes=(program,), versions={"kubernetes": "1.33.9"}).by_name()
    for host in ("k8s-cp", "k8s-w1", "k8s-w2"):
        given, used, prepared = found[f"{host}-kubernetes"], found[f"{host}-release"], found[f"{host}-node"]
        assert f"{PROGRAM} /cache/kubelet {digest()}" in str(given.inputs["create"])
        assert str(used.inputs["create"]).endswith("/upgrade-kubernetes.sh new 1.33.9 ''")
        assert given.urn in used.request.dependencies
        assert used.urn in prepared.request.dependencies
    assert "router-kubernetes" not in found


def test_another_release_changes_commands_and_no_identity() -> None:
    """A changed trigger would replace a command, and a changed name a whole cluster."""
    program = Archive(PROGRAM, Path("/cache/kubelet"), digest())
    before = record_lab("embedded").by_name()
    after = record_lab("embedded", kubernetes=(program,), versions={"kubernetes": "1.33.9"}).by_name()
    assert {item.urn for item in before.values()} <= {item.urn for item in after.values()}
    for name, item in before.items():
        assert after[name].inputs.get("triggers") == item.inputs.get("triggers"), name
