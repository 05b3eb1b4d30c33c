"""Downloads by the real curl and skopeo from servers of this machine, with the faults that downloads meet."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from airgap import prerequisites
from airgap.builder import fetch
from airgap.builder.builder import Builder
from airgap.builder.recipe import BuildError, Mirror, Recipe, Workspace
from airgap.builder.report import Progress
from airgap.images import archive
from airgap.images.archive import Config, Entry, layer_from_entries, write_archive
from tests.helpers import artifacts_folder, mirror
from tests.helpers.mirror import Faults

UPSTREAM = "https://files.example/release/v1/tool.tar.gz"
PATH = "/files.example/release/v1/tool.tar.gz"
CONTENT = bytes(range(256)) * 8192
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    prerequisites.install(prerequisites.DOWNLOADS)


@dataclass
class Server:
    """A mirror of one file, and what it does wrong."""

    address: str
    faults: Faults
    file: Path

    def mirror(self) -> Mirror:
        return Mirror(files=self.address)


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    faults = Faults()
    file = tmp_path / "served" / PATH.removeprefix("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    with mirror.serve(tmp_path / "served", faults) as address:
        yield Server(address, faults, file)


@dataclass
class Kitchen:
    """A folder of artifacts, and builds in it."""

    top: Path
    printed: io.StringIO = field(default_factory=io.StringIO)

    def build(self, make: Callable[[Workspace], None], using: Mirror) -> Path:
        """Build one artifact by downloading; returns its folder."""
        recipe = Recipe("tool", make, downloads=True)
        (built,) = Builder([recipe], Progress(self.printed), using).build(["tool"])
        return built.folder

    @property
    def partial(self) -> list[Path]:
        """What has been fetched so far and is kept for the next run."""
        return list(self.top.glob("artifacts/tool-*.work/*.part"))

    @property
    def whole(self) -> list[str]:
        return [path.name for path in self.top.glob("artifacts/tool-*") if not path.suffix]


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    artifacts_folder.use(tmp_path / "cache", monkeypatch)
    monkeypatch.setattr(fetch, "_PAUSES", (0.1, 0.1, 0.1))
    return Kitchen(tmp_path / "cache")


def tool(ws: Workspace) -> None:
    fetch.file(ws, UPSTREAM, SUM).rename(ws.out / "tool")


def test_a_file_comes_from_below_the_mirror(server: Server, kitchen: Kitchen) -> None:
    assert (kitchen.build(tool, server.mirror()) / "tool").read_bytes() == CONTENT
    assert {path for path, _ in server.faults.requested} == {PATH}
    assert "downloading tool" in kitchen.printed.getvalue()


def test_a_file_that_breaks_off_is_continued_where_it_stopped(server: Server, kitchen: Kitchen) -> None:
    server.faults.truncated[PATH] = 700_000
    assert (kitchen.build(tool, server.mirror()) / "tool").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.faults.requested if wanted] == ["bytes=700000-"]


def test_an_interrupted_run_is_continued_by_the_next_one(server: Server, kitchen: Kitchen) -> None:
    """The first run gets the beginning, and no second attempt."""
    server.faults.truncated[PATH] = 500_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "_PAUSES", ())
        with pytest.raises(BuildError, match="could not be fetched"):
            kitchen.build(tool, server.mirror())
    (part,) = kitchen.partial
    assert part.stat().st_size == 500_000
    assert kitchen.whole == []
    assert (kitchen.build(tool, server.mirror()) / "tool").read_bytes() == CONTENT
    assert server.faults.requested[-1] == (PATH, "bytes=500000-")


def test_a_file_that_is_whole_already_is_not_fetched_again(server: Server, kitchen: Kitchen) -> None:
    """A run that was killed between the last byte and the name."""

    def stopped(ws: Workspace) -> None:
        (ws.work / "tool.tar.gz.part").write_bytes(CONTENT)
        tool(ws)

    assert (kitchen.build(stopped, server.mirror()) / "tool").read_bytes() == CONTENT


def test_a_tampered_file_is_refused_and_nothing_of_it_stays(server: Server, kitchen: Kitchen) -> None:
    server.faults.tampered.add(PATH)
    with pytest.raises(BuildError) as raised:
        kitchen.build(tool, server.mirror())
    text = str(raised.value)
    assert f"address: {server.address}{PATH}" in text
    assert f"expected: sha256 {SUM}" in text
    other = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    assert f"seen: sha256 {hashlib.sha256(other).hexdigest()}" in text
    assert f"{len(CONTENT)} bytes" in text
    assert "next: " in text
    assert "--from registries" in text
    assert (kitchen.partial, kitchen.whole) == ([], [])


def test_a_beginning_of_another_file_is_thrown_away(server: Server, kitchen: Kitchen) -> None:
    def stale(ws: Workspace) -> None:
        (ws.work / "tool.tar.gz.part").write_bytes(b"x" * 1000)
        tool(ws)

    assert (kitchen.build(stale, server.mirror()) / "tool").read_bytes() == CONTENT


def test_a_missing_file_is_told_with_the_servers_words(server: Server, kitchen: Kitchen) -> None:
    server.file.unlink()
    with pytest.raises(BuildError, match=r"(?s)could not be fetched.*address: .*404"):
        kitchen.build(tool, server.mirror())
    assert (kitchen.partial, kitchen.whole) == ([], [])


def test_a_server_that_hangs_is_given_up(server: Server, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults.hanging.add(PATH)
    quick = [word if word != "30" else "2" for word in fetch._CURL]
    monkeypatch.setattr(fetch, "_CURL", tuple(quick))
    monkeypatch.setattr(fetch, "_PAUSES", ())
    with pytest.raises(BuildError, match="too slow"):
        kitchen.build(tool, server.mirror())
    assert kitchen.whole == []


def test_nobody_serves(kitchen: Kitchen) -> None:
    with pytest.raises(BuildError, match=r"(?s)seen: 0 bytes; .*Connection refused|Failed to connect"):
        kitchen.build(tool, Mirror(files="http://127.0.0.1:9"))


# --- images

IMAGE = "registry.example/team/tool:1.2.3"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str, Path]]:
    """Host, digest of the image in it, and the registry's folder."""
    top = tmp_path_factory.mktemp("registry")
    layer_from_entries({"bin/tool": Entry(CONTENT)}, top / "layer.tar")
    write_archive(top / "image.tar", IMAGE, Config(cmd=("/bin/tool",)), [top / "layer.tar"])
    with mirror.registry(top / "data") as host:
        yield host, mirror.push(host, top / "image.tar", IMAGE), top


