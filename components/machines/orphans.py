"""Removes what an interrupted run of this stack created but could not note in its state, and nothing else.

Pulumi is about to create something, so it knows of none; if libvirt has one of that name, it is the rest of a run of
this stack that was killed between the creation and the note, or that failed half-way, or it is somebody else's. The
first is removed: without that the next run would be refused for ever, or, with a volume, would start a host from
another one's disk. The second is an error, and stays as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_command import local

from cilium_lab.libvirt.conflicts import NotOurs, Wanted, named_alike
from cilium_lab.libvirt.inventory import LibvirtError, find, virsh, volumes
from cilium_lab.libvirt.ownership import IDENTITY_RESOURCE, Mark, State, marking, naming_pool, pool_uuid

_UPLOAD_LIMIT = 1200.0
"""Seconds that the upload of a base image may take: two GiB to a hypervisor behind a slow line."""
_PAUSE = 0.5
_KEPT = 'echo "${PULUMI_COMMAND_STDOUT:-$(cat /proc/sys/kernel/random/uuid)}"'


@dataclass(frozen=True)
class Owner:
    """The stack as the maker of libvirt's objects. `identity` is not a secret: it stands in every object."""

    identity: pulumi.Output[str]
    stack: str
    """Project and stack, for people."""

    def stylesheet(self, element: Literal["domain", "network"], given: str | None = None) -> pulumi.Output[str]:
        """XSLT that does what `given` does and puts the stack's mark on the domain or network."""
        return self.identity.apply(lambda identity: marking(given, element, Mark(identity, self.stack)))

    def pool_stylesheet(self, pool: str) -> pulumi.Output[str]:
        """XSLT that gives the pool the UUID by which it is known as the stack's."""
        return self.identity.apply(lambda identity: naming_pool(identity, pool))

    def pool_uuid(self, pool: str) -> pulumi.Output[str]:
        """The UUID of the stack's pool of that name."""
        return self.identity.apply(lambda identity: pool_uuid(identity, pool))


def new_owner(opts: pulumi.ResourceOptions | None = None) -> Owner:
    """Make the stack's identity when it is first brought up, and keep it in its state.

    Whatever carries it depends on it, so that a run that is killed before it is noted has made nothing yet.
    """
    made = local.Command(
        IDENTITY_RESOURCE,
        create=_KEPT,
        logging=local.Logging.STDERR,
        # it is the same for ever, whatever makes the command run again
        add_previous_output_in_env=True,
        opts=opts,
    )
    return Owner(made.stdout.apply(str.strip), stack_name())


def stack_name() -> str:
    """Project and stack, as a mark names them: cilium-lab/lab."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def without_orphaned_network(owner: Owner, uri: str, network: str) -> pulumi.ResourceHookBinding:
    """Hooks for a libvirt network: before it is created, an orphan of its name is removed."""

    def remove() -> None:
        _attempt(uri, "net-destroy", network)  # fails where it is not active, which is as good
        if find("network", uri, network):  # one that is not persistent is gone by now
            virsh(uri, "net-undefine", network)

    return _without(owner, Wanted("network", uri, network), remove)


def without_orphaned_pool(owner: Owner, uri: str, pool: str) -> pulumi.ResourceHookBinding:
    """Hooks for a storage pool. Its volumes stay: each is removed before the one of its name is created."""

    def remove() -> None:
        _attempt(uri, "pool-destroy", pool)  # as above
        virsh(uri, "pool-undefine", pool)

    return _without(owner, Wanted("pool", uri, pool), remove)


def without_orphaned_domain(
    owner: Owner, uri: str, domain: str, then: Callable[[], None]
) -> pulumi.ResourceHookBinding:
    """Hooks for a domain; `then` is called when there is no other, before it is created."""

    def remove() -> None:
        _attempt(uri, "destroy", domain)  # as above
        virsh(uri, "undefine", "--nvram", domain)

    return _without(owner, Wanted("domain", uri, domain, "hosts[].name"), remove, then)


def without_orphaned_volume(
    pool_id: pulumi.Output[str], uri: str, pool: str, volume: str
) -> pulumi.ResourceHookBinding:
    """Hooks for a volume: libvirt's provider would take one of that name for the one that it shall make.

    `pool_id` is the UUID of the stack's own pool; nothing in another one of its name is touched.
    """

    async def hook(_args: pulumi.ResourceHookArgs) -> None:
        expected = await _known(pool_id, "the pool's UUID")
        found = await asyncio.to_thread(find, "pool", uri, pool)
        if found is None or found.uuid != expected:
            seen = f"pool {pool} has UUID {found.uuid}" if found else "none"
            raise NotOurs(
                f"volume {volume} of {uri}: its pool is not this stack's\n"
                f"  expected: pool {pool} with UUID {expected}\n  seen: {seen}\n"
                "  next: pulumi refresh, then pulumi up: what is in the way is told before anything is made"
            )
        await asyncio.to_thread(_refresh, uri, pool)
        if volume in await asyncio.to_thread(volumes, uri, pool):
            _warn("volume", volume)
            await asyncio.to_thread(virsh, uri, "vol-delete", "--pool", pool, volume)

    return _before_create(f"volume-{uri}-{pool}-{volume}", hook)


def _without(
    owner: Owner, wanted: Wanted, remove: Callable[[], None], then: Callable[[], None] = lambda: None
) -> pulumi.ResourceHookBinding:
    async def hook(_args: pulumi.ResourceHookArgs) -> None:
        identity = await _known(owner.identity, "the stack's identity")
        # in threads: Pulumi's own loop serves all other resources meanwhile
        found = await asyncio.to_thread(find, wanted.kind, wanted.uri, wanted.name)
        if found is not None:
            if not State(identity).owns(found):
                raise NotOurs(named_alike(wanted, found).text())
            _warn(wanted.kind, wanted.name)
            await asyncio.to_thread(remove)
        await asyncio.to_thread(then)

    return _before_create(f"{wanted.kind}-{wanted.uri}-{wanted.name}", hook)


async def _known(output: pulumi.Output[str], what: str) -> str:
    value = await output.future()
    if not value:
        raise RuntimeError(f"{what} is not known before something is created that has to carry it")
    return value


def _refresh(uri: str, pool: str) -> None:
    """Let libvirt look what lies in the pool; it refuses to while another volume is being uploaded.

    Raises RuntimeError with libvirt's words.
    """
    end = time.monotonic() + _UPLOAD_LIMIT
    while error := _attempt(uri, "pool-refresh", pool):
        if "asynchronous jobs" not in error or time.monotonic() > end:
            raise RuntimeError(f"{uri}: storage pool {pool} can't be read again: {error}")
        time.sleep(_PAUSE)


def _attempt(uri: str, *words: str) -> str:
    """libvirt's words when it refuses, or empty."""
    try:
        virsh(uri, *words)
    except LibvirtError as error:
        return str(error)
    return ""


def _before_create(
    name: str, hook: Callable[[pulumi.ResourceHookArgs], Coroutine[None, None, None]]
) -> pulumi.ResourceHookBinding:
    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"without-orphan-{name}", hook)])


def _warn(what: str, name: str) -> None:
    pulumi.log.warn(f"{what} {name} is an orphan of an interrupted run of this stack, and is re-created")
