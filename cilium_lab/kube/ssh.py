"""The one way to the hosts: ssh with pinned keys, as an ssh_config(5) file names them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cilium_lab.kube.deadline import concurrently, seconds_left


class HostError(Exception):
    """A command on a host failed: which host, and its output."""


class Shell(Protocol):
    """Runs a shell script on a host and returns its standard output. Raises HostError."""

    def __call__(self, host: str, script: str) -> str: ...


@dataclass(frozen=True)
class Ssh:
    """The hosts of an ssh_config(5) file. `timeout` is how many seconds one script may take."""

    config: Path
    timeout: float = 30.0

    def __call__(self, host: str, script: str) -> str:
        """Standard output of the script. Raises HostError."""
        command = ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, "sh -s"]
        seconds = seconds_left(self.timeout)
        try:
            done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as error:
            raise HostError(f"{host}: no end within {seconds:.0f} s") from error
        except OSError as error:
            raise HostError(f"{host}: ssh cannot be started: {error}") from error
        if done.returncode:
            output = (done.stderr or done.stdout).strip()[-400:]
            raise HostError(f"{host}: exit status {done.returncode}: {output or 'no output'}")
        return done.stdout


@contextmanager
def pinned(addresses: Mapping[str, str], key: str, known_hosts: str) -> Generator[Ssh]:
    """The hosts with these addresses (IPv4, by name), as root.

    `key` is a private one (OpenSSH), `known_hosts` lines of known_hosts(5). Both are files of the owner alone for as
    long as the context lasts.
    """
    with tempfile.TemporaryDirectory(prefix="cilium-lab-ssh-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, text in (
            ("key", key),
            ("known_hosts", known_hosts),
            ("config", render_config(addresses, folder / "key", folder / "known_hosts")),
        ):
            descriptor = os.open(folder / file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(text)
        yield Ssh(folder / "config")


def render_config(addresses: Mapping[str, str], key: Path, known_hosts: Path) -> str:
    """An ssh_config(5) file that knows each host by its name and trusts no key but the pinned ones."""
    hosts = "".join(f"Host {name}\n  HostName {address}\n" for name, address in addresses.items())
    options = {
        "User": "root",
        "IdentitiesOnly": "yes",
        "IdentityFile": f'"{key}"',
        "UserKnownHostsFile": f'"{known_hosts}"',
        "StrictHostKeyChecking": "yes",
    }
    return f"{hosts}Host *\n" + "".join(f"  {name} {value}\n" for name, value in options.items())


def on_all(scripts: Mapping[str, str], shell: Shell) -> dict[str, str]:
    """Run each host's script, all at once: host -> standard output. Raises HostError."""

    def run(host: str) -> str:
        return shell(host, scripts[host])

    return dict(zip(scripts, concurrently(run, scripts), strict=True))
