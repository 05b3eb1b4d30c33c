"""The scripts that run beside Pulumi: a new key, and the cloud image from a server on 127.0.0.1."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[3] / "components" / "scripts" / "local"
IMAGE = os.urandom(1000) * 3000
"""Three megabytes: more than a socket swallows at once."""


# --- keys


def test_a_new_key_is_json_and_fits_its_public_half(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    words = [LOCAL / "new-key.sh", "k8s-cp", "1"]
    pairs = [
        json.loads(subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout)[0]
        for _ in range(2)
    ]
    assert list(scratch.iterdir()) == []
    assert pairs[0]["private"] != pairs[1]["private"]
    private = tmp_path / "key"
    private.touch(0o600)
    private.write_text(pairs[0]["private"])
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], check=True, capture_output=True, text=True).stdout
    assert pairs[0]["public"] == derived.strip()
    assert re.fullmatch(r"ssh-ed25519 [A-Za-z0-9+/]+ k8s-cp", pairs[0]["public"])


# --- the image


class Mirror(ThreadingHTTPServer):
    """Serves an image; `cut` ends an answer after that many bytes, `requested` notes ranges.

    Where it `continues` nothing, it answers a range with the whole.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.image = IMAGE
        self.cut: int | None = None
        self.continues = True
        self.requested: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/image.qcow2"


class _Handler(BaseHTTPRequestHandler):
    server: Mirror  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.server.requested.append(requested)
        begin = int(requested.removeprefix("bytes=").rstrip("-") or 0)
        if not self.server.continues:
            self._answer(200, self.server.image)
        elif begin >= len(self.server.image):
            self._answer(416, b"", f"bytes */{len(self.server.image)}")
        elif requested:
            last = len(self.server.image) - 1
            self._answer(206, self.server.image[begin:], f"bytes {begin}-{last}/{last + 1}")
        else:
            self._answer(200, self.server.image)

    def _answer(self, status: int, content: bytes, span: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(content if self.server.cut is None else content[: self.server.cut])

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetch(mirror: Mirror, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    words = [LOCAL / "fetch-image.sh", mirror.url, folder, hashlib.sha256(IMAGE).hexdigest()]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30)


def test_an_image_is_fetched_once_and_its_path_printed(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "images"
    for _ in range(2):
        done = fetch(mirror, folder)
        assert (done.returncode, done.stdout) == (0, f"{folder / 'image.qcow2'}\n"), done.stderr
    assert (folder / "image.qcow2").read_bytes() == IMAGE
    assert [path.name for path in folder.iterdir()] == ["image.qcow2"]
    assert len(mirror.requested) == 1


def test_a_download_that_breaks_off_is_continued(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut = 1_000_000
    broken = fetch(mirror, tmp_path)
    assert broken.returncode != 0
    assert broken.stdout == ""
    assert not (tmp_path / "image.qcow2").exists()
    mirror.cut = None
    assert fetch(mirror, tmp_path).returncode == 0
    assert mirror.requested[-1] == "bytes=1000000-"
    assert (tmp_path / "image.qcow2").read_bytes() == IMAGE


def test_a_download_that_was_whole_but_not_yet_checked_is_checked(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "image.qcow2.partial").write_bytes(IMAGE)
    done = fetch(mirror, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image.qcow2").read_bytes() == IMAGE


def test_a_tampered_image_is_refused_with_both_sums_and_forgotten(mirror: Mirror, tmp_path: Path) -> None:
    mirror.image = IMAGE[:-1] + bytes([IMAGE[-1] ^ 1])
    done = fetch(mirror, tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert mirror.url in done.stderr
    assert f"expected: sha256 {hashlib.sha256(IMAGE).hexdigest()}\n" in done.stderr
    assert f"seen: sha256 {hashlib.sha256(mirror.image).hexdigest()}\n" in done.stderr
    assert list(tmp_path.iterdir()) == []
    mirror.image = IMAGE
    assert fetch(mirror, tmp_path).returncode == 0


@pytest.mark.parametrize("continues", [True, False])
def test_a_rest_that_cannot_be_continued_is_replaced(mirror: Mirror, tmp_path: Path, continues: bool) -> None:
    mirror.continues = continues
    (tmp_path / "image.qcow2.partial").write_bytes(IMAGE + b"more" if continues else IMAGE[:1000])
    done = fetch(mirror, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image.qcow2").read_bytes() == IMAGE


def test_a_server_without_the_image_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    mirror.image = b""  # answers every range with 416
    done = fetch(mirror, tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""


def test_an_image_that_was_damaged_later_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "image.qcow2").write_bytes(IMAGE[:-1])
    done = fetch(mirror, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image.qcow2").read_bytes() == IMAGE
