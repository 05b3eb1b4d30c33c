"""A stand-in for virsh with a small libvirt behind it: definitions as files, volumes as files of a pool's folder.

What is listed, dumped, removed and refused is as libvirt 9 does it, as far as the project's scripts use it.
"""

from __future__ import annotations

import re
import sys
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

URI = "qemu:///system"
_PREFIXES = {"net-": "network", "pool-": "pool", "vol-": "volume"}


@dataclass(frozen=True)
class FakeLibvirt:
    """`folder` is for a PATH; the objects lie in its folder `objects`, the calls in its file `calls`."""

    folder: Path

    def install(self) -> None:
        (self.folder / "objects").mkdir(parents=True)
        script = self.folder / "virsh"
        root = Path(__file__).resolve().parents[2]
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m tests.helpers.fake_libvirt {self.folder} "$@"\n'
        )
        script.chmod(0o755)

    def add(self, kind: str, definition: str, *, active: bool = True) -> str:
        """Define an object; its UUID."""
        # libvirt keeps somebody's metadata as it is, and writes its own attributes in single quotes
        text = re.sub(r'(<source dir=)"([^"]*)" ?/>', r"\1'\2'/>", definition)
        if "<uuid>" not in text:
            text = text.replace("</name>", f"</name><uuid>{uuid.uuid4()}</uuid>", 1)
        found = ET.fromstring(text)
        name = found.findtext("name", "")
        self.path(kind, name).write_text(text)
        self.activate(kind, name, active)
        return found.findtext("uuid", "")

    def path(self, kind: str, name: str) -> Path:
        return self.folder / "objects" / f"{kind} {name}"

    def activate(self, kind: str, name: str, active: bool) -> None:
        mark = self.folder / "objects" / f"active {kind} {name}"
        mark.touch() if active else mark.unlink(missing_ok=True)

    def is_active(self, kind: str, name: str) -> bool:
        return (self.folder / "objects" / f"active {kind} {name}").exists()

    def all(self) -> dict[str, str]:
        """Every definition, whether it is active, and every volume, as it is to the byte."""
        found = {path.name: path.read_text() for path in sorted((self.folder / "objects").iterdir())}
        for pool in self.names("pool"):
            folder = self.pool_folder(pool)
            if folder.is_dir():
                found |= {f"volume {path}": path.read_text() for path in sorted(folder.iterdir())}
        return found

    def names(self, kind: str) -> list[str]:
        paths = sorted((self.folder / "objects").glob(f"{kind} *"))
        return [path.name.removeprefix(f"{kind} ") for path in paths]

    def pool_folder(self, pool: str) -> Path:
        return Path(ET.fromstring(self.path("pool", pool).read_text()).findtext("target/path", ""))

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def changes(self) -> list[str]:
        """The calls that change something, or would."""
        reads = ("list", "dumpxml", "domstate", "net-list", "net-dumpxml", "net-info", "domiflist")
        reads += ("pool-list", "pool-dumpxml", "pool-info", "pool-uuid", "pool-refresh", "vol-list")
        return [call for call in self.calls if call.split()[0] not in reads]

    def find(self, kind: str, key: str) -> str:
        """The name of an object by its name or UUID; SystemExit when there is none."""
        for name in self.names(kind):
            if key in (name, ET.fromstring(self.path(kind, name).read_text()).findtext("uuid")):
                return name
        sys.exit(f"error: failed to get {kind} '{key}'")


def run(fake: FakeLibvirt, words: list[str]) -> None:
    """One call of virsh, without its options before the command."""
    with (fake.folder / "calls").open("a") as stream:
        print(*words, file=stream)
    broken = fake.folder / "broken" / words[0]
    if broken.exists():
        text = broken.read_text()
        if text.startswith("once "):
            broken.unlink()
        sys.exit(text.removeprefix("once "))
    command, given = words[0], [word for word in words[1:] if not word.startswith("--")]
    kind = next((kind for prefix, kind in _PREFIXES.items() if command.startswith(prefix)), "domain")
    verb = command.partition("-")[2] if kind != "domain" else command
    if kind == "volume":
        _volume(fake, verb, words[1:], given)
    elif verb == "list":
        _list(fake, kind, words)
    elif verb == "define":
        definition = Path(given[0]).read_text()
        found = ET.fromstring(definition)
        # what runs goes on running
        active = fake.is_active(kind, found.findtext("name", ""))
        (fake.folder / "objects" / f"transient {kind} {found.findtext('name')}").unlink(missing_ok=True)
        fake.add(kind, definition, active=active)
    else:
        _one(fake, kind, verb, fake.find(kind, given[0]))


