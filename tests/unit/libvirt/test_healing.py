"""What is done about what somebody removed behind a stack's back: a pure plan, and virsh and pulumi are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import join
from typing import Any

import pytest

from cilium_lab.libvirt import healing, inventory
from cilium_lab.libvirt.healing import Folder, Plan, absent, plan
from cilium_lab.libvirt.inventory import LibvirtError, Scope, look
from cilium_lab.libvirt.ownership import Held, Mark, Seen, State, pool_uuid, read_state
from tests.helpers.fake_libvirt import URI, FakeLibvirt

LXC = "lxc:///system"
IDENTITY = "00000000-0000-0000-0000-000000000001"
MARK = Mark(IDENTITY, "cilium-lab/lab")
POOL = pool_uuid(IDENTITY, "cilium-lab")


def held(kind: Any, name: str, key: str, **inputs: Any) -> Held:
    return Held(f"urn::{kind}-{name}", kind, name, key, URI, inputs)


def container(name: str) -> Held:
    create = join(["components/scripts/local/container-up.sh", LXC, name, f"/hosts/{name}", "/rootfs", "-", IDENTITY])
    return Held(f"urn::{name}-domain", "domain", name, "", LXC, {"create": create})


NETWORK = held("network", "cilium-lab", "n1")
PATH = {"path": "/images"}
HELD_POOL = held("pool", "cilium-lab", POOL, target=PATH)
DISK = held("volume", "router.qcow2", "/images/router.qcow2", pool="cilium-lab")
SEED = held("volume", "router-cloud-init.iso", "/images/router-cloud-init.iso", pool="cilium-lab")
MACHINE = held("domain", "router", "d1")
HOSTS = (container("k8s-w1"), container("k8s-w2"))
STATE = State(IDENTITY, (NETWORK, HELD_POOL, DISK, SEED, MACHINE, *HOSTS))

SEEN = (
    Seen("network", URI, "cilium-lab", "n1", MARK, bridge="lab-nodes"),
    Seen("pool", URI, "cilium-lab", POOL, path="/images", volumes=frozenset({DISK.name, SEED.name})),
    Seen("domain", URI, "router", "d1", MARK),
    *(Seen("domain", LXC, host.name, f"c-{host.name}", MARK) for host in HOSTS),
)
WHOLE = Folder(whole=True, mounted=True)


def but(index: int, **changes: Any) -> list[Seen]:
    """What is seen of a whole lab, but for one change of one object, or without it."""
    one = [replace(SEEN[index], **changes)] if changes else []
    return [*SEEN[:index], *one, *SEEN[index + 1 :]]


def up(seen: Sequence[Seen], folder: Folder = WHOLE) -> Plan:
    return plan("up", STATE, seen, lambda _path: folder)


def test_a_whole_lab_needs_nothing() -> None:
    assert up(SEEN) == Plan()
    assert plan("destroy", STATE, SEEN, lambda _path: WHOLE) == Plan()
    assert absent(STATE, SEEN) == []


def test_a_network_that_is_gone_is_made_anew_before_hosts_are_started() -> None:
    assert up(but(0)) == Plan(refresh=(NETWORK.urn,), networks=(NETWORK.urn,))
    assert plan("destroy", STATE, but(0), lambda _path: WHOLE) == Plan(refresh=(NETWORK.urn,))


def test_a_network_that_stands_still_is_started() -> None:
    seen = but(0, active=False)
    assert up(seen) == Plan(start_networks=(seen[0],))
    assert plan("destroy", STATE, seen, lambda _path: WHOLE) == Plan()


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize("verb", ["up", "destroy"])
def test_what_was_undefined_while_it_ran_is_defined_again(verb: Any, index: int) -> None:
    seen = but(index, persistent=False)
    assert plan(verb, STATE, seen, lambda _path: WHOLE) == Plan(persist=(seen[index],))


def test_a_machine_that_is_gone_is_forgotten_and_one_that_is_off_is_started() -> None:
    assert up(but(2)) == Plan(refresh=(MACHINE.urn,))
    seen = but(2, active=False)
    assert up(seen) == Plan(start_domains=(seen[2],))
    assert plan("destroy", STATE, but(2), lambda _path: WHOLE) == Plan(refresh=(MACHINE.urn,))


def test_a_machine_whose_disk_is_gone_is_another_one() -> None:
    seen = but(1, volumes=frozenset({SEED.name}))
    assert up(seen) == Plan(refresh=(DISK.urn,), replace=(MACHINE.urn,))
    # it is not started before: it has no disk
    off = [replace(one, active=False) if one.uuid == "d1" else one for one in seen]
    assert up(off) == Plan(refresh=(DISK.urn,), replace=(MACHINE.urn,))
    assert up(but(1, volumes=frozenset({DISK.name}))) == Plan(refresh=(SEED.urn,))


@pytest.mark.parametrize("change", [{}, {"active": False}, {"persistent": False}], ids=["gone", "off", "undefined"])
def test_a_container_is_brought_back_by_the_command_that_made_it(change: dict[str, Any]) -> None:
    seen = but(3, **change)
    assert up(seen) == Plan(containers=(HOSTS[0],))
    # a destroy needs none of its hosts
    assert plan("destroy", STATE, seen, lambda _path: WHOLE).containers == ()


def test_a_container_that_lost_what_was_its_own_is_another_one() -> None:
    assert up(SEEN, Folder(whole=False, mounted=True)).replace == tuple(host.urn for host in HOSTS)
    assert up(SEEN, Folder(whole=True, mounted=False)).containers == HOSTS
    gone = plan("destroy", STATE, but(3), lambda _path: Folder(whole=False, mounted=False))
    assert gone == Plan()


def test_somebody_elses_objects_of_these_names_are_left_alone() -> None:
    foreign = [replace(one, uuid=f"x{n}", mark=None, active=False, persistent=False) for n, one in enumerate(SEEN)]
    found = up(foreign)
    assert found == Plan(refresh=(HELD_POOL.urn, NETWORK.urn, DISK.urn, SEED.urn, MACHINE.urn), networks=(NETWORK.urn,))


def test_a_container_of_an_earlier_version_is_known_by_its_root() -> None:
    old = but(3, active=False, mark=None, path="/hosts/k8s-w1/root")
    assert up(old).containers == (HOSTS[0],)
    other = but(3, active=False, mark=None, path="/elsewhere")
    assert up(other) == Plan()


@pytest.mark.parametrize("lost", ["upper", "work", "data/etcd", "data", "rootfs", ""])
def test_a_containers_folder_is_looked_at(tmp_path: Path, lost: str) -> None:
    for part in ("upper", "work", "root", "data/containerd", "data/kubelet", "data/etcd"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "rootfs").symlink_to("/")
    if lost == "rootfs":
        (tmp_path / lost).unlink()
    elif lost:
        (tmp_path / lost).rename(tmp_path / "lost")
    assert healing.look_at(tmp_path) == Folder(whole=lost in ("", "rootfs"), mounted=False)


# --- done for real, but for virsh and pulumi


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibvirt:
    made = FakeLibvirt(tmp_path / "fake")
    made.install()
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


def stack(fake: FakeLibvirt, *resources: dict[str, Any]) -> None:
    """A pulumi that shows this state and notes what else it is told."""
    provider = {"urn": "urn::provider", "id": "p", "type": "pulumi:providers:libvirt", "inputs": {"uri": URI}}
    state = {"version": 3, "deployment": {"resources": [provider, *resources]}}
    (fake.folder / "state.json").write_text(json.dumps(state))
    script = fake.folder / "pulumi"
    told = f'case "$*" in *export*) cat {fake.folder}/state.json ;; *) echo "pulumi $*" >> {fake.folder}/calls ;; esac'
    script.write_text(f"#!/bin/sh\n{told}\n")
    script.chmod(0o755)


def resource(kind: str, name: str, key: str, **inputs: Any) -> dict[str, Any]:
    token = f"libvirt:index/{kind.lower()}:{kind}"
    return {"urn": f"urn::{name}-{kind}", "id": key, "type": token, "provider": "urn::provider::p",
            "inputs": {"name": name, **inputs}}  # fmt: skip


def test_a_pool_that_is_gone_comes_back_over_its_folder_with_its_uuid(fake: FakeLibvirt, tmp_path: Path) -> None:
    images = tmp_path / "images & more"
    images.mkdir()
    (images / "router.qcow2").write_text("a disk")
    stack(
        fake,
        resource("Pool", "cilium-lab", POOL, target={"path": str(images)}),
        resource("Volume", "router.qcow2", str(images / "router.qcow2"), pool="cilium-lab"),
    )
    assert healing.main(["destroy", "--stack", "lab"]) == 0
    found = look(Scope({}, frozenset({URI})))
    assert found == [
        Seen("pool", URI, "cilium-lab", POOL, active=True, path=str(images), volumes=frozenset({"router.qcow2"}))
    ]
    assert not any(call.startswith("pulumi") for call in fake.calls)


@pytest.mark.parametrize("folder_too", [True, False])
def test_a_pool_that_stands_still_is_started_and_a_lost_folder_made(
    fake: FakeLibvirt, tmp_path: Path, folder_too: bool
) -> None:
    images = tmp_path / "images"
    if folder_too:
        images.mkdir()
    stack(
        fake,
        resource("Pool", "cilium-lab", "p1", target={"path": str(images)}),
        resource("Volume", "base.qcow2", str(images / "base.qcow2"), pool="cilium-lab"),
    )
    definition = f"<pool><name>cilium-lab</name><uuid>p1</uuid><target><path>{images}</path></target></pool>"
    fake.add("pool", definition, active=not folder_too)
    assert healing.main(["up", "--stack", "lab"]) == 0
    assert fake.is_active("pool", "cilium-lab")
    words = "pulumi --non-interactive refresh --yes --skip-preview --target urn::base.qcow2-Volume --stack lab"
    assert words in fake.calls


def test_somebody_elses_pool_of_that_name_is_an_error_and_stays(
    fake: FakeLibvirt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack(fake, resource("Pool", "cilium-lab", "p1", target={"path": str(tmp_path / "images")}))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "router.qcow2").write_text("a disk of somebody else")
    other = f"<pool><name>cilium-lab</name><uuid>p2</uuid><target><path>{theirs}</path></target></pool>"
    fake.add("pool", other, active=False)
    before = fake.all()
    assert healing.main(["destroy", "--stack", "lab"]) == 1
    assert fake.all() == before
    said = capsys.readouterr().err
    assert "pool cilium-lab of qemu:///system\n  expected: the stack's own, with UUID p1\n  seen: another one" in said


def test_a_network_that_is_gone_is_made_by_pulumi_before_anything_else(fake: FakeLibvirt) -> None:
    stack(fake, resource("Network", "cilium-lab", "n1"), resource("Network", "cilium-lab-router", "n2"))
    fake.add("network", "<network><name>cilium-lab-router</name><uuid>n2</uuid></network>", active=False)
    assert healing.main(["up", "--stack", "lab"]) == 0
    assert fake.changes == [
        "pulumi --non-interactive refresh --yes --skip-preview --target urn::cilium-lab-Network --stack lab",
        "net-start cilium-lab-router",
        "pulumi --non-interactive up --yes --skip-preview --target urn::cilium-lab-Network --target **::identity"
        " --stack lab",
    ]


def test_what_was_undefined_while_it_ran_is_defined_as_it_runs(fake: FakeLibvirt) -> None:
    stack(fake, resource("Network", "cilium-lab", "n1"))
    fake.add("network", f"<network><name>cilium-lab</name><uuid>n1</uuid>{MARK.xml()}</network>")
    (fake.folder / "objects" / "transient network cilium-lab").touch()
    assert healing.main(["destroy", "--stack", "lab"]) == 0
    found = look(Scope({}, frozenset({URI})))
    assert found == [Seen("network", URI, "cilium-lab", "n1", MARK, active=True, persistent=True)]
    assert fake.changes == ["net-define /dev/stdin", "net-autostart cilium-lab"]


def test_a_container_is_given_again_what_the_state_keeps_secret(
    fake: FakeLibvirt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "components" / "scripts" / "local" / "container-up.sh"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/made; cat > {tmp_path}/given\n')
    script.chmod(0o755)
    monkeypatch.setattr(healing, "_ROOT", tmp_path)
    monkeypatch.setattr(healing, "look_at", lambda _folder: WHOLE)
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"a\\nb\\n"'}
    command = {"urn": "urn::k8s-w1-domain", "id": "c", "type": "command:local:Command",
               "inputs": {"create": str(HOSTS[0].inputs["create"]), "stdin": secret}}  # fmt: skip
    stack(fake, command)
    assert healing.main(["destroy", "--stack", "lab"]) == 0
    assert not (tmp_path / "made").exists()
    assert healing.main(["up", "--stack", "lab"]) == 0
    assert (tmp_path / "given").read_text() == "a\nb\n"
    assert (tmp_path / "made").read_text() == f"{LXC} k8s-w1 /hosts/k8s-w1 /rootfs - {IDENTITY}\n"
    script.write_text("#!/bin/sh\necho 'no rootfs' >&2; exit 1\n")
    assert healing.main(["up", "--stack", "lab"]) == 1


@pytest.mark.parametrize("allowed", [True, False])
def test_a_host_that_went_on_running_is_plugged_into_its_new_bridge(
    fake: FakeLibvirt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    allowed: bool,
) -> None:
    uuid = fake.add("domain", f"<domain><name>router</name>{MARK.xml()}</domain>")
    fake.add("domain", "<domain><name>somebody's</name></domain>")
    ports = " vnet0   bridge    lab-nodes   virtio   52:54:00:1f:01:14\n vnet1   bridge    lab-outer   virtio   52:54\n"
    # of a network's name, as virtual machines have it, and of a network that somebody else has
    ports += " vnet3   network   cilium-lab   virtio   52:54\n vnet9   network   gone     virtio   52:54\n"
    (fake.folder / "ports router").write_text(ports)
    network = fake.add("network", f"<network><name>cilium-lab</name>{MARK.xml()}<bridge name='lab-nodes'/></network>")
    (fake.folder / "ports somebody's").write_text(" vnet2   bridge    lab-nodes   virtio   52:54\n")
    for link in ("vnet0", "vnet1", "vnet2", "vnet3", "vnet9", "lab-nodes", "lab-outer"):
        (tmp_path / "net" / link).mkdir(parents=True)
    (tmp_path / "net" / "vnet1" / "master").symlink_to(tmp_path / "net" / "lab-outer")
    monkeypatch.setattr(healing, "_LINKS", tmp_path / "net")
    end = "" if allowed else "; echo 'RTNETLINK answers: Operation not permitted' >&2; exit 2"
    (fake.folder / "ip").write_text(f'#!/bin/sh\necho "ip $*" >> {fake.folder}/calls{end}\n')
    (fake.folder / "ip").chmod(0o755)
    stack(fake, resource("Domain", "router", uuid), resource("Network", "cilium-lab", network))
    assert healing.main(["up", "--stack", "lab"]) == (0 if allowed else 1)
    plugged = [f"ip link set {port} master lab-nodes" for port in ("vnet0", "vnet3")]
    assert fake.changes == plugged[: 2 if allowed else 1]
    said = capsys.readouterr().err
    assert ("not permitted\n  next: sudo ip link set vnet0 master lab-nodes" in said) == (not allowed)


def test_a_stack_that_holds_nothing_of_libvirt_needs_none(fake: FakeLibvirt) -> None:
    stack(fake)
    (fake.folder / "virsh").unlink()
    assert healing.main(["up", "--stack", "lab"]) == 0


def test_a_state_that_can_not_be_read_is_told_in_pulumis_words(
    fake: FakeLibvirt, capsys: pytest.CaptureFixture[str]
) -> None:
    (fake.folder / "pulumi").write_text("#!/bin/sh\necho 'error: no stack named lab' >&2; exit 255\n")
    (fake.folder / "pulumi").chmod(0o755)
    assert healing.main(["up", "--stack", "lab"]) == 1
    assert "pulumi stack export --stack lab: error: no stack named lab" in capsys.readouterr().err


# --- what is there


def test_a_libvirt_is_read_without_a_change(fake: FakeLibvirt, tmp_path: Path) -> None:
    root = '<devices><filesystem><source dir="/hosts/router/root"/><target dir="/"/></filesystem></devices>'
    uuid = fake.add("domain", f"<domain><name>router</name>{MARK.xml()}{root}</domain>", active=False)
    fake.add("domain", "<domain><name>somebody's</name></domain>")
    network = fake.add("network", '<network><name>x</name><bridge name="virbr0"/></network>')
    (tmp_path / "two words").touch()
    pool = fake.add("pool", f"<pool><name>p q</name><target><path>{tmp_path}</path></target></pool>")
    files = frozenset(path.name for path in tmp_path.iterdir())
    scope = Scope({URI: frozenset({"router"})}, frozenset({URI}), frozenset({"lo", "no-such"}), frozenset({"/no-such"}))
    assert look(scope) == [
        Seen("domain", URI, "router", uuid, MARK, active=False, path="/hosts/router/root"),
        Seen("network", URI, "x", network, bridge="virbr0"),
        Seen("pool", URI, "p q", pool, path=str(tmp_path), volumes=files),
        Seen("bridge", "", "lo"),
    ]
    assert "two words" in files
    assert fake.changes == []
    assert inventory.find("network", URI, "y") is None


def test_one_failure_among_several_commands_is_an_error_though_virsh_ends_well(fake: FakeLibvirt) -> None:
    fake.add("network", '<network><name>x</name><bridge name="virbr0"/></network>')
    (fake.folder / "broken").mkdir()
    (fake.folder / "broken" / "net-dumpxml").write_text("error: Network not found")
    with pytest.raises(LibvirtError, match="error: Network not found"):
        inventory.networks(URI)
    assert fake.calls[-1].startswith("net-info")


def test_the_state_is_that_of_the_stack_by_its_name(fake: FakeLibvirt) -> None:
    stack(fake, resource("Network", "cilium-lab", "n1"))
    text = (fake.folder / "state.json").read_text()
    assert inventory.stack_state("organization/cilium-lab/lab") == read_state(text)
