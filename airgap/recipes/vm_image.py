"""The image that virtual machines of the embedded stack start from: the containers' root file system with a kernel.

The same host scripts run on both. What keeps a container off the machine's kernel is removed again; a kernel, udev,
cloud-init and a boot loader come on top. Only a stack with virtual machines needs it: a
plain `./lab up` does not build it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from airgap import prerequisites
from airgap.builder.digest import file_sha256
from airgap.builder.recipe import BuildError, Recipe, Workspace, machine_arch
from airgap.recipes import debian
from airgap.recipes.rootfs import masked_units
from cilium_lab.paths import ROOT

NAME = "debian-12.qcow2"
"""The image in the artifact's folder, where the program looks for it; its sum is beside it as `<NAME>.sha256`."""
_FOLDER = ROOT / "airgap/vm_image"
_CONTAINER_FILES = ROOT / "airgap/rootfs/files"
_LABEL = "lab-root"
_PACKAGES = (
    "linux-image-amd64", "initramfs-tools", "udev", "grub-pc-bin",
    # the first boot: names, addresses and keys; the file system grows to the disk's size
    "cloud-init", "cloud-guest-utils", "e2fsprogs",
)  # fmt: skip
_ENABLED = ("ssh.service", "systemd-networkd.service")
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-firstboot.service",
)  # fmt: skip
"""They maintain a machine that runs for years, and cost an emulated one a minute of its first boot."""
_SECTOR = 512
_FIRST_SECTOR = 2048
"""Of the one partition; the boot loader's core is in the space before it."""
_SIZE_MIB = 4096
"""Of the whole disk. The overlays of hosts are larger, and cloud-init grows the file system into them."""
_NO_HARDWARE = (
    "drivers/bluetooth", "drivers/gpu", "drivers/infiniband", "drivers/media", "drivers/net/wireless",
    "drivers/staging", "sound",
)  # fmt: skip
"""Kernel modules for what a virtual machine of the lab never has: half of all."""
_PARTITION_TABLE = 446
"""Offset in the first sector; four entries of 16 bytes and the signature follow."""
_GRUB = ("biosdisk", "part_msdos", "ext2", "search_label", "linux")
_MODULES = "usr/lib/grub/i386-pc"


def boot_sector(loader: bytes, sectors: int) -> bytes:
    """GRUB's boot sector with a partition table of one bootable Linux partition.

    GRUB loads its core from sector 1, which boot.img reads by default (grub-core/boot/i386/pc/boot.S).
    `sectors` is the size of the whole disk.
    """
    entry = bytes([0x80, 0xFE, 0xFF, 0xFF, 0x83, 0xFE, 0xFF, 0xFF])
    entry += _FIRST_SECTOR.to_bytes(4, "little") + (sectors - _FIRST_SECTOR).to_bytes(4, "little")
    return loader[:_PARTITION_TABLE] + entry + bytes(3 * 16) + b"\x55\xaa"


def _image(ws: Workspace) -> None:
    if machine_arch() != "amd64":
        raise BuildError(f"expected amd64, for whose firmware the image is made; this machine is {machine_arch()}")
    prerequisites.install(prerequisites.VIRTUAL_MACHINES)
    tree = ws.work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    ws.run(["cp", "-a", ws.need("rootfs"), tree])
    _leave_container(tree)
    ws.run(["cp", "-r", f"{_FOLDER}/files/.", tree])
    debian.change(ws, tree, ["install", *_PACKAGES])
    for kernel in sorted((tree / "lib/modules").iterdir()):
        for folder in _NO_HARDWARE:
            shutil.rmtree(kernel / "kernel" / folder)
        debian.in_tree(ws, tree, ["depmod", kernel.name])
    debian.in_tree(ws, tree, ["systemctl", "enable", *_ENABLED])
    debian.in_tree(ws, tree, ["systemctl", "mask", *_MASKED])
    debian.trim(tree)
    (tree / "etc/machine-id").write_text("uninitialized\n")
    loader, core = _boot_loader(ws, tree)
    disk, sectors = ws.work / "disk.raw", _SIZE_MIB * 2**20 // _SECTOR
    disk.unlink(missing_ok=True)
    with disk.open("wb") as stream:
        stream.truncate(sectors * _SECTOR)
    offset = _FIRST_SECTOR * _SECTOR
    # GRUB 2.06 does not read file systems with either of the features that newer tools switch on
    features = ["-O", "^metadata_csum_seed,^orphan_file"]
    ext4 = ["mke2fs", "-q", "-t", "ext4", *features, "-L", _LABEL, "-d", tree, "-E", f"offset={offset}"]
    ws.run([*ext4, disk, f"{(sectors - _FIRST_SECTOR) * _SECTOR // 1024}k"])
    if len(core) > offset - _SECTOR:
        raise BuildError(f"expected a boot loader of less than {offset - _SECTOR} bytes, made one of {len(core)}")
    with disk.open("r+b") as stream:
        stream.write(boot_sector(loader, sectors) + core)
    image = ws.out / NAME
    ws.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, image])
    image.with_name(f"{NAME}.sha256").write_text(f"{file_sha256(image)}  {NAME}\n")


def _leave_container(tree: Path) -> None:
    """Take out what is there for a container alone."""
    for unit in masked_units():
        (tree / "etc/systemd/system" / unit).unlink()
    for path in sorted(_CONTAINER_FILES.rglob("*")):
        if path.is_file() and "ssh" not in path.parts:
            (tree / path.relative_to(_CONTAINER_FILES)).unlink()
    for link in tree.glob("etc/systemd/system/*.wants/lab-*.service"):
        link.unlink()


def _boot_loader(ws: Workspace, tree: Path) -> tuple[bytes, bytes]:
    """GRUB's boot sector, and its core with everything that it needs to start the kernel of the label's file system."""
    shutil.copyfile(_FOLDER / "grub.cfg", tree / "boot/grub-core.cfg")
    words = ["grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-c", "/boot/grub-core.cfg", "-o", "/boot/core.img"]
    debian.in_tree(ws, tree, [*words, *_GRUB])
    return (tree / _MODULES / "boot.img").read_bytes(), (tree / "boot/core.img").read_bytes()


RECIPES = (Recipe("vm-image", _image, inputs=(_FOLDER, debian.IN_TREE), needs=("rootfs",), cost=150),)
