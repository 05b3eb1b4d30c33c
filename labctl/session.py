"""How programs are run inside the lab: their environment, and the ones that people use most."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from cilium_lab.config.versions import PULUMI_PLUGINS
from cilium_lab.paths import CACHE, CURRENT, ROOT, STATE
from labctl import access
from sandbox import sandbox as room

STACK = "embedded"
KUBECONFIG = STATE / access.KUBECONFIG
SSH_CONFIG = STATE / access.SSH_CONFIG
EXPECTATION = STATE / access.EXPECTATION
SSH_KEY = STATE / access.SSH_KEY
KNOWN_HOSTS = STATE / access.KNOWN_HOSTS
ACCESS_FILES = (KUBECONFIG, SSH_CONFIG, EXPECTATION, SSH_KEY, KNOWN_HOSTS)
_LEFT_OVER_LIMIT = 20.0
"""Seconds for a Pulumi whose caller was killed to end what it has begun."""
_BACKEND = STATE / "backend"
_PASSPHRASE = STATE / "passphrase"
TEMPORARY = STATE / "tmp"
_CHECKPOINT = _BACKEND / ".pulumi" / "stacks" / "cilium-lab" / f"{STACK}.json"


def environment() -> dict[str, str]:
    """The environment of every program in the lab; the state's passphrase is named by file, never by value."""
    folders = [
        CURRENT / "pulumi" / "bin",
        CURRENT / "bundle" / "bin",
    ]
    return {
        **os.environ,
        "PATH": ":".join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]),
        "PULUMI_HOME": str(CACHE / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{_BACKEND}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(_PASSPHRASE),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "CILIUM_LAB_CACHE": str(CACHE),
        "CILIUM_LAB_STATE": str(STATE),
        "TMPDIR": str(TEMPORARY),  # providers and scripts that are killed leave kubeconfigs and keys there
        "KUBECONFIG": str(KUBECONFIG),
    }


def prepare() -> None:
    """Make the state's folders, its passphrase, and install the plugins; nothing that is there is touched."""
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    STATE.chmod(0o700)
    for folder in (_BACKEND, TEMPORARY):
        folder.mkdir(exist_ok=True, mode=0o700)
    if not _PASSPHRASE.exists():
        descriptor = os.open(_PASSPHRASE, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.write(descriptor, secrets.token_urlsafe(32).encode())
        os.close(descriptor)
        forget_salt()
    for name, version in PULUMI_PLUGINS.items():
        _install_plugin(name, version)
    subprocess.run(
        room.command(pulumi("stack", "select", "--create", STACK)), env=environment(), check=True, capture_output=True
    )
    release_dead_locks()


def forget_salt() -> None:
    """Take the salt out of the stack's file: it belongs to one passphrase, and this state has another one or none.

    Pulumi writes it there when it opens the stack, and refuses one that does not fit.
    """
    file = ROOT / f"Pulumi.{STACK}.yaml"
    lines = file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("encryptionsalt:")]
    if kept != lines:
        file.write_text("".join(kept))


def wants_virtual_machines() -> bool:
    """Whether the stack's file asks for one; what is given to hosts and to all of them is looked at alike.

    Read as text, because this runs where nothing that reads YAML may be installed yet. At worst an image is built for
    nobody; at best the program does not have to refuse.
    """
    text = (ROOT / f"Pulumi.{STACK}.yaml").read_text()
    return re.search(r"""^[^#]*\bmachines?["']?:\s*["']?vm\b""", text, re.MULTILINE) is not None


def heal(verb: Literal["up", "destroy"]) -> int:
    """Repair what was removed behind the stack's back, as far as the verb needs it; an exit status.

    Afterwards hosts run that the machine's last switching off has stopped, for example. It needs the program's
    environment, and what it says is for the user.
    """
    if not _CHECKPOINT.exists():
        return 0
    python = ROOT / ".venv" / "bin" / "python"
    return run([python, "-m", "cilium_lab.libvirt.healing", verb, "--stack", STACK], folder=ROOT)


