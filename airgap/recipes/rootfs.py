"""The root file system of system containers, and a containerd root with every image imported once.

Neither holds a key, a name or an address: a host gets its own when it is made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from airgap.builder.recipe import BuildError, Recipe, Workspace
from airgap.recipes import debian
from airgap.recipes.images import REFERENCES
from cilium_lab.paths import ROOT

_FOLDER = ROOT / "airgap/rootfs"
_IMPORT = _FOLDER / "import-images.sh"
_PACKAGES = (
    # a host
    "systemd", "systemd-sysv", "dbus", "openssh-server", "busybox-static",
    # a Kubernetes node
    "containerd", "runc", "conntrack", "iptables", "ipset", "nftables", "ethtool", "socat", "kmod", "ca-certificates",
    # what people and scripts use on it; termshark needs tshark
    "curl", "iproute2", "iputils-ping", "jq", "less", "procps", "tcpdump", "tshark", "vim-tiny",
)  # fmt: skip
_ENABLED = ("ssh.service", "lab-node-prep.service")
# A node's own preparation enables it; the router runs none.
_DISABLED = ("containerd.service",)


def masked_units() -> list[str]:
    """Names of the systemd units that must not run in a system container."""
    lines = (_FOLDER / "masked-units.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _rootfs(ws: Workspace) -> None:
    tree = ws.out
    ws.run(["cp", "-a", f"{ws.need('base-tree') / 'tree'}/.", tree])
    debian.change(ws, tree, ["install", *_PACKAGES])
    ws.run(["cp", "-r", f"{_FOLDER / 'files'}/.", tree])
    for unit in masked_units():
        link = tree / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    debian.in_tree(ws, tree, ["systemctl", "enable", *_ENABLED])
    debian.in_tree(ws, tree, ["systemctl", "disable", *_DISABLED])
    debian.in_tree(ws, tree, ["systemctl", "set-default", "multi-user.target"])
    debian.trim(tree)
    # Empty rather than absent: systemd would take an absent one for a first boot and enable every unit's preset.
    (tree / "etc/machine-id").touch()
    for folder in ("etc/cni/net.d", "opt/cni/bin", "opt/bundle", "lib/modules", "var/lib/etcd", "var/lib/kubelet"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(tree / "sbin/init"):  # a link whose target may not exist on this machine
        raise BuildError(f"expected systemd as {tree}/sbin/init")


def containerd_seed(images: Collection[str]) -> Recipe:
    """A containerd root with the images of these names (recipes `image-NAME`)."""

    def make(ws: Workspace) -> None:
        """Start the containerd that hosts have once, import every image, keep its data folder.

        It runs in mount, network and process namespaces that end with it, and starts no container.
        """
        state, system = ws.work / "state", ws.work / "system"
        for folder in (state, system):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        archives = [ws.need(f"image-{name}") / f"{name}.tar" for name in sorted(images)]
        base = ws.need("base-tree") / "tree"
        lower = f"{_containerd(ws, base)}:{base}"
        ws.run([*debian.PRIVATE, "--net", "sh", _IMPORT, lower, system, state, *archives])
        # Stored blobs are what the snapshots were unpacked from; both are kept, as after any pull.
        wanted = ("io.containerd.content.v1.content", "io.containerd.metadata.v1.bolt")
        snapshots = "io.containerd.snapshotter.v1.overlayfs"
        for name in (*wanted, snapshots):
            _move(state / name, ws.out / name)

    needs = ("base-tree", *(f"image-{name}" for name in images))
    return Recipe("containerd-seed", make, inputs=(_IMPORT,), needs=needs, cost=45)


def _containerd(ws: Workspace, base: Path) -> Path:
    """A tree with containerd's programs alone: so the images are imported while the root file system is made."""
    debian.download(ws, base / "var/lib/dpkg/status", ["download", "containerd"])
    (package,) = ws.work.glob("containerd_*.deb")
    unpacked, programs = ws.work / "unpacked", ws.work / "programs"
    for folder in (unpacked, programs):
        shutil.rmtree(folder, ignore_errors=True)
    ws.run(["dpkg-deb", "--extract", package, unpacked])
    programs.joinpath("usr").mkdir(parents=True)
    # its folder /lib would cover the link of that name
    (unpacked / "usr/bin").rename(programs / "usr/bin")
    return programs


def _move(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise BuildError(f"expected containerd to have made {source.name}")
    source.rename(target)


RECIPES = (
    Recipe("rootfs", _rootfs, inputs=(_FOLDER, debian.IN_TREE), needs=("base-tree",), cost=70),
    containerd_seed(REFERENCES),
)
