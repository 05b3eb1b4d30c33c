"""The scripts for domains and pools of virtual machines: what is the stack's goes, what is anybody else's stays."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cilium_lab.libvirt.ownership import Mark
from tests.helpers.fake_libvirt import URI, FakeLibvirt

LOCAL = Path(__file__).parents[3] / "components" / "scripts" / "local"
IDENTITY, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
OURS, THEIRS = (Mark(identity, "cilium-lab/x").xml() for identity in (IDENTITY, OTHER))
UUID = "00000000-0000-0000-0000-0000000000aa"
NOTE = f"owner-{IDENTITY}"
VOLUMES = ("base.qcow2", "router.qcow2", "router-cloud-init.iso")


@pytest.fixture
def fake(tmp_path: Path) -> FakeLibvirt:
    made = FakeLibvirt(tmp_path / "fake")
    made.install()
    return made


def run(fake: FakeLibvirt, script: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{fake.folder}:{os.environ['PATH']}"}
    return subprocess.run([LOCAL / script, *words], input=stdin, capture_output=True, text=True, env=environment)


def pool(fake: FakeLibvirt, *volumes: str, uuid: str = UUID) -> Path:
    folder = fake.folder / "images"
    folder.mkdir()
    for volume in volumes:
        (folder / volume).write_text(f"content of {volume}")
    fake.add("pool", f"<pool><name>cilium-lab</name><uuid>{uuid}</uuid><target><path>{folder}</path></target></pool>")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- a pool is made


def pool_up(fake: FakeLibvirt, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    image = tmp_path / "image"
    image.write_bytes(bytes(10_000))
    return run(fake, "pool-up.sh", URI, "cilium-lab", str(image), "1024", IDENTITY, UUID)


@pytest.mark.parametrize(("free", "fits"), [(2**30 + 10_000, True), (2**30 + 9_999, False), (0, False)])
def test_a_pool_without_room_is_refused(fake: FakeLibvirt, tmp_path: Path, free: int, fits: bool) -> None:
    pool(fake)
    (fake.folder / "free").write_text(str(free))
    done = pool_up(fake, tmp_path)
    assert (done.returncode == 0) == fits
    if not fits:
        for words in ("pool cilium-lab of qemu:///system is full", "expected: 1024 MiB free", "seen: ", "next: "):
            assert words in done.stderr


def test_an_empty_pool_is_noted_as_the_stacks_once(fake: FakeLibvirt, tmp_path: Path) -> None:
    folder = pool(fake)
    assert pool_up(fake, tmp_path).returncode == 0
    assert names(folder) == [NOTE]
    (folder / "router.qcow2").touch()
    (folder / "somebody's").touch()  # it came later, and is told when the pool goes
    assert pool_up(fake, tmp_path).returncode == 0
    assert names(folder) == [NOTE, "router.qcow2", "somebody's"]


@pytest.mark.parametrize("there", ["router.qcow2", "holiday photos.tar", f"owner-{OTHER}"])
def test_a_pool_over_somebody_elses_files_is_refused_and_they_stay(
    fake: FakeLibvirt, tmp_path: Path, there: str
) -> None:
    folder = pool(fake, there)
    done = pool_up(fake, tmp_path)
    assert done.returncode == 1
    assert f"expected: an empty folder, before the first volume is made\n  seen: {there}" in done.stderr
    assert (folder / there).read_text() == f"content of {there}"
    assert names(folder) == [there]


def test_a_pool_of_an_earlier_version_has_volumes_and_no_note(fake: FakeLibvirt, tmp_path: Path) -> None:
    folder = pool(fake, "base.qcow2", uuid="00000000-0000-0000-0000-0000000000bb")
    assert pool_up(fake, tmp_path).returncode == 0
    assert names(folder) == ["base.qcow2"]


# --- a pool goes


def pool_down(fake: FakeLibvirt, *more: str) -> subprocess.CompletedProcess[str]:
    return run(fake, "pool-down.sh", URI, "cilium-lab", *more)


def test_volumes_that_failed_runs_left_are_removed_from_the_pool(fake: FakeLibvirt) -> None:
    folder = pool(fake, NOTE, "base.qcow2", "router.qcow2")
    for _ in range(2):
        done = pool_down(fake, UUID, IDENTITY, *VOLUMES)
        assert done.returncode == 0, done.stderr
        assert names(folder) == []
    assert fake.names("pool") == ["cilium-lab"]  # it is Pulumi's to remove


def test_whatever_else_lies_in_the_pool_stays_and_is_named(fake: FakeLibvirt) -> None:
    folder = pool(fake, NOTE, "router.qcow2", "holiday photos.tar")
    done = pool_down(fake, UUID, IDENTITY, *VOLUMES)
    assert done.returncode == 1
    assert "expected: nothing but the volumes of this stack\n  seen: holiday photos.tar\n  next: " in done.stderr
    assert names(folder) == ["holiday photos.tar"]
    (folder / "holiday photos.tar").unlink()
    assert pool_down(fake, UUID, IDENTITY, *VOLUMES).returncode == 0


def test_somebody_elses_pool_of_that_name_stays_with_all_volumes(fake: FakeLibvirt) -> None:
    pool(fake, "router.qcow2", uuid="00000000-0000-0000-0000-0000000000bb")
    before = fake.all()
    done = pool_down(fake, UUID, IDENTITY, *VOLUMES)
    assert done.returncode == 0
    assert "pool cilium-lab of qemu:///system stays: it is not this stack's" in done.stderr
    assert fake.all() == before


def test_without_a_proof_nothing_is_removed(fake: FakeLibvirt) -> None:
    folder = pool(fake, "router.qcow2")  # as a command that an earlier version left in the state calls it
    done = pool_down(fake)
    assert done.returncode == 1
    assert "seen: router.qcow2\n" in done.stderr
    assert names(folder) == ["router.qcow2"]
    (folder / "router.qcow2").unlink()
    assert pool_down(fake).returncode == 0


@pytest.mark.parametrize("left", ["nothing", "the definition", "a pool that stands still"])
def test_a_pool_that_somebody_took_away_is_no_obstacle(fake: FakeLibvirt, left: str) -> None:
    if left != "nothing":
        folder = pool(fake, "router.qcow2")
        fake.activate("pool", "cilium-lab", left == "the definition")
        if left == "the definition":
            (folder / "router.qcow2").unlink()
            folder.rmdir()
    done = pool_down(fake, UUID, IDENTITY, *VOLUMES)
    assert done.returncode == 0, done.stderr
    assert fake.names("pool") == ([] if left == "nothing" else ["cilium-lab"])
    if left != "nothing":
        assert names(fake.pool_folder("cilium-lab")) == []


# --- domains


def domain(fake: FakeLibvirt, metadata: str, *, active: bool = True) -> str:
    return fake.add("domain", f"<domain><name>router</name>{metadata}</domain>", active=active)


@pytest.mark.parametrize("active", [True, False])
def test_a_domain_that_could_not_be_started_is_undefined(fake: FakeLibvirt, active: bool) -> None:
    domain(fake, OURS, active=active)
    for _ in range(2):
        done = run(fake, "domain-down.sh", URI, "router", IDENTITY)
        assert done.returncode == 0, done.stderr
    assert fake.changes == ["destroy router", "undefine --nvram router"]
    assert fake.names("domain") == []


@pytest.mark.parametrize("identity", [IDENTITY, ""], ids=["ours", "an earlier version's command"])
@pytest.mark.parametrize(("metadata", "why"), [("", "no mark of this stack"), (THEIRS, "another stack, cilium-lab/x")])
def test_somebody_elses_domain_stays_and_is_no_obstacle(
    fake: FakeLibvirt, metadata: str, why: str, identity: str
) -> None:
    domain(fake, metadata)
    fake.add("domain", f"<domain><name>router-2</name>{OURS}</domain>")
    before = fake.all()
    done = run(fake, "domain-down.sh", URI, "router", *([identity] if identity else []))
    assert done.returncode == 0
    assert "domain router of qemu:///system stays: it carries " in done.stderr
    assert why in done.stderr
    assert fake.all() == before


def test_a_libvirt_that_does_not_answer_is_an_error(fake: FakeLibvirt) -> None:
    (fake.folder / "broken").mkdir()
    (fake.folder / "broken" / "list").write_text("error: failed to connect")
    done = run(fake, "domain-down.sh", URI, "router", IDENTITY)
    assert done.returncode != 0
    assert "failed to connect" in done.stderr


@pytest.mark.parametrize(("active", "how"), [(True, "--config --live"), (False, "--config")])
def test_memory_is_changed_for_now_and_for_the_next_start(fake: FakeLibvirt, active: bool, how: str) -> None:
    uuid = domain(fake, OURS, active=active)
    done = run(fake, "domain-memory.sh", URI, "router", "2560", stdin=uuid)
    assert done.returncode == 0, done.stderr
    assert fake.calls[-1] == f"setmem {uuid} 2560MiB {how}"


def test_the_memory_of_somebody_elses_domain_of_that_name_is_not_changed(fake: FakeLibvirt) -> None:
    domain(fake, "")
    done = run(fake, "domain-memory.sh", URI, "router", "2560", stdin=UUID)
    assert done.returncode != 0
    assert fake.changes == []
