"""Cilium: the programs, BPF sources, Helm chart and monitoring example of each release, all from one module tree."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from airgap.builder import golang
from airgap.builder.golang import MODULES
from airgap.builder.recipe import BuildError, Recipe, Workspace
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, CiliumRelease

_PATH = "github.com/cilium/cilium"

COMMANDS = {
    "cilium-agent": "daemon",
    "cilium-operator-generic": "operator",
    "cilium-dbg": "cilium-dbg",
    "hubble": "hubble",
    "hubble-relay": "hubble-relay",
    "cilium-cni": "plugins/cilium-cni",
    "cilium-bugtool": "bugtool",
    "cilium-health": "cilium-health",
    "cilium-health-responder": "cilium-health/responder",
    "cilium-mount": "tools/mount",
    "cilium-sysctlfix": "tools/sysctlfix",
}
"""Name of each program and its package below the module."""

SCRIPTS = {
    "init-container.sh": "images/cilium",
    "install-plugin.sh": "plugins/cilium-cni",
    "cni-uninstall.sh": "plugins/cilium-cni",
}
"""Scripts at the root of the agent's image, and their folders in the module."""

# Only the operator reads ipam_provider_operator, so one set of tags serves all programs.
_TAGS = "osusergo,ipam_provider_operator"


def of_release(name: str, version: str) -> str:
    """The recipe of that name for one release; that of the study's release has the plain name."""
    return name if version == CILIUM else f"{name}-{version}"


def _ldflags(release: CiliumRelease) -> str:
    """ "version commit date" as upstream's release has them, and the Envoy build that this release expects to meet."""
    return " ".join(
        (
            f'-X "{_PATH}/pkg/version.ciliumVersion={release.version} {release.commit}"',
            f"-X {_PATH}/pkg/envoy.requiredEnvoyVersionSHA={release.envoy}",
            f"-X {_PATH}/hubble/pkg.Version=v{release.version}",
        )
    )


def _programs(release: CiliumRelease, module: Path) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        """All programs by one `go build`: linking one overlaps with compiling the next."""
        source, built = ws.work / "source", ws.work / "built"
        shutil.rmtree(source, ignore_errors=True)
        # Go refuses overlays for files in the module cache, hence the copy; cp, because the cache is read-only.
        ws.run(["cp", "-r", "--no-preserve=mode,ownership", ws.go_module_dir(module.name, _PATH), source])
        for patch in sorted(module.glob("*.patch")):
            ws.run(["patch", "-p1", "--fuzz=0", "-d", source], stdin=patch.read_bytes())
        built.mkdir(exist_ok=True)
        packages = [f"./{package}" for package in COMMANDS.values()]
        ws.go("build", *golang.build_flags(_ldflags(release), _TAGS), "-o", f"{built}/", *packages, cwd=source)
        for name, package in COMMANDS.items():
            (built / package.rpartition("/")[2]).rename(ws.out / name)

    return make


def _datapath(module: Path) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        """What the agent's image carries beside programs: BPF sources and its init containers' scripts."""
        source = ws.go_module_dir(module.name, _PATH)
        ws.run(["cp", "-r", "--no-preserve=mode,ownership", source / "bpf", ws.out])
        for tests in ("tests", "complexity-tests"):
            shutil.rmtree(ws.out / "bpf" / tests, ignore_errors=True)
        for name, path in SCRIPTS.items():
            shutil.copyfile(source / path / name, ws.out / name)

    return make


def _chart(module: Path) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        source = ws.go_module_dir(module.name, _PATH) / "install/kubernetes/cilium"
        if not (source / "values.schema.json").exists():
            raise BuildError(f"expected values.schema.json in {source}")
        ws.run(["cp", "-r", "--no-preserve=mode,ownership", source, ws.out / "cilium"])

    return make


def _monitoring(ws: Workspace) -> None:
    """Upstream's monitoring example: manifests, Prometheus' scrape jobs, Grafana's dashboards."""
    source = ws.go_module_dir("cilium", _PATH) / "examples/kubernetes/addons/prometheus"
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", source, ws.out / "monitoring"])


def _recipes(release: CiliumRelease) -> tuple[Recipe, ...]:
    """The module of a release holds the patches that are applied to a copy of its tree."""
    module = MODULES / of_release("cilium", release.version)
    made = {"cilium": (_programs(release, module), 550), "cilium-datapath": (_datapath(module), 1)}
    made["chart"] = (_chart(module), 1)
    return tuple(
        Recipe(of_release(name, release.version), make, inputs=(module,), cost=cost)
        for name, (make, cost) in made.items()
    )


RECIPES = (
    *(recipe for release in CILIUM_RELEASES.values() for recipe in _recipes(release)),
    Recipe("monitoring", _monitoring, inputs=(MODULES / "cilium",), cost=1),
)
