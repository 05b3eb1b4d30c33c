"""Repairs what somebody removed behind a stack's back, so that an `up` repairs the rest and a `destroy` gets through.

Pulumi believes its state: it does not notice that an object of libvirt is gone, and its libvirt provider fails where
one is. What can come back as it was comes back as it was: a pool with its UUID over its folder, a network that was only
stopped, a host's container by the very command that made it. What can't is removed from the state by a refresh of that
resource alone, or marked for replacement, and the next `up` re-creates it with all that depends on it. Only what is
provably the stack's is touched.

usage: python -m cilium_lab.libvirt.healing (up|destroy) --stack NAME
  up       hosts run afterwards, as far as they can without Pulumi
  destroy  no more than Pulumi needs to remove everything
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import split
from typing import Literal
from xml.sax.saxutils import escape

from cilium_lab.config.topology import is_local
from cilium_lab.libvirt.conflicts import Conflict, NotOurs
from cilium_lab.libvirt.inventory import LibvirtError, Scope, look, ports, stack_state, virsh
from cilium_lab.libvirt.names import host_volumes
from cilium_lab.libvirt.ownership import IDENTITY_RESOURCE, Held, Seen, State

Verb = Literal["up", "destroy"]
_ROOT = Path(__file__).parents[2]
_OWN = ("upper", "work", "data/containerd", "data/kubelet", "data/etcd")
"""What no script can give back to a container: without one of these it is another host."""
_LINKS = Path("/sys/class/net")


@dataclass(frozen=True)
class Folder:
    """A container's folder: whether all that is its own is there, and whether it is ready to be started."""

    whole: bool
    mounted: bool


@dataclass(frozen=True)
class Plan:
    """What to do, in this order. `refresh`, `networks` and `replace` are URNs."""

    persist: tuple[Seen, ...] = ()
    """Objects that would be forgotten when they end: undefined while they were active."""
    refresh: tuple[str, ...] = ()
    start_networks: tuple[Seen, ...] = ()
    networks: tuple[str, ...] = ()
    """Networks to be made at once: no host can start without."""
    replace: tuple[str, ...] = ()
    containers: tuple[Held, ...] = ()
    """Whose command is run again."""
    start_domains: tuple[Seen, ...] = ()


def absent(state: State, seen: Sequence[Seen]) -> list[Held]:
    """What the state holds and libvirt has not, pools first; a container's command counts for its domain."""
    uuids = {one.uuid for one in seen if one.uuid}
    domains = {(one.uri, one.name) for one in seen if one.kind == "domain"}
    volumes = {
        (one.uri, one.name, volume) for one in seen if one.kind == "pool" and state.owns(one) for volume in one.volumes
    }

    def is_there(held: Held) -> bool:
        if held.is_container:
            return (held.uri, held.name) in domains
        if held.kind == "volume":
            return (held.uri, str(held.inputs.get("pool", "")), held.name) in volumes
        return held.id in uuids

    return sorted((held for held in state.held if not is_there(held)), key=lambda held: held.kind != "pool")


def plan(verb: Verb, state: State, seen: Sequence[Seen], folder: Callable[[Path], Folder]) -> Plan:
    """What heals the stack, once its pools are there. `folder` looks at a container's folder."""
    gone = absent(state, seen)
    ours = [one for one in seen if _is_ours(state, one)]
    refresh = [held for held in gone if not held.is_container]
    persist = tuple(one for one in ours if not one.persistent and one.active)
    if verb == "destroy":
        return Plan(persist=persist, refresh=tuple(held.urn for held in refresh))
    by_name = {(one.uri, one.name): one for one in seen if one.kind == "domain"}
    replace: list[Held] = []
    containers: list[Held] = []
    for held in (held for held in state.held if held.is_container):
        domain = by_name.get((held.uri, held.name))
        if domain is not None and not _is_ours(state, domain, root_of(held)):
            continue  # the program says so
        there = folder(folder_of(held))
        if not there.whole:
            replace.append(held)
        elif domain is None or not (domain.active and domain.persistent and there.mounted):
            containers.append(held)
    lost = {held.name for held in refresh if held.kind == "volume"}
    for held in state.held:
        machine = held.kind == "domain" and not held.is_container and held not in gone
        if machine and host_volumes(held.name)[0] in lost:  # it runs from a file that nobody finds again
            replace.append(held)
    replaced = {held.id for held in replace}
    commanded = {(held.uri, held.name) for held in state.held if held.is_container}
    return Plan(
        persist=tuple(one for one in persist if (one.uri, one.name) not in commanded),
        refresh=tuple(held.urn for held in refresh),
        start_networks=tuple(one for one in ours if one.kind == "network" and not one.active),
        networks=tuple(held.urn for held in refresh if held.kind == "network"),
        replace=tuple(held.urn for held in replace),
        containers=tuple(containers),
        start_domains=tuple(
            one
            for one in ours
            if one.kind == "domain"
            and not one.active
            and (one.uri, one.name) not in commanded
            and one.uuid not in replaced
        ),
    )


