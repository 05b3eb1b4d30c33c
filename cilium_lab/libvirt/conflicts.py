"""Objects in the way of those that the stack is about to make, and whether they are its own: pure, and as text.

libvirt's names do not carry the stack, so that an object of the right name says nothing about who made it. What is not
provably the stack's (`ownership.State.owns`) is left as it is, and the stack does not come up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cilium_lab.config.topology import is_local
from cilium_lab.libvirt.ownership import Kind, Seen, State, pool_uuid


@dataclass(frozen=True)
class Wanted:
    """An object that the stack makes. `setting` is the configuration key that gives a domain another name, or a network
    another bridge; empty where there is none.

    `bridge` is a network's, `path` a pool's folder or a container's root, `volumes` what the stack keeps in a pool.
    """

    kind: Kind
    uri: str
    name: str
    setting: str = ""
    bridge: str = ""
    path: str = ""
    volumes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Conflict:
    """An object that somebody else made; `why` is what speaks against the stack, `remedy` what to do."""

    what: str
    expected: str
    why: str
    remedy: str

    def text(self) -> str:
        """Four lines, as every error of the program has them."""
        return f"{self.what}\n  expected: {self.expected}\n  seen: {self.why}\n  next: {self.remedy}"


class NotOurs(Exception):
    """An object that somebody else made stands in the way; the text says which, why, and what to do."""


def conflicts(wanted: Iterable[Wanted], seen: Sequence[Seen], state: State) -> list[Conflict]:
    """Everything that is in the way of what the stack makes and is not provably the stack's, in that order."""
    return [conflict for one in wanted for conflict in _in_the_way_of(one, seen, state)]


def conflict_report(found: Sequence[Conflict], stack: str) -> str:
    """The error that names all of them."""
    lines = [f"objects that stack {stack} did not make are in its way; nothing was changed:"]
    for number, conflict in enumerate(found, 1):
        first, *rest = conflict.text().splitlines()
        lines += [f"  {number}. {first}", *(f"   {line}" for line in rest)]
    return "\n".join(lines)


def _in_the_way_of(wanted: Wanted, seen: Sequence[Seen], state: State) -> Iterable[Conflict]:
    here = [one for one in seen if one.uri == wanted.uri and one.kind == wanted.kind]
    same = next((one for one in here if one.name == wanted.name), None)
    ours = same is not None and state.owns(same, wanted.path)
    if same is not None and not ours:
        yield named_alike(wanted, same, seen)
        for volume in sorted(same.volumes & wanted.volumes):
            yield Conflict(
                f"volume {volume} in pool {same.name} of {same.uri}",
                f"none of that name in a pool that is not this stack's{_called(wanted)}",
                f"it lies in a pool that {_whose(same, seen)}",
                f"as for pool {same.name}: undefining it leaves the file where it is",
            )
    if wanted.kind == "network" and not ours and (same is None or same.bridge != wanted.bridge):
        yield from _on_the_bridge_of(wanted, here, seen)
    if wanted.kind == "pool":
        yield from _in_the_folder_of(wanted, here, seen, state)


def named_alike(wanted: Wanted, same: Seen, seen: Sequence[Seen] = ()) -> Conflict:
    """The error about an object of the very name that is not the stack's; `seen` may hold who made it."""
    return Conflict(
        f"{same.kind} {same.name} of {same.uri}",
        f"none of that name, or one that this stack made{_called(wanted)}",
        f"it {_whose(same, seen)} (UUID {same.uuid})",
        _remedy(wanted, same),
    )


def _called(wanted: Wanted) -> str:
    return f" ({wanted.setting})" if wanted.kind == "domain" else ""


def _whose(same: Seen, seen: Sequence[Seen]) -> str:
    """Pools carry no name of a stack, but the stack's networks beside them do."""
    marks = [same.mark] if same.mark else []
    if same.kind == "pool":
        beside = [one.mark for one in seen if one.mark and one.uri == same.uri]
        marks = [mark for mark in beside if _is_pool_of(mark.identity, same)]
    for mark in marks:
        return f"carries the mark of another stack: {mark.stack}, identity {mark.identity}"
    return "has not the UUID that this stack gives its own" if same.kind == "pool" else "carries no mark of this stack"


def _is_pool_of(identity: str, pool: Seen) -> bool:
    try:
        return pool_uuid(identity, pool.name) == pool.uuid
    except ValueError:  # somebody's own idea of a mark
        return False


def _remedy(wanted: Wanted, same: Seen) -> str:
    if same.mark:
        return "destroy that stack first, or give this one another libvirt in hypervisors[].uri"
    way_out = {
        "domain": f"rename it ({_virsh(same.uri, 'domrename', same.name, 'NEW-NAME')}, while it is off)",
        "network": f"remove it if it is unused ({_virsh(same.uri, 'net-destroy', same.name)}, then net-undefine)",
        "pool": f"undefine it, its files stay ({_virsh(same.uri, 'pool-destroy', same.name)}, then pool-undefine)",
    }
    other = f"another name in {wanted.setting}" if wanted.kind == "domain" else "another libvirt in hypervisors[].uri"
    return f"{way_out[same.kind]}, or give the lab {other}"


def _virsh(uri: str, *words: str) -> str:
    return " ".join(["virsh", "-c", uri, *words])


def _on_the_bridge_of(wanted: Wanted, networks: Sequence[Seen], seen: Sequence[Seen]) -> Iterable[Conflict]:
    other = next((one for one in networks if one.bridge == wanted.bridge and one.name != wanted.name), None)
    link = any(one.kind == "bridge" and one.name == wanted.bridge for one in seen) and is_local(wanted.uri)
    if other is None and not link:
        return
    why = f"libvirt's network {other.name} has it" if other else "a link of that name is there (ip link show)"
    yield Conflict(
        f"bridge {wanted.bridge} of {wanted.uri}",
        f"none of that name before network {wanted.name} makes it ({wanted.setting})",
        why,
        f"give the lab another name in {wanted.setting}, or remove the bridge if it is unused",
    )


def _in_the_folder_of(wanted: Wanted, pools: Sequence[Seen], seen: Sequence[Seen], state: State) -> Iterable[Conflict]:
    for pool in pools:
        if pool.path == wanted.path and pool.name != wanted.name:
            yield Conflict(
                f"folder {wanted.path} of pool {wanted.name} of {wanted.uri}",
                "no other pool keeps its volumes there",
                f"pool {pool.name} does (UUID {pool.uuid})",
                f"undefine that pool, its files stay ({_virsh(pool.uri, 'pool-destroy', pool.name)}, "
                "then pool-undefine), and move them away",
            )
    if any(pool.name == wanted.name for pool in pools) or any(held.kind == "pool" for held in state.held):
        return  # its volumes are known, or come back with it
    for folder in seen:
        if folder.kind == "folder" and folder.path == wanted.path and folder.volumes and is_local(wanted.uri):
            yield Conflict(
                f"folder {wanted.path} of pool {wanted.name} of {wanted.uri}",
                "empty, or not there, before the pool is made",
                f"files: {', '.join(sorted(folder.volumes))}",
                "move them to another folder: what lies in the pool's folder counts as the lab's",
            )
