"""Size: the hosts of a hypervisor fit into its memory and its disk.

What a hypervisor has is measured where it is this machine, and else what the options say. A container's memory
stands in its domain's definition, which a first preview can't know yet.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from policies.resource import Resource, mapping
from policies.rule import Finding, Option, Options, Rule
from policies.study import machines
from policies.texts import arguments, program, texts

_MEMORY = re.compile(r'<memory unit="MiB">(\d+)</memory>')
_GIB = 1024**3
_POOLS = "/var/lib/libvirt/images"


def memory(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """The hosts' memory, in MiB, against the hypervisor's."""
    limits = mapping(options["memoryMiB"])
    wanted: dict[str, list[tuple[Resource, float]]] = defaultdict(list)
    for host in machines(resources):
        size = _memory(host)
        if size is not None:
            wanted[_hypervisor(host)].append((host, size))
    for uri, hosts in wanted.items():
        limit = _limit(limits, uri) or (_machine_memory() if local(uri) else None)
        yield from _over(uri, "MiB of memory", hosts, limit)


def disk(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """The hosts' disks, in GiB, against the file system that they lie on."""
    limits = mapping(options["diskGiB"])
    wanted: dict[str, list[tuple[Resource, float]]] = defaultdict(list)
    for resource in resources:
        size = resource.at("size")
        if resource.type == "libvirt:index/volume:Volume" and isinstance(size, int | float):
            wanted[_hypervisor(resource)].append((resource, size / _GIB))
    for uri, volumes in wanted.items():
        limit = _limit(limits, uri) or (_machine_disk() if local(uri) else None)
        yield from _over(uri, "GiB of disk", volumes, limit)


def local(uri: str) -> bool:
    """Whether a libvirt URI is one of this machine: its host part is empty."""
    return bool(uri) and not urlsplit(uri).netloc


def _over(uri: str, what: str, wanted: Sequence[tuple[Resource, float]], limit: float | None) -> Iterator[Finding]:
    total = sum(size for _, size in wanted)
    if limit is not None and total > limit:
        largest = sorted(wanted, key=lambda one: (-one[1], one[0].name))
        names = ", ".join(f"{resource.name} {size:.0f}" for resource, size in largest)
        yield Finding(largest[0][0].urn, f"{uri} has {limit:.0f} {what}, and its hosts need {total:.0f}: {names}")


def _memory(host: Resource) -> float | None:
    size = host.at("memory")
    if isinstance(size, int | float):
        return float(size)
    found = [_MEMORY.search(text) for _, text in texts(host)]
    return next((float(match[1]) for match in found if match), None)


def _hypervisor(resource: Resource) -> str:
    """The URI of the libvirt that the resource is in."""
    if program(resource) == "container-up.sh" and arguments(resource):
        return arguments(resource)[0]
    return str(resource.provider.get("uri", ""))


def _limit(limits: object, uri: str) -> float | None:
    value = mapping(limits).get(uri)
    return float(value) if isinstance(value, int | float) else None


def _machine_memory() -> float:
    kib = re.search(r"^MemTotal: *(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(kib[1]) / 1024 if kib else 0.0


def _machine_disk() -> float:
    """The size of the file system of libvirt's pools: used space counts, since these disks may be what uses it."""
    folder = Path(_POOLS)
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize / _GIB


_LIMITS = {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}

RULES = (
    Rule(
        "size-memory-fits",
        "stack",
        "Hosts that together have more memory than their hypervisor are killed or swapped out when they use it.",
        "lower hosts[].memoryMiB, or move hosts to another hypervisor; the option memoryMiB sets the limit of a URI",
        memory,
        level="advisory",
        options=(Option("memoryMiB", {}, _LIMITS),),
    ),
    Rule(
        "size-disk-fits",
        "stack",
        "Disks grow as they are used; when the hypervisor's file system is full, every host on it stops.",
        "lower hosts[].diskGiB, or move hosts to another hypervisor; the option diskGiB sets the limit of a URI",
        disk,
        level="advisory",
        options=(Option("diskGiB", {}, _LIMITS),),
    ),
)
