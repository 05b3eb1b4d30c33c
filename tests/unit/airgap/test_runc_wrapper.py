"""The runc wrapper removes one capability from a container's specification, only where no process can have it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "airgap/rootfs/files/usr/local/sbin/runc-lab"
SETS = ("bounding", "effective", "permitted")
WITH, WITHOUT = 0x000001FFFFFFFFFF, 0x000001FFFEFFFFFF

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the wrapper edits JSON with jq")


@pytest.fixture
def run(tmp_path: Path):
    """Runs the wrapper with a bounding set of our choice and a runc that notes its arguments."""
    runc = tmp_path / "runc"
    runc.write_text(f'#!/bin/sh\nprintf "%s " "$@" >{tmp_path}/called\n')
    runc.chmod(0o755)

    def call(bounding: int, *words: str) -> list[str]:
        status = tmp_path / "status"
        status.write_text(f"Name:\tsh\nCapBnd:\t{bounding:016x}\n")
        text = WRAPPER.read_text()
        assert text.count("/proc/self/status") == 1
        assert text.count("/usr/sbin/runc") == 1
        script = text.replace("/proc/self/status", str(status)).replace("/usr/sbin/runc", str(runc))
        subprocess.run(["sh", "-c", script, "runc-lab", *words], check=True, cwd=tmp_path)
        return (tmp_path / "called").read_text().split()

    return call


def _capabilities() -> dict[str, list[str]]:
    return {name: ["CAP_NET_RAW", "CAP_SYS_RESOURCE"] for name in SETS}


def _bundle(folder: Path) -> Path:
    folder.mkdir()
    spec = {"process": {"args": ["x"], "capabilities": _capabilities()}, "root": {"path": "rootfs"}}
    (folder / "config.json").write_text(json.dumps(spec))
    return folder


@pytest.mark.parametrize("form", ["--bundle {}", "-b {}", "--bundle={}"])
def test_a_new_container_loses_the_capability(run, tmp_path: Path, form: str) -> None:
    bundle = _bundle(tmp_path / "bundle")
    words = ["--root", "/run/x", "create", *form.format(bundle).split(), "id"]
    assert run(WITHOUT, *words) == words
    spec = json.loads((bundle / "config.json").read_text())
    assert spec["process"]["capabilities"] == {name: ["CAP_NET_RAW"] for name in SETS}
    assert spec["process"]["args"] == ["x"]
    assert spec["root"] == {"path": "rootfs"}


def test_a_command_in_a_container_loses_it_too(run, tmp_path: Path) -> None:
    process = tmp_path / "process.json"
    process.write_text(json.dumps({"args": ["sh"], "capabilities": _capabilities()}))
    run(WITHOUT, "exec", "--process", str(process), "id")
    assert json.loads(process.read_text())["capabilities"] == {name: ["CAP_NET_RAW"] for name in SETS}


def test_nothing_is_changed_where_the_machine_has_it(run, tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "bundle")
    before = (bundle / "config.json").read_bytes()
    run(WITH, "create", "--bundle", str(bundle), "id")
    assert (bundle / "config.json").read_bytes() == before


def test_other_commands_pass_through(run, tmp_path: Path) -> None:
    words = ["--root", "/run/x", "delete", "--force", "create"]
    assert run(WITHOUT, *words) == words


def test_a_description_without_capabilities_is_left_alone(run, tmp_path: Path) -> None:
    process = tmp_path / "process.json"
    process.write_text(json.dumps({"args": ["echo", "CAP_SYS_RESOURCE"]}))
    run(WITHOUT, "exec", "-p", str(process), "id")
    assert json.loads(process.read_text()) == {"args": ["echo", "CAP_SYS_RESOURCE"]}
