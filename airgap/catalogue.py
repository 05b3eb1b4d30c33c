"""What a lab needs of all the parts that can be built."""

from __future__ import annotations

TOOLCHAIN = ("pulumi", "plugin-kubernetes", "plugin-libvirt", "plugin-command")
BUNDLE = ("bundle", "rootfs", "containerd-seed")
VIRTUAL_MACHINES = ("vm-image",)
"""What only a stack with virtual machines needs."""