def _is_ours(state: State, seen: Seen, root: str = "") -> bool:
    roots = [
        root_of(held) for held in state.held if held.is_container and (held.uri, held.name) == (seen.uri, seen.name)
    ]
    return state.owns(seen, root or next(iter(roots), ""))


def folder_of(container: Held) -> Path:
    """The folder of a container, as the command that makes it names it."""
    return Path(split(str(container.inputs["create"]))[3])


def root_of(container: Held) -> str:
    """Where the container's root is mounted."""
    return str(folder_of(container) / "root")


def pool_definition(pool: Held) -> str:
    """The XML of a pool that the state holds, as the provider makes it, with its UUID."""
    path = str(pool.inputs["target"]["path"])
    return (
        f"<pool type='dir'><name>{escape(pool.name)}</name><uuid>{pool.id}</uuid>"
        f"<target><path>{escape(path)}</path></target></pool>"
    )


def scope_of(state: State) -> Scope:
    """Where the objects are that the state holds."""
    domains: dict[str, set[str]] = {}
    for held in state.held:
        if held.kind == "domain":
            domains.setdefault(held.uri, set()).update({held.name} if held.is_container else {held.name, held.id})
    others = frozenset(held.uri for held in state.held if held.kind != "domain")
    return Scope({uri: frozenset(names) for uri, names in domains.items()}, others)


def look_at(folder: Path) -> Folder:
    """How a container's folder is found."""
    mounted = os.path.ismount(folder / "root") and (folder / "rootfs").is_symlink()
    return Folder(all((folder / part).is_dir() for part in _OWN), mounted)


def heal(verb: Verb, stack: str) -> int:
    """Do what `plan` says to the stack; an exit status. Raises `LibvirtError`, `NotOurs` and RuntimeError."""
    state = stack_state(stack)
    if not state.held:
        return 0
    seen = look(scope_of(state))
    if _mend_pools(state, seen):
        seen = look(scope_of(state))
    found = plan(verb, state, seen, look_at)
    for one in found.persist:
        _say(f"{one.kind} {one.name} is defined again: it would be forgotten when it ends")
        _define(one)
    if found.refresh:
        _say("gone from libvirt, and removed from the state:", *found.refresh)
        words = ["refresh", "--yes", "--skip-preview", *_targets(found.refresh)]
        if code := _pulumi(stack, words):
            return code
    for one in found.start_networks:
        _say(f"network {one.name} is started")
        virsh(one.uri, "net-start", one.name)
    if found.networks:
        _say("re-created before hosts are started:", *found.networks)
        first = [*found.networks, *([] if state.identity else [f"**::{IDENTITY_RESOURCE}"])]
        if code := _pulumi(stack, ["up", "--yes", "--skip-preview", *_targets(first)]):
            return code
    for urn in found.replace:
        _say(f"what was its own is gone, so that the next up re-creates it: {urn}")
        if code := _pulumi(stack, ["state", "taint", "--yes", urn]):
            return code
    for held in _with_secrets(stack, found.containers):
        _say(f"container {held.name} is brought back")
        _run_again(held)
    for one in found.start_domains:
        _say(f"domain {one.name} is started")
        virsh(one.uri, "start", one.uuid)
    if verb == "up":
        _plug_in(state, seen if found == Plan() else look(scope_of(state)))
    return 0