def release_dead_locks() -> None:
    """Remove the state's locks of Pulumi processes that are gone or left over: killed, or closed in with their room.

    The process numbers in a lock are the room's, where every Pulumi of this state runs. One whose caller was killed was
    told to end, and gets some seconds to do so.
    """
    for lock in (_BACKEND / ".pulumi" / "locks").rglob("*.json"):
        holder = json.loads(lock.read_text())["pid"]
        limit = time.monotonic() + _LEFT_OVER_LIMIT
        while (life := _life(holder)) == "left over" and time.monotonic() < limit:
            time.sleep(0.2)
        if life == "left over":
            subprocess.run(room.command(["kill", "-KILL", str(holder)], Path("/")), check=False)
        if life != "called":
            lock.unlink(missing_ok=True)


def _life(process: int) -> Literal["gone", "left over", "called"]:
    """Whether a Pulumi of that number lives in the room, and whether somebody still waits for it."""
    asked = room.command(["ps", "-o", "stat=,ppid=,comm=", "-p", str(process)], Path("/"))
    printed = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    if printed[2:] != ["pulumi"] or printed[0].startswith("Z"):  # dead, though nobody has collected it
        return "gone"
    parent = int(printed[1])
    if parent == 0:  # called from outside: by nsenter, as long as that lives
        return "called" if _is_entered(process) else "left over"
    return "left over" if parent == 1 else "called"


def _is_entered(process: int) -> bool:
    """Whether the machine's parent of a process of the room is nsenter; an orphan is given to another one."""
    namespace = os.readlink(f"/proc/{room.pid()}/ns/pid")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
            if status["NSpid"].split()[-1] == str(process) and os.readlink(folder / "ns" / "pid") == namespace:
                return Path(f"/proc/{status['PPid'].strip()}/comm").read_text().strip() == "nsenter"
        except (OSError, ValueError, KeyError):  # it ended while we looked
            continue
    return False


def _install_plugin(name: str, version: str) -> None:
    """Install a plugin as Pulumi does, once for each build of it."""
    binary = (CURRENT / f"plugin-{name}" / "bin" / f"pulumi-resource-{name}").resolve()
    mark = CACHE / "pulumi-home" / "plugins" / f"resource-{name}-v{version}.source"
    if mark.exists() and mark.read_text() == str(binary):
        return
    words = ["pulumi", "plugin", "install", "resource", name, version, "--reinstall", "--file", str(binary)]
    subprocess.run(words, env=environment(), check=True, capture_output=True, cwd="/")
    mark.write_text(str(binary))


def run(argv: Sequence[str | Path], *, folder: Path | None = None) -> int:
    """Run a program in the lab with this process's terminal and streams; its exit status.

    Ctrl-C is the program's to answer: Pulumi ends what it has begun and notes it.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(room.command(argv, folder), env=environment()).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def replace(argv: Sequence[str | Path], *, folder: Path | None = None) -> NoReturn:
    """Become a program in the lab: signals, pipes and the exit status are its own."""
    words = room.command(argv, folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # see run
    os.execvpe(words[0], words, environment())


def output(argv: Sequence[str | Path], *, folder: Path | None = None) -> str:
    """What a program in the lab prints; CalledProcessError when it fails."""
    done = subprocess.run(room.command(argv, folder), env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def kubectl(*words: str) -> Any:
    """What kubectl prints in the lab, as JSON; CalledProcessError when it fails.

    The library's own client reads the API through a proxy that has to live in the sandbox; this is for single queries
    from outside.
    """
    return json.loads(output(["kubectl", *words, "-o", "json"]))


def pulumi(*words: str) -> list[str]:
    """A pulumi command line for this project, whatever the current folder is."""
    return ["pulumi", "--cwd", str(ROOT), *words]


def forget_interrupted() -> None:
    """Clear the creations that the state calls interrupted, after an update that has ended well: it has finished them.

    Pulumi would warn of them for ever, and clears them by a refresh alone. Where that fails, the warning stays.
    """
    latest = json.loads(_CHECKPOINT.read_text())["checkpoint"]["latest"]
    if latest.get("pending_operations"):
        words = ("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", STACK)
        subprocess.run(room.command(pulumi(*words)), env=environment(), check=False, stdout=subprocess.DEVNULL)


def save_access() -> None:
    """Write what `./lab kubectl` and `./lab ssh` need from the stack's secret outputs, for the owner's eyes alone."""
    printed = output(pulumi("stack", "output", "--json", "--show-secrets", "--stack", STACK))
    access.write(STATE, json.loads(printed))


def refresh_access() -> None:
    """The same, when the stack has changed since."""
    if access.outdated(STATE, _CHECKPOINT):
        save_access()
