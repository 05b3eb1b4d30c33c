"""Folders on the machine that runs the program: what a system container is made of, and the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cilium_lab.config.schema import LabConfig
from cilium_lab.paths import CURRENT, STATE

IMAGE = "debian-12.qcow2"
"""Beside it lies its sum, `debian-12.qcow2.sha256`."""


@dataclass(frozen=True)
class LocalPaths:
    """`rootfs` is shared by all, `hosts` holds what is their own, `seed` is a containerd root that holds images."""

    rootfs: Path
    hosts: Path
    seed: Path | None
    bundle: Path | None
    image: Path | None
    """The image that virtual machines start from, with its sum beside it; None where upstream's is fetched."""


def local_paths(config: LabConfig) -> LocalPaths:
    """The configured folders, or where `./lab build` puts them. Nothing is looked for yet."""
    seed = Path(config.seed_path) if config.seed_path else CURRENT / "containerd-seed"
    bundle = Path(config.bundle_path) if config.bundle_path else CURRENT / "bundle"
    offline = config.artifacts == "bundle"
    return LocalPaths(
        rootfs=Path(config.rootfs_path) if config.rootfs_path else CURRENT / "rootfs",
        hosts=STATE / "hosts",
        seed=seed if offline else None,
        bundle=bundle if offline else None,
        image=CURRENT / "vm-image" / IMAGE if offline else None,
    )
