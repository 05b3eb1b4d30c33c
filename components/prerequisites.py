"""What must hold before the first resource exists; each failure ends the program with all that is wrong at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pulumi

from cilium_lab.artifacts.bundle import (
    INDEX,
    ONLINE,
    Artifacts,
    BundleError,
    kubernetes_folder,
    mismatches,
    read,
    release_folder,
    with_kubernetes,
    with_release,
)
from cilium_lab.config.schema import LabConfig
from cilium_lab.libvirt import inventory
from cilium_lab.libvirt.conflicts import conflict_report, conflicts
from cilium_lab.libvirt.healing import absent
from cilium_lab.libvirt.names import wanted_objects
from cilium_lab.requirements import look, missing, notes
from components.machines.local_paths import LocalPaths
from components.machines.orphans import stack_name


def refuse(config: LabConfig, paths: LocalPaths) -> None:
    """Raises `pulumi.RunError` with everything that this machine lacks, and every object of libvirt in the lab's way
    that the stack did not make; nothing was changed by then. Warns of what may be in the way later, and of what the
    state holds and libvirt does not have any more.

    A preview, which changes nothing, looks at libvirt beside all else: what is in the way fails it a moment later.
    """
    lacking = _lacking(config)
    stack = f"{pulumi.get_organization()}/{stack_name()}"

    def observe() -> _Observed:
        try:
            return _in_the_way(config, paths, stack)
        except (inventory.LibvirtError, RuntimeError, OSError) as error:
            # Where something is lacking, virsh for one, that is the reason to mend first.
            return _Observed("" if lacking else f"what is in the lab's way can't be seen: {error}")

    async def beside(_nothing: None) -> None:
        _tell(lacking, await asyncio.to_thread(observe))

    if pulumi.runtime.is_dry_run() and not lacking:
        pulumi.Output.from_input(None).apply(beside)
    else:
        _tell(lacking, observe())


@dataclass(frozen=True)
class _Observed:
    """What is in the lab's way, empty where nothing is, and what is worth a warning."""

    in_the_way: str = ""
    warnings: tuple[str, ...] = ()


def _tell(lacking: str, observed: _Observed) -> None:
    for warning in observed.warnings:
        pulumi.log.warn(warning)
    texts = [text for text in (lacking, observed.in_the_way) if text]
    if texts:
        raise pulumi.RunError("\n\n".join(texts)) from None


def _lacking(config: LabConfig) -> str:
    machine = look(config)
    lines = missing(config, machine)
    if lines:
        listed = "\n".join(f"  {number}. {line}" for number, line in enumerate(lines, 1))
        return f"this machine is not ready for the lab:\n{listed}\nWithout libvirt or KVM: ./lab up"
    for note in notes(config, machine):
        pulumi.log.warn(note)
    return ""


def _in_the_way(config: LabConfig, paths: LocalPaths, stack: str) -> _Observed:
    """`stack` is its full name: organization, project and its own."""
    wanted = wanted_objects(config.topology, paths.hosts)
    short, name = stack.partition("/")[2], stack.rpartition("/")[2]
    with ThreadPoolExecutor(1) as beside:  # each takes about half a second
        read = beside.submit(inventory.stack_state, stack)
        seen = inventory.look(inventory.Scope.of(wanted))
        state = read.result()
    found = conflicts(wanted, seen, state)
    if found:
        return _Observed(conflict_report(found, short))
    return _Observed(
        warnings=tuple(
            f"{held.kind} {held.name} of {held.uri} is in the stack's state, and libvirt does not have it any more. "
            f"Next: .venv/bin/python -m cilium_lab.libvirt.healing up --stack {name} (./lab up does so)"
            for held in absent(state, seen)
        )
    )


def find_artifacts(config: LabConfig, paths: LocalPaths) -> Artifacts:
    """The artifacts that the lab is made of.

    Raises `pulumi.RunError` when a bundle cannot be read or does not fit the configuration.
    """
    if paths.bundle is None:
        return ONLINE
    try:
        artifacts = read(paths.bundle)
        release = release_folder(paths.bundle, config.versions.cilium)
        if (release / INDEX).exists():
            artifacts = with_release(artifacts, release)
        kubernetes = kubernetes_folder(paths.bundle, config.versions.kubernetes)
        if (kubernetes / INDEX).exists():
            artifacts = with_kubernetes(artifacts, kubernetes)
    except BundleError as error:
        raise pulumi.RunError(str(error)) from None
    wrong = mismatches(config, artifacts)
    if wrong:
        raise pulumi.RunError("the bundle does not fit the configuration:\n" + "\n".join(f"  {line}" for line in wrong))
    return artifacts
