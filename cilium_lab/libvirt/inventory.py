"""What is there of libvirt and of this machine, as `virsh` and the kernel tell it. Nothing is changed."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cilium_lab.config.topology import is_local
from cilium_lab.libvirt.conflicts import Wanted
from cilium_lab.libvirt.ownership import Kind, Seen, State, mark_of, read_state

_LINKS = Path("/sys/class/net")
_END = "=====end====="
"""Between what several commands of one virsh print."""
_ERROR = "error: "
"""Begins what virsh says of a command that fails (tools/vsh.c, vshError)."""


class LibvirtError(Exception):
    """libvirt did not answer, or refused; the text has its own words."""


@dataclass(frozen=True)
class Scope:
    """Where to look: the names or UUIDs of domains by URI, the URIs of networks and pools, bridges, folders.

    Domains are looked at by name alone, since a workstation may have many.
    """

    domains: Mapping[str, frozenset[str]]
    others: frozenset[str]
    bridges: frozenset[str] = field(default_factory=frozenset[str])
    folders: frozenset[str] = field(default_factory=frozenset[str])

    @staticmethod
    def of(wanted: Iterable[Wanted]) -> Scope:
        """Where something may be in the way of what is wanted."""
        wanted = list(wanted)
        domains: dict[str, set[str]] = {}
        for one in wanted:
            if one.kind == "domain":
                domains.setdefault(one.uri, set()).add(one.name)
        return Scope(
            {uri: frozenset(names) for uri, names in domains.items()},
            frozenset(one.uri for one in wanted if one.kind != "domain"),
            frozenset(one.bridge for one in wanted if one.bridge and is_local(one.uri)),
            frozenset(one.path for one in wanted if one.kind == "pool" and is_local(one.uri)),
        )


def virsh(uri: str, *words: str, stdin: str | None = None) -> str:
    """What virsh prints. Raises `LibvirtError` when it fails."""
    done = _run(uri, words, stdin)
    if done.returncode:
        raise LibvirtError(f"{uri}: virsh {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _several(uri: str, *commands: str) -> list[str]:
    """What each of these commands prints, by one virsh: a process for each would take most of the time of a look.

    Raises `LibvirtError` when one fails. virsh then goes on with the next, and its exit status is the last one's.
    """
    if not commands:
        return []
    done = _run(uri, [f"; echo {_END}; ".join(commands)], None)
    if done.returncode or _ERROR in done.stderr:
        raise LibvirtError(f"{uri}: virsh {'; '.join(commands)}: {done.stderr.strip()}")
    return done.stdout.split(_END)


def _run(uri: str, words: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
    command = ["virsh", "-q", "-c", uri, *words]
    speaks_english = {**os.environ, "LC_ALL": "C"}  # its answers are read
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=speaks_english)


def stack_state(stack: str, *, secrets: bool = False) -> State:
    """What the state of the stack, by its full name, says of libvirt; `secrets` makes secret inputs readable.

    It is read beside an update that runs, whose own program can't be told what the state holds. Raises RuntimeError.
    """
    words = ["pulumi", "stack", "export", "--stack", stack, *(["--show-secrets"] if secrets else [])]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return read_state(done.stdout)


def look(scope: Scope) -> list[Seen]:
    """Every object in the scope that is there. Raises `LibvirtError` when a libvirt does not answer."""
    seen = [one for uri, names in sorted(scope.domains.items()) for one in domains(uri, names)]
    for uri in sorted(scope.others):
        seen += [*networks(uri), *pools(uri)]
    seen += [Seen("bridge", "", name) for name in sorted(scope.bridges) if (_LINKS / name).exists()]
    for folder in sorted(scope.folders):
        try:
            names = frozenset(path.name for path in Path(folder).iterdir())
        except OSError:  # not there, or not for us to see; pool-up.sh looks through libvirt's eyes
            continue
        seen.append(Seen("folder", "", folder, path=folder, volumes=names))
    return seen


def domains(uri: str, wanted: frozenset[str]) -> list[Seen]:
    """The domains of these names or UUIDs."""
    # which are persistent not by dominfo: it wants the security label of a container's init, and fails without
    every, running, persistent = _several(
        uri, "list --all --uuid --name", "list --uuid", "list --all --persistent --uuid"
    )
    rows = [row for line in every.splitlines() if len(row := line.split(maxsplit=1)) == 2]
    uuids = [uuid for uuid, name in rows if name.strip() in wanted or uuid in wanted]
    definitions = _several(uri, *(f"dumpxml --inactive {uuid}" for uuid in uuids))
    return [
        _domain(uri, uuid, text, active=uuid in running.split(), persistent=uuid in persistent.split())
        for uuid, text in zip(uuids, definitions, strict=True)
    ]


def _domain(uri: str, uuid: str, definition: str, *, active: bool, persistent: bool) -> Seen:
    found = ET.fromstring(definition)
    roots = [
        source.get("dir", "")
        for filesystem in found.findall("devices/filesystem")
        if (target := filesystem.find("target")) is not None
        and target.get("dir") == "/"
        and (source := filesystem.find("source")) is not None
    ]
    return Seen(
        "domain",
        uri,
        found.findtext("name", ""),
        uuid,
        mark_of(found),
        active=active,
        persistent=persistent,
        path=roots[0] if roots else "",
    )


def ports(uri: str, uuids: Sequence[str], bridges: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """UUID -> the ports of that active domain on bridges: the name of each here, and its bridge.

    `bridges` are those of the networks, by name: an interface may name either.
    """
    listed = zip(uuids, _several(uri, *(f"domiflist {uuid}" for uuid in uuids)), strict=True)
    return {
        uuid: [port for line in text.splitlines() if (port := _port(line, bridges)) is not None]
        for uuid, text in listed
    }


def _port(line: str, bridges: Mapping[str, str]) -> tuple[str, str] | None:
    """From `vnet0  bridge  lab-nodes  virtio  52:54:...`, or `vnet0  network  cilium-lab  ...`."""
    port, kind, source = [*line.split(), "", "", ""][:3]
    bridge = {"bridge": source, "network": bridges.get(source, "")}.get(kind, "")
    return (port, bridge) if bridge else None


def networks(uri: str) -> list[Seen]:
    """All networks: any of them may have a bridge that is wanted."""
    return _networks(uri, virsh(uri, "net-list", "--all", "--uuid").split())


def _networks(uri: str, keys: Sequence[str]) -> list[Seen]:
    """The networks of these UUIDs, or of names that need no quotes."""
    texts = _several(
        uri, *(command for key in keys for command in (f"net-dumpxml --inactive {key}", f"net-info {key}"))
    )
    return [_network(uri, definition, info) for definition, info in zip(texts[::2], texts[1::2], strict=True)]


def _network(uri: str, definition: str, info: str) -> Seen:
    found = ET.fromstring(definition)
    bridge = found.find("bridge")
    return Seen(
        "network",
        uri,
        found.findtext("name", ""),
        found.findtext("uuid", ""),
        mark_of(found),
        active=_is(info, "Active"),
        persistent=_is_persistent(info),
        bridge="" if bridge is None else bridge.get("name", ""),
    )


def pools(uri: str) -> list[Seen]:
    """All storage pools: any of them may have a folder that is wanted."""
    return [pool(uri, name) for name in _names(uri, "pool-list")]


def pool(uri: str, name: str) -> Seen:
    """The pool of that name; `LibvirtError` when there is none."""
    found = ET.fromstring(virsh(uri, "pool-dumpxml", name))
    active = _is(virsh(uri, "pool-info", name), "State", "running")
    path = found.findtext("target/path", "")
    kept = frozenset(volumes(uri, name)) if active else frozenset[str]()
    return Seen("pool", uri, name, found.findtext("uuid", ""), active=active, path=path, volumes=kept)


def volumes(uri: str, pool: str) -> list[str]:
    """The names of what lies in an active pool, as libvirt remembers them."""
    rows = virsh(uri, "vol-list", pool).splitlines()
    return [re.split(r"\s{2,}", row.strip())[0] for row in rows if row.strip()]  # a name may have a space


def find(kind: Kind, uri: str, name: str) -> Seen | None:
    """The domain, network or pool of that name, or None."""
    if kind == "domain":
        return next(iter(domains(uri, frozenset({name}))), None)
    command = "net-list" if kind == "network" else "pool-list"
    if name not in _names(uri, command):
        return None
    return _networks(uri, [name])[0] if kind == "network" else pool(uri, name)


def _names(uri: str, command: str) -> Iterable[str]:
    lines = virsh(uri, command, "--all", "--name").splitlines()
    return [line.strip() for line in lines if line.strip()]  # those of pools are padded


def _is_persistent(info: str) -> bool:
    return _is(info, "Persistent")


def _is(info: str, field: str, value: str = "yes") -> bool:
    rows = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return rows.get(field, "").strip() == value