def _list(fake: FakeLibvirt, kind: str, words: list[str]) -> None:
    for name in fake.names(kind):
        transient = (fake.folder / "objects" / f"transient {kind} {name}").exists()
        if ("--all" in words or fake.is_active(kind, name)) and not ("--persistent" in words and transient):
            identifier = ET.fromstring(fake.path(kind, name).read_text()).findtext("uuid", "")
            columns = [identifier] * ("--uuid" in words) + [name] * ("--name" in words)
            print(*columns, end=f"{'':<10}\n" if kind == "pool" else "\n")  # as libvirt pads them


def _one(fake: FakeLibvirt, kind: str, verb: str, name: str) -> None:
    path, active = fake.path(kind, name), fake.is_active(kind, name)
    if verb == "dumpxml":
        print(path.read_text())
    elif verb == "dominfo":
        sys.exit("error: Requested operation is not valid: Init pid is not yet available")
    elif verb == "info":
        shown = {True: "yes", False: "no"}
        persistent = not (fake.folder / "objects" / f"transient {kind} {name}").exists()
        state = "running" if active else "inactive"
        free = (fake.folder / "free").read_text() if (fake.folder / "free").exists() else "10000000000"
        print(f"Active:  {shown[active]}\nPersistent:  {shown[persistent]}\nState:   {state}\nAvailable:  {free}")
    elif verb == "uuid":
        print(ET.fromstring(path.read_text()).findtext("uuid"))
    elif verb == "domstate":
        print("running" if active else "shut off")
    elif verb in ("start", "destroy"):
        if active == (verb == "start"):
            sys.exit(f"error: {kind} is {'already' if active else 'not'} active")
        if kind == "pool" and verb == "start" and not fake.pool_folder(name).is_dir():
            sys.exit(f"error: cannot open directory '{fake.pool_folder(name)}': No such file or directory")
        fake.activate(kind, name, verb == "start")
    elif verb == "undefine":
        path.unlink()
    elif verb == "build":
        fake.pool_folder(name).mkdir(parents=True, exist_ok=True)
    elif verb == "refresh":
        if not fake.pool_folder(name).is_dir():
            fake.activate(kind, name, False)
            sys.exit("error: cannot open directory")
        if not active:
            sys.exit("error: storage pool is not active")
    elif verb == "domiflist":
        listed = fake.folder / f"ports {name}"
        print(listed.read_text() if listed.exists() else "")
    elif verb not in ("autostart", "setmem"):
        sys.exit(f"error: unknown command: '{verb}'")


def _volume(fake: FakeLibvirt, verb: str, words: list[str], given: list[str]) -> None:
    if verb == "delete":
        (fake.pool_folder(fake.find("pool", words[words.index("--pool") + 1])) / words[-1]).unlink()
    elif verb == "create-as":
        (fake.pool_folder(fake.find("pool", given[0])) / given[1]).write_text("")
    elif verb == "list":
        # what it remembers: here, nothing of a folder that is gone
        for path in sorted(fake.pool_folder(fake.find("pool", given[0])).glob("*")):
            print(f" {path.name:<30}   {path}")


def run_several(fake: FakeLibvirt, commands: str) -> None:
    """Commands in one word: virsh tells of one that fails, goes on, and ends with the status of the last one."""
    failed = False
    for command in commands.split(";"):
        words = command.split()
        if words[0] == "echo":
            print(*words[1:], end="", flush=True)
            continue
        try:
            run(fake, words)
            failed = False
        except SystemExit as error:
            print(error, file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    # FOLDER -q -c URI COMMAND...
    fake, given = FakeLibvirt(Path(sys.argv[1])), sys.argv[5:]
    run_several(fake, given[0]) if len(given) == 1 else run(fake, given)
