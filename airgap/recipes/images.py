"""Container images as docker-archive tars: those of finished programs, the Cilium agent's, and the debug image."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from airgap.builder.part import Part, Workspace
from airgap.images.archive import Config, Entry, layer_from_entries, layer_from_tree, write_archive
from airgap.images.recipes import COMMON, Image, images
from airgap.recipes import cilium, debian
from airgap.recipes.versions import DEBUG, VERSIONS
from cilium_lab.paths import ROOT

_FOLDER = ROOT / "airgap/images"
_CLANG = "19"
_AGENT_PACKAGES = ("iptables", "ipset", "iproute2", "kmod", "bpftool", "ca-certificates", f"libclang-cpp{_CLANG}")
_DEBUG_PACKAGES = (
    "bind9-dnsutils",
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "netcat-openbsd",
    "procps",
    "tcpdump",
    "traceroute",
)
_AGENT_PROGRAMS = (
    "cilium-agent",
    "cilium-bugtool",
    "cilium-dbg",
    "cilium-health",
    "cilium-health-responder",
    "cilium-mount",
    "cilium-sysctlfix",
    "hubble",
)

_PLAIN = images(VERSIONS)
_AGENT = ("cilium", f"quay.io/cilium/cilium:v{VERSIONS['cilium']}")
_DEBUG = ("debug", f"cilium-lab.local/debug:{DEBUG}")
REFERENCES: Mapping[str, str] = {image.name: image.ref for image in _PLAIN} | dict((_AGENT, _DEBUG))
"""Image name (its part is `image-NAME`, its file `NAME.tar`) -> full reference."""


def _plain(image: Image) -> Part:
    def make(ws: Workspace) -> None:
        programs = {path: Entry(ws.need(part) / file) for path, (part, file) in image.programs.items()}
        layer = ws.work / "layer.tar"
        layer_from_entries({**COMMON, **image.extra, **programs}, layer)
        write_archive(ws.out / f"{image.name}.tar", image.ref, image.config, [layer])

    return Part(f"image-{image.name}", make, inputs=(_FOLDER, image.ref), needs=image.needs, cost=2)


def _agent_system(ws: Workspace) -> None:
    """The layer between Debian and Cilium's own programs: the tools that the agent calls, clang above all."""
    base, tree = ws.need("base-tree") / "tree", ws.work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    debian.change(ws, tree, ["install", *_AGENT_PACKAGES], lower=base)
    # The compiler's package depends on headers and a linker for programs of this machine; only BPF objects are made.
    debian.download(ws, base / "var/lib/dpkg/status", ["download", f"clang-{_CLANG}"])
    (package,) = ws.work.glob(f"clang-{_CLANG}_*.deb")
    ws.run(["dpkg-deb", "--extract", package, ws.work / "clang"])
    folder = f"usr/lib/llvm-{_CLANG}/bin"
    (tree / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy2(ws.work / "clang" / folder / "clang", tree / folder)
    debian.trim(tree)
    layer_from_tree(tree, ws.out / "layer.tar")


def _tree_entries(folder: Path, prefix: str) -> dict[str, Entry]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"{prefix}/{path.relative_to(folder)}": Entry(path, 0o644) for path in files}


def _agent(ws: Workspace) -> None:
    programs, datapath = ws.need("cilium"), ws.need("cilium-datapath")
    entries = {
        **{f"usr/bin/{name}": Entry(programs / name) for name in _AGENT_PROGRAMS},
        "usr/bin/cilium": Entry(link="cilium-dbg"),
        "opt/cni/bin/cilium-cni": Entry(programs / "cilium-cni"),
        "cni/loopback": Entry(ws.need("cni-plugins") / "loopback"),
        "usr/local/bin/clang": Entry(link=f"/usr/lib/llvm-{_CLANG}/bin/clang"),
        "usr/local/bin/bpftool": Entry(_FOLDER / "bpftool.sh"),
        **{name: Entry(datapath / name) for name in cilium.SCRIPTS},
        **_tree_entries(datapath / "bpf", "var/lib/cilium/bpf"),
        "home/cilium": Entry(),
        "etc/cni/net.d": Entry(),
    }
    base, own = ws.work / "base.tar", ws.work / "cilium.tar"
    layer_from_tree(ws.need("base-tree") / "tree", base)
    layer_from_entries(entries, own)
    config = Config(
        cmd=("/usr/bin/cilium-dbg",),
        env=("HUBBLE_SERVER=unix:///var/run/cilium/hubble.sock", "INITSYSTEM=SYSTEMD"),
        workdir="/home/cilium",
    )
    name, ref = _AGENT
    write_archive(ws.out / f"{name}.tar", ref, config, [base, ws.need("cilium-system") / "layer.tar", own])


def _debug(ws: Workspace) -> None:
    base, tree = ws.need("base-tree") / "tree", ws.work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    debian.change(ws, tree, ["install", *_DEBUG_PACKAGES], lower=base)
    debian.trim(tree)
    layers = [ws.work / "base.tar", ws.work / "debug.tar"]
    layer_from_tree(base, layers[0])
    layer_from_tree(tree, layers[1])
    name, ref = _DEBUG
    write_archive(ws.out / f"{name}.tar", ref, Config(cmd=("/bin/bash",)), layers)


_INPUTS = (_FOLDER, *debian.RECIPE)
PARTS = (
    *(_plain(image) for image in _PLAIN),
    Part("cilium-system", _agent_system, inputs=_INPUTS, needs=("base-tree",), cost=45),
    Part(
        "image-cilium",
        _agent,
        inputs=(_FOLDER, _AGENT[1]),
        needs=("base-tree", "cilium-system", "cilium", "cilium-datapath", "cni-plugins"),
        cost=12,
    ),
    Part("image-debug", _debug, inputs=(*_INPUTS, _DEBUG[1]), needs=("base-tree",), cost=30),
)
