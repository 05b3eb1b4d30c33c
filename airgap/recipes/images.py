"""Container images as docker-archive tars: those of finished programs, the Cilium agent's, and the debug image.

Content that is upstream's has upstream's name and tag; what is the project's own has a name of its own. Paths, users
and entry points are those of the upstream images, because manifests and charts rely on them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airgap.builder.recipe import Recipe, Workspace
from airgap.images.archive import Config, Entry, layer_from_entries, layer_from_tree, write_archive
from airgap.recipes import cilium, debian
from airgap.recipes.cilium import of_release
from airgap.recipes.kubernetes import CONTROL_PLANE, etcd_programs, of_etcd, of_kubernetes
from cilium_lab.config import versions
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, KUBERNETES, KUBERNETES_RELEASES, own_image
from cilium_lab.paths import ROOT

_BPFTOOL = ROOT / "airgap/images/bpftool.sh"
_OPERATOR = "cilium-operator-generic"
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


_NOBODY, _NONROOT = 65534, 65532
_PASSWD = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
    "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
)
# For static programs: accounts, name lookup by files first, a folder for temporary files.
_COMMON: Mapping[str, Entry] = {
    "etc/passwd": Entry(_PASSWD.encode(), 0o644),
    "etc/group": Entry(b"root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n", 0o644),
    "etc/nsswitch.conf": Entry(b"hosts: files dns\n", 0o644),
    "tmp": Entry(mode=0o1777),
}


@dataclass(frozen=True)
class Image:
    """An image of static programs."""

    name: str
    """Of the tar below images/ in the bundle; its recipe is `image-NAME`."""
    ref: str
    programs: Mapping[str, tuple[str, str]]
    """Path in the image: (artifact, file of that artifact)."""
    config: Config = field(default_factory=Config)
    extra: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    @property
    def needs(self) -> tuple[str, ...]:
        """The recipes that its programs come from."""
        return tuple(sorted({name for name, _ in self.programs.values()}))


def control_plane_images(version: str) -> tuple[Image, ...]:
    """What kubeadm runs of one release: API server, controller manager, scheduler, etcd."""
    programs, etcd = of_kubernetes("kubernetes", version), KUBERNETES_RELEASES[version].etcd
    own = (
        Image(
            of_kubernetes(program, version),
            f"registry.k8s.io/{program}:v{version}",
            {f"usr/local/bin/{program}": (programs, program)},
        )
        for program in CONTROL_PLANE
    )
    server = Image(
        of_etcd(etcd),
        f"registry.k8s.io/etcd:{etcd}-0",
        {f"usr/local/bin/{program}": (of_etcd(etcd), program) for program in etcd_programs(etcd)},
    )
    return *own, server


def cilium_images(version: str) -> tuple[Image, Image]:
    """The operator's and the relay's image of one release."""
    programs = of_release("cilium", version)
    operator = Image(
        of_release(_OPERATOR, version),
        f"quay.io/cilium/operator-generic:v{version}",
        {f"usr/bin/{_OPERATOR}": (programs, _OPERATOR)},
        Config(cmd=(f"/usr/bin/{_OPERATOR}",), env=("GOPS_CONFIG_DIR=/",)),
    )
    relay = Image(
        of_release("hubble-relay", version),
        f"quay.io/cilium/hubble-relay:v{version}",
        {"usr/bin/hubble-relay": (programs, "hubble-relay")},
        # Since 1.20 its chart mounts the root file system read-only, and an empty folder at /tmp.
        Config(
            entrypoint=("/usr/bin/hubble-relay",),
            cmd=("serve",),
            user=f"{_NONROOT}:{_NONROOT}",
            env=("GOPS_CONFIG_DIR=/tmp",),
        ),
    )
    return operator, relay


def agent_image(version: str) -> tuple[str, str]:
    """Name and reference of the agent's image of one release."""
    return of_release("cilium", version), f"quay.io/cilium/cilium:v{version}"


def release_images(version: str) -> dict[str, str]:
    """Of one release: image name -> full reference."""
    return {image.name: image.ref for image in cilium_images(version)} | dict([agent_image(version)])


