"""All parts that can be built, and those that a lab needs."""

from __future__ import annotations

from offline.build.part import Part
from offline.parts import PARTS

TOOLCHAIN = ("pulumi", "pulumi-language-python", "plugin-kubernetes", "plugin-libvirt", "plugin-command")
BUNDLE = ("bundle", "rootfs", "containerd-seed")


def catalogue() -> tuple[Part, ...]:
    """Every part of every recipe."""
    return PARTS
