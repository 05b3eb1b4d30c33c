"""A clean copy of the project with a state of its own, and `./lab` as a person would call it there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.sandbox import cgroup_name

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Checkout:
    """`folder` holds what git would clone now (and what is new and not ignored); `state` is empty at first."""

    folder: Path
    state: Path
    printed: list[str] = field(default_factory=list[str], compare=False)
    """What ./lab said on both its streams, call by call, but for answers that are a test's own."""
    logs: list[Path] = field(default_factory=list[Path], compare=False)
    """Where what was started in the background speaks."""

    @property
    def cgroup(self) -> str:
        """The name of the lab's cgroup in every hierarchy."""
        return cgroup_name(self.state / "sandbox")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CILIUM_LAB_STATE": str(self.state)}

    def lab(
        self, *words: str, check: bool = True, stdin: str = "", timeout: float = 900, record: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run ./lab; what it prints is returned, and its end shown with the error when it fails."""
        done = subprocess.run(
            [self.folder / "lab", *words],
            cwd="/",
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if record:
            self.printed.extend((done.stdout, done.stderr))
        if check and done.returncode:
            ends = "\n".join(_end(stream) for stream in (done.stdout, done.stderr))
            raise AssertionError(f"./lab {' '.join(words)} ended with {done.returncode}\n{ends}")
        return done

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        """Start ./lab in a process group of its own, with its output in a file."""
        self.logs.append(log)
        with log.open("wb") as stream:
            return subprocess.Popen(
                [self.folder / "lab", *words],
                cwd="/",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_and_kill(self, *words: str, log: Path, between: tuple[float, float]) -> None:
        """Start ./lab, and kill it at a random moment between so many seconds."""
        process = self.start(*words, log=log)
        seconds = random.uniform(*between)
        time.sleep(seconds)
        kill(process)
        print(f"killed after {seconds:.1f} s: {''.join(log.read_text(errors='replace').splitlines()[-1:])[:160]}")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End what `Checkout.start` has started, with its process group, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def _end(printed: str) -> str:
    """Where an error is told: Pulumi's diagnostics, which come before the outputs, or the last lines."""
    lines = printed.splitlines()
    told = lines.index("Diagnostics:") if "Diagnostics:" in lines else max(0, len(lines) - 40)
    return "\n".join(lines[told:])


def copy_checkout(folder: Path) -> Checkout:
    """Copy the project's files into `folder/lab`."""
    target = folder / "lab"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    state = folder / "state"
    state.mkdir(mode=0o700)
    return Checkout(target, state)
