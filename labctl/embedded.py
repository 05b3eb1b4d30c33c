"""The stack embedded: its session in the sandbox, with the project's own toolchain, backend and passphrase."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, KUBERNETES, KUBERNETES_RELEASES, PULUMI_PLUGINS
from cilium_lab.paths import CACHE, CURRENT, ROOT, STATE
from labctl import access, unchanged
from labctl.command import LabError
from labctl.session import GRPC, Session
from sandbox import sandbox

EMBEDDED = "embedded"
CONTAINERS = "lxc:///system"
"""The libvirt of its hosts."""
_OF_THE_USER = ("PULUMI_STACK", "PULUMI_OPTION_", "SSH_AUTH_SOCK")
"""Beginnings of variables of the user's own stacks and keys. At an agent that does not answer the official command
provider fails."""
_ORPHAN_LIMIT = 20.0
"""Seconds for a Pulumi whose caller was killed to end what it has begun."""


class Embedded(Session):
    """`folder` is the state's: all that is not in the cache and not in the checkout."""

    up = "./lab up"

    def __init__(self, state: Path = STATE) -> None:
        super().__init__(EMBEDDED, state)
        self.temporary = state / "tmp"
        self.hosts = state / "hosts"
        self._backend = state / "backend"
        self._passphrase = state / "passphrase"
        self._checkpoint = self._backend / ".pulumi" / "stacks" / "cilium-lab" / f"{EMBEDDED}.json"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The files stay with the state."""

    def scenario_file(self, name: str) -> Path:
        """Where the state keeps its copy of a scenario."""
        return self.folder / f"scenario-{name}.yaml"

    @property
    def stack_file(self) -> Path:
        """The stack's file: the state's scenario, or else the checkout's."""
        return next(iter(self.folder.glob("scenario-*.yaml")), super().stack_file)

    def forget_salt(self) -> None:
        """Take the salt out of the stack's file: it belongs to one passphrase, and this state has another one or none.

        Pulumi writes it there when it opens the stack, and refuses one that does not fit. A scenario has one of its
        own; that of the checkout's file is another lab's then.
        """
        file = self.stack_file
        if file != super().stack_file:
            return
        lines = file.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("encryptionsalt:")]
        if kept != lines:
            file.write_text("".join(kept))

    def forget_scenario(self) -> None:
        """Let the checkout's file be the stack's again."""
        for path in self.folder.glob("scenario-*.yaml"):
            path.unlink()

    def environment(self) -> dict[str, str]:
        """The state's passphrase is named by file, never by value."""
        folders = [CURRENT / "pulumi" / "bin", CURRENT / "bundle" / "bin"]
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_USER)},
            **GRPC,
            "PATH": ":".join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]),
            # as if every command that reads the stack's file were given --config-file
            **({"PULUMI_OPTION_CONFIG_FILE": str(file)} if (file := self.stack_file) != super().stack_file else {}),
            "PULUMI_HOME": str(CACHE / "pulumi-home"),
            "PULUMI_BACKEND_URL": f"file://{self._backend}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "CILIUM_LAB_CACHE": str(CACHE),
            "CILIUM_LAB_STATE": str(self.folder),
            "TMPDIR": str(self.temporary),  # providers and scripts that are killed leave kubeconfigs and keys there
            "KUBECONFIG": str(self.kubeconfig),
        }

    def command(self, argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
        return sandbox.command(argv, folder)

    def require(self, argv: Sequence[str | Path]) -> None:
        """Raises SandboxError where the sandbox is closed, and LabError where the program is missing."""
        if sandbox.pid() is None:
            raise sandbox.closed()
        super().require(argv)

    def become(self, argv: Sequence[str | Path]) -> NoReturn:
        self.require(argv)
        words = self.command(argv)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # see run
        os.execvpe(words[0], words, self.environment())

    def missing(self, program: str) -> LabError:
        return LabError(
            expected=f"{program} of the toolchain or the bundle", seen="no such program", next="./lab build"
        )

    def status(self) -> list[str]:
        lines = [f"sandbox    open, its PID 1 is {sandbox.pid()} on this machine"]
        memory = sandbox.memory_bytes()
        if memory is not None:
            lines.append(f"memory     {memory / 2**30:.2f} GiB")
        listed = self.output(["virsh", "-q", "-c", CONTAINERS, "list", "--all"])
        return [*lines, "hosts", *(f"  {line}" for line in listed.splitlines() if line.strip())]

    def refresh_if_changed(self) -> None:
        if access.outdated(self.folder, self._checkpoint):
            self.refresh()

    @property
    def has_resources(self) -> bool:
        """Whether Pulumi's state of the stack holds anything, read from its file: the toolchain may be missing."""
        if not self._checkpoint.exists():
            return False
        return bool(self.resources() or self._latest().get("pending_operations"))

    def resources(self) -> Sequence[Any]:
        """All resources of the stack as Pulumi's state has them, secrets encrypted."""
        return self._latest().get("resources", [])

    def _latest(self) -> Mapping[str, Any]:
        return json.loads(self._checkpoint.read_text())["checkpoint"].get("latest") or {}

    def fingerprint(self, *, state: bool = True) -> str:
        """Of all that `pulumi up` reads but the machine and the live cluster; without `state` also without Pulumi's."""
        return unchanged.fingerprint(self.stack_file, self._checkpoint if state else None)

    def prepare(self) -> None:
        """Make the state's folders, its passphrase, and install the plugins; nothing that is there is touched."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        for folder in (self._backend, self.temporary):
            folder.mkdir(exist_ok=True, mode=0o700)
        if not self._passphrase.exists():
            descriptor = os.open(self._passphrase, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
            os.write(descriptor, secrets.token_urlsafe(32).encode())
            os.close(descriptor)
            self.forget_salt()
        for name, version in PULUMI_PLUGINS.items():
            self._install_plugin(name, version)
        selected = self.command(self.pulumi("stack", "select", "--create", EMBEDDED))
        subprocess.run(selected, env=self.environment(), check=True, capture_output=True)
        self.release_dead_locks()

    def _install_plugin(self, name: str, version: str) -> None:
        """Install a plugin as Pulumi does, once for each build of it."""
        binary = (CURRENT / f"plugin-{name}" / "bin" / f"pulumi-resource-{name}").resolve()
        mark = CACHE / "pulumi-home" / "plugins" / f"resource-{name}-v{version}.source"
        if mark.exists() and mark.read_text() == str(binary):
            return
        words = ["pulumi", "plugin", "install", "resource", name, version, "--reinstall", "--file", str(binary)]
        subprocess.run(words, env=self.environment(), check=True, capture_output=True, cwd="/")
        mark.write_text(str(binary))

    def heal(self, verb: Literal["up", "destroy"]) -> int:
        """Repair what was removed behind the stack's back, as far as the verb needs it; an exit status.

        Afterwards hosts run that the machine's last switching off has stopped, for example. It needs the program's
        environment, and what it prints is for the user.
        """
        if not self._checkpoint.exists():
            return 0
        words = ["-m", "cilium_lab.libvirt.healing", verb, "--stack", EMBEDDED]
        return self.run([self.python, *words], folder=ROOT)

    def release_dead_locks(self) -> None:
        """Remove the state's locks of Pulumi processes that are gone or orphans: killed, or ended with their sandbox.

        The process numbers in a lock are the sandbox's, where every Pulumi of this state runs. One whose caller was
        killed was told to end, and gets some seconds to do so.
        """
        for lock in (self._backend / ".pulumi" / "locks").rglob("*.json"):
            holder = json.loads(lock.read_text())["pid"]
            limit = time.monotonic() + _ORPHAN_LIMIT
            while (life := self._life(holder)) == "orphan" and time.monotonic() < limit:
                time.sleep(0.2)
            if life == "orphan":
                subprocess.run(self.command(["kill", "-KILL", str(holder)], Path("/")), check=False)
            if life != "called":
                lock.unlink(missing_ok=True)

    def _life(self, process: int) -> Literal["gone", "orphan", "called"]:
        """Whether a Pulumi of that number lives in the sandbox, and whether its caller still waits for it."""
        listed = self.command(["ps", "-o", "stat=,ppid=,comm=", "-p", str(process)], Path("/"))
        printed = subprocess.run(listed, capture_output=True, text=True).stdout.split()
        if printed[2:] != ["pulumi"] or printed[0].startswith("Z"):  # dead, though nobody has collected it
            return "gone"
        parent = int(printed[1])
        if parent == 0:  # called from outside: by nsenter, as long as that lives
            return "called" if _is_entered(process) else "orphan"
        return "orphan" if parent == 1 else "called"

    def forget_interrupted(self) -> None:
        """Clear the creations that the state calls interrupted, after an update that has finished them.

        Pulumi would warn of them for ever, and clears them by a refresh alone. Where that fails, the warning stays.
        """
        if self._latest().get("pending_operations"):
            words = ("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", EMBEDDED)
            command = self.command(self.pulumi(*words))
            subprocess.run(command, env=self.environment(), check=False, stdout=subprocess.DEVNULL)

    def forget(self) -> None:
        """Remove what the lab has left in its state after a destroy; backend, passphrase and the chosen source stay."""
        for path in (self.kubeconfig, self.ssh_config, self.expectation, self.ssh_key, self.known_hosts):
            path.unlink(missing_ok=True)
        for folder in (self.hosts, self.folder / "migrations", self.folder / "bench", self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
        unchanged.forget(self.folder)
        self.forget_salt()
        self.forget_scenario()


def _is_entered(process: int) -> bool:
    """Whether the machine's parent of a process of the sandbox is nsenter; an orphan is given to another one."""
    namespace = os.readlink(f"/proc/{sandbox.pid()}/ns/pid")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
            if status["NSpid"].split()[-1] == str(process) and os.readlink(folder / "ns" / "pid") == namespace:
                return Path(f"/proc/{status['PPid'].strip()}/comm").read_text().strip() == "nsenter"
        except (OSError, ValueError, KeyError):  # it ended meanwhile
            continue
    return False


def wants_virtual_machines() -> bool:
    """Whether the stack's file names one, for a host or for all of them.

    Read as text, because this runs where nothing that reads YAML may be installed yet. At worst an image is built for
    nobody; at best the program does not have to refuse.
    """
    return _says(r"machines?", "vm")


def wanted_release() -> str:
    """The release of Cilium that the stack's file names, read in the same way; the bundle's own where it names none of
    those that can be built."""
    further = (version for version in CILIUM_RELEASES if version != CILIUM)
    return next((version for version in further if _says("cilium", re.escape(version))), CILIUM)


def wanted_kubernetes() -> str:
    """The same for Kubernetes."""
    further = (version for version in KUBERNETES_RELEASES if version != KUBERNETES)
    return next((version for version in further if _says("kubernetes", re.escape(version))), KUBERNETES)


def _says(key: str, value: str) -> bool:
    """Whether the stack's file has a key with that value; both are regular expressions."""
    text = Embedded().stack_file.read_text()
    return re.search(rf"""^[^#]*\b{key}["']?:\s*["']?{value}(?![\w.])""", text, re.MULTILINE) is not None
