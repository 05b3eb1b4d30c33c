"""What the lab must leave as it was: links, routes, mounts, cgroups, settings, namespaces, programs on cgroups."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, fields
from pathlib import Path

# A counter that may be written; all other counters are read-only, which tells them from settings.
_COUNTERS = {"/proc/sys/kernel/ns_last_pid"}
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


@dataclass(frozen=True)
class Machine:
    """One look at the machine, as sets of readable lines, so that a difference tells what changed."""

    links: frozenset[str]
    addresses: frozenset[str]
    routes: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    namespaces: frozenset[str]
    sysctls: frozenset[str]
    bpf_on_cgroups: frozenset[str]

    def changed(self, after: Machine) -> dict[str, list[str]]:
        """What came (+) and went (-), by field; empty when nothing did."""
        found: dict[str, list[str]] = {}
        for field in fields(self):
            before_set: frozenset[str] = getattr(self, field.name)
            after_set: frozenset[str] = getattr(after, field.name)
            lines = [f"+ {line}" for line in after_set - before_set] + [f"- {line}" for line in before_set - after_set]
            if lines:
                found[field.name] = sorted(lines)
        return found


def look(own: str) -> Machine:
    """The machine now. Settings that change by themselves within a second are left out, and so is what belongs to
    another lab on this machine: `own` is the name of the tested lab's cgroup.
    """
    others = re.compile(rf"cilium-lab-(?!{own.removeprefix('cilium-lab-')})")
    first = _sysctls()
    time.sleep(1.1)
    second = _sysctls()
    steady = {f"{name}={second[name]}" for name in second.keys() - _COUNTERS if first.get(name) == second[name]}
    return Machine(
        links=frozenset(_ip("link", "ifname", "address")),
        addresses=frozenset(_addresses()),
        routes=frozenset(_lines(["ip", "route", "show", "table", "all"])),
        mounts=frozenset(_mounts()),
        cgroups=frozenset(_cgroups(others)),
        namespaces=frozenset(_namespaces(others)),
        sysctls=frozenset(steady),
        bpf_on_cgroups=frozenset(_programs(others)),
    )


def _lines(argv: list[str]) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _ip(what: str, *names: str) -> list[str]:
    done = subprocess.run(["ip", "-j", what], capture_output=True, text=True, check=True)
    return [" ".join(str(item.get(name)) for name in names) for item in json.loads(done.stdout)]


def _addresses() -> list[str]:
    done = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True)
    return [f"{link['ifname']} {info['local']}" for link in json.loads(done.stdout) for info in link["addr_info"]]


def _mounts() -> list[str]:
    # without the mount's number, which changes
    return [line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _cgroups(others: re.Pattern[str]) -> list[str]:
    """The first level of every hierarchy, where whatever escapes would make its own, and all that a lab has anywhere.

    Deeper ones come and go with other programs of the machine.
    """
    top = Path("/sys/fs/cgroup")
    folders = [Path(folder) for folder, _, _ in os.walk(top)]
    first = 2 if (top / "unified").exists() else 1
    watched = [path for path in folders if len(path.relative_to(top).parts) <= first or "cilium-lab" in str(path)]
    return [str(path) for path in watched if not others.search(str(path))]


def _programs(others: re.Pattern[str]) -> list[str]:
    """BPF programs by the cgroup that they are attached to, which bpftool prints on a line before them."""
    found: list[str] = []
    cgroup = ""
    for line in _lines(["bpftool", "cgroup", "tree", _unified()])[2:]:  # after the table's head
        if line.startswith("/"):
            cgroup = line
        elif not others.search(cgroup):
            found.append(f"{cgroup} {line}")
    return found


def _unified() -> str:
    return "/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").exists() else "/sys/fs/cgroup"


def _namespaces(others: re.Pattern[str]) -> set[str]:
    """Another lab has those of every process in its cgroup: so has what opens or enters its sandbox."""
    found: set[str] = set()
    theirs: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            kept = theirs if others.search((process / "cgroup").read_text()) else found
            kept.update(os.readlink(process / "ns" / name) for name in _NAMESPACES)
        except OSError:  # it ended while we looked
            continue
    own = {os.readlink(f"/proc/self/ns/{name}") for name in _NAMESPACES}  # a lab shares some of them
    return (found - theirs) | own


def _sysctls() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            path = Path(folder, name)
            if path.stat().st_mode & 0o600 == 0o600:
                try:
                    found[str(path)] = path.read_text(errors="replace").strip()
                except OSError:  # some settings can't be read, or only with a network of that kind
                    continue
    return found
