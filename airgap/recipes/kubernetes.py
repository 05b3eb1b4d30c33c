"""Kubernetes and what a cluster needs besides: etcd, CoreDNS, CNI plugins, crictl, pause."""

from __future__ import annotations

import shutil

from airgap.builder.golang import MODULES
from airgap.builder.recipe import Recipe, Workspace
from airgap.recipes import debian
from cilium_lab.config.versions import (
    CNI_PLUGINS,
    COREDNS_COMMIT,
    CRICTL,
    ETCD,
    KUBERNETES,
    KUBERNETES_RELEASES,
    PAUSE,
    KubernetesRelease,
)

HOST_COMMANDS = ("kubeadm", "kubelet", "kubectl")
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CNI = {
    "bridge": "main/bridge",
    "host-local": "ipam/host-local",
    "loopback": "main/loopback",
    "portmap": "meta/portmap",
    "ptp": "main/ptp",
}


def of_kubernetes(name: str, version: str) -> str:
    """The recipe of that name for one release of Kubernetes; that of the study's release has the plain name."""
    return name if version == KUBERNETES else f"{name}-{version}"


def of_etcd(version: str) -> str:
    """The recipe of one release of etcd; that of the study's has the plain name."""
    return "etcd" if version == ETCD else f"etcd-{version}"


def etcd_programs(version: str) -> tuple[str, ...]:
    """What is built of one release of etcd: of a later one without the client, a module of which is in no checksum
    database; hosts have the study's."""
    return ("etcd", "etcdctl") if version == ETCD else ("etcd",)


def _ldflags(release: KubernetesRelease) -> str:
    return " ".join(
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {
            "gitVersion": f"v{release.version}",
            "gitMajor": release.version.split(".")[0],
            "gitMinor": release.version.split(".")[1],
            "gitTreeState": "clean",
            "gitCommit": "",  # the Go module proxy does not hold it, and the default is a placeholder
            "buildDate": release.built,
        }.items()
    )


_VERSION = _ldflags(KUBERNETES_RELEASES[KUBERNETES])


def _kubernetes(ws: Workspace) -> None:
    commands = {name: f"k8s.io/kubernetes/cmd/{name}" for name in (*HOST_COMMANDS, *CONTROL_PLANE)}
    ws.go_build("kubernetes", commands, ldflags=_VERSION)


def _further(release: KubernetesRelease) -> tuple[Recipe, ...]:
    """What a further release is built of. The study's has functions of its own, which its artifacts' keys cover."""
    module, etcd, version = of_kubernetes("kubernetes", release.version), of_etcd(release.etcd), _ldflags(release)
    commands = {name: f"k8s.io/kubernetes/cmd/{name}" for name in (*HOST_COMMANDS, *CONTROL_PLANE)}

    def programs(ws: Workspace) -> None:
        ws.go_build(module, commands, ldflags=version)

    def server(ws: Workspace) -> None:
        ws.go_build(etcd, {"etcd": "go.etcd.io/etcd/server/v3"})

    return (
        Recipe(module, programs, inputs=(MODULES / module,), cost=600),
        Recipe(etcd, server, inputs=(MODULES / etcd,), cost=40),
    )


def _etcd(ws: Workspace) -> None:
    ws.go_build("etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
    ws.go_build("etcdctl", {"etcdctl": "go.etcd.io/etcd/etcdctl/v3"})


def _coredns(ws: Workspace) -> None:
    commit = f"-X github.com/coredns/coredns/coremain.GitCommit={COREDNS_COMMIT}"
    ws.go_build("coredns", {"coredns": "github.com/coredns/coredns"}, ldflags=commit)


def _cni_plugins(ws: Workspace) -> None:
    prefix = "github.com/containernetworking/plugins"
    version = f"-X {prefix}/pkg/utils/buildversion.BuildVersion=v{CNI_PLUGINS}"
    ws.go_build("cni-plugins", {name: f"{prefix}/plugins/{path}" for name, path in CNI.items()}, ldflags=version)


def _crictl(ws: Workspace) -> None:
    prefix = "sigs.k8s.io/cri-tools"
    ws.go_build("cri-tools", {"crictl": f"{prefix}/cmd/crictl"}, ldflags=f"-X {prefix}/pkg/version.Version=v{CRICTL}")


def _pause(ws: Workspace) -> None:
    """Kubernetes' own pause.c; every pod holds one, so it stays C (a few kilobytes resident, not megabytes).

    The compiler is in a tree that is thrown away: the machine needs none.
    """
    source = ws.go_module_dir("kubernetes", "k8s.io/kubernetes") / "build/pause/linux/pause.c"
    base, compiler = ws.need("base-tree") / "tree", ws.work / "compiler"
    shutil.rmtree(compiler, ignore_errors=True)
    debian.change(ws, compiler, ["install", "gcc", "libc6-dev"], lower=base)
    (compiler / "build").mkdir()
    shutil.copyfile(source, compiler / "build/pause.c")
    gcc = [
        "gcc",
        "-Os",
        "-Wall",
        "-static",
        "-s",
        f"-DVERSION={PAUSE}",
        "-o",
        "/build/pause",
        "/build/pause.c",
    ]
    debian.in_tree(ws, compiler, gcc, lower=base)
    shutil.copy2(compiler / "build/pause", ws.out / "pause")


RECIPES = (
    Recipe("kubernetes", _kubernetes, inputs=(MODULES / "kubernetes",), cost=600),
    Recipe("etcd", _etcd, inputs=(MODULES / "etcd", MODULES / "etcdctl"), cost=40),
    Recipe("coredns", _coredns, inputs=(MODULES / "coredns",), cost=110),
    Recipe("cni-plugins", _cni_plugins, inputs=(MODULES / "cni-plugins",), cost=8),
    Recipe("crictl", _crictl, inputs=(MODULES / "cri-tools",), cost=40),
    Recipe("pause", _pause, inputs=(MODULES / "kubernetes", debian.IN_TREE), needs=("base-tree",), cost=30),
    *(recipe for one in KUBERNETES_RELEASES.values() if one.version != KUBERNETES for recipe in _further(one)),
)