def _mend_pools(state: State, seen: Sequence[Seen]) -> bool:
    """Every pool that the state holds is there and active; a volume can't even be refreshed without its pool.

    Whether there are any: their volumes are then to be looked at again.
    """
    pools = [held for held in state.held if held.kind == "pool"]
    for held in pools:
        same = next((one for one in seen if one.uuid == held.id), None)
        if same is None:
            taken = next((one for one in seen if (one.kind, one.uri, one.name) == ("pool", held.uri, held.name)), None)
            if taken:
                raise NotOurs(_pool_conflict(held, taken).text())
            _say(f"pool {held.name} is defined again")
            virsh(held.uri, "pool-define", "/dev/stdin", stdin=pool_definition(held))
            virsh(held.uri, "pool-autostart", held.name)
        elif same.active and _works(held.uri, "pool-refresh", held.name):
            continue
        _works(held.uri, "pool-destroy", held.name)  # it may not be active
        _say(f"pool {held.name} is started")
        virsh(held.uri, "pool-build", held.name)  # its folder may be gone
        virsh(held.uri, "pool-start", held.name)
    return bool(pools)


def _pool_conflict(held: Held, taken: Seen) -> Conflict:
    return Conflict(
        f"pool {held.name} of {held.uri}",
        f"the stack's own, with UUID {held.id}",
        f"another one of that name, with UUID {taken.uuid}",
        f"undefine it, its files stay (virsh -c {held.uri} pool-destroy {held.name}, then pool-undefine)",
    )


def _define(seen: Seen) -> None:
    """An object that is not persistent is defined as it runs; what started by itself does so again."""
    prefix = "net-" if seen.kind == "network" else ""
    virsh(seen.uri, f"{prefix}define", "/dev/stdin", stdin=virsh(seen.uri, f"{prefix}dumpxml", seen.name))
    if not seen.path:  # containers do not
        virsh(seen.uri, f"{prefix}autostart", seen.name)


def _works(uri: str, *words: str) -> bool:
    try:
        virsh(uri, *words)
    except LibvirtError:
        return False
    return True


def _with_secrets(stack: str, containers: Iterable[Held]) -> list[Held]:
    """The same, with what their commands are given readable; the state is not opened for none."""
    urns = {held.urn for held in containers}
    return [held for held in stack_state(stack, secrets=True).held if held.urn in urns] if urns else []


def _run_again(container: Held) -> None:
    """Run the command that made a container, which leaves alone whatever is there. Raises RuntimeError."""
    words = split(str(container.inputs["create"]))
    # a secret of an export is an object, and in it JSON in JSON
    text = json.loads(container.inputs["stdin"]["plaintext"])
    done = subprocess.run(words, cwd=_ROOT, input=text, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())


def _plug_in(state: State, seen: Sequence[Seen]) -> None:
    """A bridge that was re-created has none of the ports of hosts that went on running. Raises RuntimeError."""
    running = [
        one for one in seen if one.kind == "domain" and one.active and is_local(one.uri) and _is_ours(state, one)
    ]
    for uri in sorted({one.uri for one in running}):
        bridges = {one.name: one.bridge for one in seen if one.kind == "network" and one.uri == uri}
        there = ports(uri, [one.uuid for one in running if one.uri == uri], bridges)
        for one in (one for one in running if one.uri == uri):
            for port, bridge in there[one.uuid]:
                _plug(one, port, bridge)


def _plug(host: Seen, port: str, bridge: str) -> None:
    if not (_LINKS / port).exists() or not (_LINKS / bridge).exists():
        return
    master = _LINKS / port / "master"
    if master.exists() and master.resolve().name == bridge:
        return
    _say(f"{host.name} is plugged into {bridge} again")
    words = ["ip", "link", "set", port, "master", bridge]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{host.name}: its port {port} is on no bridge\n  expected: on {bridge}\n"
            f"  seen: {done.stderr.strip()}\n  next: sudo {' '.join(words)}"
        )


def _targets(urns: Iterable[str]) -> list[str]:
    return [word for urn in urns for word in ("--target", urn)]


def _pulumi(stack: str, words: Sequence[str]) -> int:
    command = ["pulumi", "--non-interactive", *words, "--stack", stack]
    return subprocess.run(command, cwd=_ROOT, stdin=subprocess.DEVNULL, check=False).returncode


def _say(*words: str) -> None:
    print("healing:", *words, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m cilium_lab.libvirt.healing", description=__doc__)
    parser.add_argument("verb", choices=["up", "destroy"])
    parser.add_argument("--stack", required=True)
    given = parser.parse_args(arguments)
    try:
        return heal(given.verb, given.stack)
    except (LibvirtError, NotOurs, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