_PLAIN = (
    *control_plane_images(KUBERNETES),
    # Upstream's runs as nonroot with a file capability; this one as root with the one capability that the Deployment
    # leaves it, because these tars hold no file capabilities.
    Image(
        "coredns",
        f"registry.k8s.io/coredns/coredns:v{versions.COREDNS}",
        {"coredns": ("coredns", "coredns")},
        Config(entrypoint=("/coredns",)),
    ),
    Image(
        "pause",
        f"registry.k8s.io/pause:{versions.PAUSE}",
        {"pause": ("pause", "pause")},
        Config(entrypoint=("/pause",), user="65535:65535"),
    ),
    *cilium_images(CILIUM),
    Image(
        "prometheus",
        versions.IMAGES["prometheus"].bundle,
        {"bin/prometheus": ("prometheus", "prometheus")},
        Config(
            entrypoint=("/bin/prometheus",),
            cmd=("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
            user="nobody",
            workdir="/prometheus",
        ),
        {"etc/prometheus": Entry(), "prometheus": Entry(owner=_NOBODY)},
    ),
    Image(
        "http-echo",
        own_image("http-echo"),
        {"http-echo": ("http-echo", "http-echo")},
        Config(entrypoint=("/http-echo",)),
    ),
    Image(
        "probe",
        own_image("probe"),
        {"usr/bin/probe": ("probe", "probe")},
        Config(entrypoint=("/usr/bin/probe",)),
    ),
    Image(
        "local-path",
        own_image("local-path"),
        {"usr/bin/local-path-provisioner": ("local-path", "local-path-provisioner")},
        Config(entrypoint=("local-path-provisioner",)),
    ),
)
_DEBUG = ("debug", own_image("debug"))
REFERENCES: Mapping[str, str] = {image.name: image.ref for image in _PLAIN} | dict((agent_image(CILIUM), _DEBUG))
"""Image name (its recipe is `image-NAME`, its file `NAME.tar`) -> full reference."""


def _plain(image: Image) -> Recipe:
    def make(ws: Workspace) -> None:
        programs = {path: Entry(ws.need(name) / file) for path, (name, file) in image.programs.items()}
        layer = ws.work / "layer.tar"
        layer_from_entries({**_COMMON, **image.extra, **programs}, layer)
        write_archive(ws.out / f"{image.name}.tar", image.ref, image.config, [layer])

    return Recipe(f"image-{image.name}", make, needs=image.needs, cost=2)


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


def _agent(version: str) -> Recipe:
    name, ref = agent_image(version)
    programs_of, datapath_of = of_release("cilium", version), of_release("cilium-datapath", version)

    def make(ws: Workspace) -> None:
        programs, datapath = ws.need(programs_of), ws.need(datapath_of)
        entries = {
            **{f"usr/bin/{program}": Entry(programs / program) for program in _AGENT_PROGRAMS},
            "usr/bin/cilium": Entry(link="cilium-dbg"),
            "opt/cni/bin/cilium-cni": Entry(programs / "cilium-cni"),
            "cni/loopback": Entry(ws.need("cni-plugins") / "loopback"),
            "usr/local/bin/clang": Entry(link=f"/usr/lib/llvm-{_CLANG}/bin/clang"),
            "usr/local/bin/bpftool": Entry(_BPFTOOL),
            **{script: Entry(datapath / script) for script in cilium.SCRIPTS},
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
        write_archive(ws.out / f"{name}.tar", ref, config, [base, ws.need("cilium-system") / "layer.tar", own])

    needs = ("base-tree", "cilium-system", programs_of, datapath_of, "cni-plugins")
    return Recipe(f"image-{name}", make, inputs=(_BPFTOOL,), needs=needs, cost=12)


def _debug(ws: Workspace) -> None:
    base, tree = ws.need("base-tree") / "tree", ws.work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    debian.change(ws, tree, ["install", *_DEBUG_PACKAGES], lower=base)
    debian.trim(tree)
    layers = [ws.work / name for name in ("base.tar", "debug.tar", "pause.tar")]
    layer_from_tree(base, layers[0])
    layer_from_tree(tree, layers[1])
    # what Cilium's connectivity suite has its clients run
    layer_from_entries({"usr/bin/pause": Entry(ws.need("pause") / "pause")}, layers[2])
    name, ref = _DEBUG
    write_archive(ws.out / f"{name}.tar", ref, Config(cmd=("/bin/bash",)), layers)


RECIPES = (
    *map(_plain, _PLAIN),
    Recipe("cilium-system", _agent_system, inputs=(debian.IN_TREE,), needs=("base-tree",), cost=45),
    *map(_agent, CILIUM_RELEASES),
    *(_plain(image) for version in CILIUM_RELEASES if version != CILIUM for image in cilium_images(version)),
    *(_plain(i) for version in KUBERNETES_RELEASES if version != KUBERNETES for i in control_plane_images(version)),
    Recipe("image-debug", _debug, inputs=(debian.IN_TREE,), needs=("base-tree", "pause"), cost=30),
)
