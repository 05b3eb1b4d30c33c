"""Finds secrets where they should not be: in text of any kind, in files, in the arguments of processes."""

from __future__ import annotations

import base64
import json
import re
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_SHORTEST = 16
"""Characters; what is shorter would be found by chance. A join token has 23."""
_AT_ONCE = 500
"""Files in one call of grep."""
_PATH = "/usr/bin:/bin"
_LARGEST = 32 << 20
"""Bytes of a file that is read: images and databases of them are larger, and nobody writes secrets there."""


@dataclass(frozen=True)
class Secret:
    """A text that nobody else may see, and what to call it."""

    name: str
    text: str


def private_keys(name: str, text: str) -> Iterator[Secret]:
    """Each line of each private key in PEM or OpenSSH's form in `text`, also where line ends are written as \\n."""
    for body in _PRIVATE_KEY.findall(text.replace("\\n", "\n")):
        for line in body.split():
            if len(line) >= _SHORTEST:
                yield Secret(f"private key in {name}", line)


class Scanner:
    """Looks for all secrets at once, as they are, as JSON, and in base64 wherever they may begin in it."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._names: dict[bytes, str] = {}
        for secret in secrets:
            if len(secret.text) < _SHORTEST:
                raise ValueError(f"{secret.name}: {len(secret.text)} characters would be found by chance")
            for form in _forms(secret.text):
                self._names.setdefault(form, secret.name)
        if not self._names:
            raise ValueError("no secret to look for: that would find nothing anywhere")
        self._forms = b"\n".join(self._names)

    def names(self, data: bytes) -> set[str]:
        """Of the secrets that are in `data`."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return self._named(data) if self._holding([Path(file.name)]) else set()

    def _named(self, data: bytes) -> set[str]:
        return {name for form, name in self._names.items() if form in data}

    def _holding(self, paths: Sequence[Path]) -> list[Path]:
        """Of the files those with any of the forms; grep looks for thousands of words as fast as for one."""
        found: list[Path] = []
        for first in range(0, len(paths), _AT_ONCE):
            words = ["grep", "-laFZ", "-s", "-f", "-", "--", *paths[first : first + _AT_ONCE]]
            done = subprocess.run(words, input=self._forms, capture_output=True, env={"LC_ALL": "C", "PATH": _PATH})
            if done.returncode > 1 and done.stderr:
                raise OSError(f"grep: {done.stderr.decode()}")
            found += [Path(name.decode()) for name in done.stdout.split(b"\0") if name]
        return found

    def files(self, folder: Path, may: Callable[[Path], bool]) -> list[str]:
        """`file: secret` for each secret in a file that others than its owner may read, or that `may` says no to.

        Files with a second name elsewhere are left out: layers of images, which were there before the lab.
        """
        modes: dict[Path, int] = {}
        for path in sorted(folder.rglob("*")):
            try:
                status = path.lstat()
            except FileNotFoundError:  # it was removed while we looked
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_size > _LARGEST or status.st_nlink > 1:
                continue
            if status.st_mode & 0o077 or not may(path.relative_to(folder)):
                modes[path] = status.st_mode & 0o777
        return [
            f"{path} (mode {modes[path]:o}): {name}"
            for path in self._holding(list(modes))
            for name in sorted(self._named(path.read_bytes()))
        ]


def _forms(text: str) -> Iterator[bytes]:
    raw = text.encode()
    yield raw
    yield json.dumps(text)[1:-1].encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        # the characters at both ends hold bits of the neighbours
        yield whole[(0, 2, 3)[before] : len(whole) - (1 if (before + len(raw)) % 3 else 0)]


class Arguments:
    """A context manager that collects the command lines of all of the machine's processes, several times a second."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.seen: set[bytes] = set()
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._seconds):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    self.seen.add((folder / "cmdline").read_bytes())
                except OSError:  # it ended while we looked
                    continue
