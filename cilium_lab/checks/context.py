"""How checks reach the lab: kubectl and ssh, as commands of the machine that they run on."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class CommandError(Exception):
    """A command failed or took too long; the text tells the command, its exit code and what it said last."""


class Context(Protocol):
    """The two ways into the lab. Both return standard output and raise CommandError if the command fails."""

    def kubectl(self, *args: str, stdin: str = "") -> str:
        """Run kubectl against the lab's API server."""
        ...

    def ssh(self, host: str, command: str) -> str:
        """Run a shell command on the host of that name."""
        ...


@dataclass(frozen=True)
class ShellContext:
    """Runs the real commands.

    `prefix` goes before both (for example the words that enter another network namespace). `ssh_config`
    names every host with its address, user, key and pinned host key. `timeout` (seconds) bounds one command.
    """

    kubeconfig: Path
    ssh_config: Path
    kubectl_program: str = "kubectl"
    prefix: tuple[str, ...] = ()
    timeout: float = 60.0

    def kubectl(self, *args: str, stdin: str = "") -> str:
        return self._run((self.kubectl_program, *args), stdin)

    def ssh(self, host: str, command: str) -> str:
        options = ("-F", str(self.ssh_config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5")
        return self._run(("ssh", *options, host, command), "")

    def _run(self, command: tuple[str, ...], stdin: str) -> str:
        # What is shown leaves the prefix out: a reader wants the command that he would type himself.
        shown = " ".join(command)[:300]
        try:
            done = subprocess.run(
                (*self.prefix, *command),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=self.timeout,
                env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"`{shown}` did not end within {self.timeout:.0f} s") from error
        except OSError as error:
            raise CommandError(f"`{shown}` cannot be started: {error}") from error
        if done.returncode != 0:
            last_words = (done.stderr or done.stdout).strip()[-500:] or "it said nothing"
            raise CommandError(f"`{shown}` ended with {done.returncode}: {last_words}")
        return done.stdout
