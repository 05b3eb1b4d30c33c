"""The hosts, by SSH with pinned keys. The private key is a file of the owner alone for as long as a run lasts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

_ANSWER = 30.0
"""Seconds that one command may take."""


class HostError(Exception):
    """A command on a host failed: which host, what was asked, what it said."""


class Shell(Protocol):
    """Runs a shell script on a host and returns its standard output. Raises HostError."""

    def __call__(self, host: str, script: str) -> str: ...


class Ssh:
    """The real one, as a context manager."""

    def __init__(self, addresses: Mapping[str, str], key: str, known_hosts: str) -> None:
        """`addresses` are IPv4, by host; `key` a private one (OpenSSH), `known_hosts` lines of known_hosts(5)."""
        self._addresses = addresses
        self._folder = Path(tempfile.mkdtemp(prefix="cilium-lab-ssh-"))
        for name, text in (("key", key), ("known_hosts", known_hosts)):
            descriptor = os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def __call__(self, host: str, script: str) -> str:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "5",
            "IdentitiesOnly": "yes",
            "IdentityFile": str(self._folder / "key"),
            "UserKnownHostsFile": str(self._folder / "known_hosts"),
            "StrictHostKeyChecking": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        command = ["ssh", "-F", "none", *words, f"root@{self._addresses[host]}", "sh -s"]
        try:
            done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=_ANSWER, check=False)
        except (subprocess.TimeoutExpired, OSError) as error:
            raise HostError(f"{host}: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-400:]
            raise HostError(f"{host}: exit status {done.returncode}: {said or 'it said nothing'}")
        return done.stdout


def on_all(scripts: Mapping[str, str], shell: Callable[[str, str], str]) -> dict[str, str]:
    """Run each host's script, all at once: host -> standard output. Raises HostError."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(scripts, pool.map(shell, scripts, scripts.values()), strict=True))