def image(digest: str) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        fetch.image(ws, IMAGE, digest, ws.out / "image.tar")

    return make


def test_an_image_comes_from_the_registry_by_its_digest(registry: tuple[str, str, Path], kitchen: Kitchen) -> None:
    host, digest, _ = registry
    made = kitchen.build(image(digest), Mirror(images=f"http://{host}")) / "image.tar"
    shown = subprocess.run(["tar", "-xOf", made, "manifest.json"], check=True, capture_output=True)
    (listed,) = json.loads(shown.stdout)
    assert listed["RepoTags"] == [IMAGE]
    layer = subprocess.run(["tar", "-xOf", made, listed["Layers"][0]], check=True, capture_output=True).stdout
    assert CONTENT in layer


def test_an_image_of_another_digest_is_refused(registry: tuple[str, str, Path], kitchen: Kitchen) -> None:
    host, _, _ = registry
    with pytest.raises(BuildError, match=r"(?s)an image could not be fetched.*image: .*manifest unknown.*next: "):
        kitchen.build(image("0" * 64), Mirror(images=f"http://{host}"))
    assert kitchen.whole == []


def test_an_image_for_another_architecture_is_refused(
    registry: tuple[str, str, Path], kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, top = registry
    monkeypatch.setattr(archive, "machine_arch", lambda: "s390x")
    archive.write_archive(tmp_path / "other.tar", IMAGE, Config(), [top / "layer.tar"])
    digest = mirror.push(host, tmp_path / "other.tar", IMAGE.replace("1.2.3", "other"))
    with pytest.raises(BuildError, match=r"seen: the digest is that of an image for s390x"):
        kitchen.build(image(digest), Mirror(images=f"http://{host}"))
    assert kitchen.whole == []


def test_an_image_whose_layer_was_changed_is_refused(registry: tuple[str, str, Path], kitchen: Kitchen) -> None:
    host, digest, top = registry
    layer = max((top / "data/data").rglob("blobs/**/data"), key=lambda path: path.stat().st_size)
    before = layer.read_bytes()
    layer.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        with pytest.raises(BuildError, match="an image could not be fetched"):
            kitchen.build(image(digest), Mirror(images=f"http://{host}"))
    finally:
        layer.write_bytes(before)
    assert kitchen.whole == []
