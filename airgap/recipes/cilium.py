"""Cilium: its programs, BPF sources, Helm chart and monitoring example, all from one module tree."""

from __future__ import annotations

import shutil

from airgap.builder import golang
from airgap.builder.golang import MODULES
from airgap.builder.recipe import BuildError, Recipe, Workspace
from cilium_lab.config.versions import CILIUM, CILIUM_COMMIT, CILIUM_ENVOY
from cilium_lab.paths import ROOT

_PATH = "github.com/cilium/cilium"
_PATCH = ROOT / "airgap/patches/cilium-no-modules.patch"

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

# "version commit date" as upstream's release has them, and the Envoy build that this release expects to meet.
_LDFLAGS = " ".join(
    (
        f'-X "{_PATH}/pkg/version.ciliumVersion={CILIUM} {CILIUM_COMMIT}"',
        f"-X {_PATH}/pkg/envoy.requiredEnvoyVersionSHA={CILIUM_ENVOY}",
        f"-X {_PATH}/hubble/pkg.Version=v{CILIUM}",
    )
)
# Only the operator reads ipam_provider_operator, so one set of tags serves all programs.
_TAGS = "osusergo,ipam_provider_operator"


def _cilium(ws: Workspace) -> None:
    """All programs by one `go build`: linking one overlaps with compiling the next."""
    source, built = ws.work / "source", ws.work / "built"
    shutil.rmtree(source, ignore_errors=True)
    # Go refuses overlays for files in the module cache, hence the copy; cp, because the cache is read-only.
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", ws.go_module_dir("cilium", _PATH), source])
    ws.run(["patch", "-p1", "--fuzz=0", "-d", source], stdin=_PATCH.read_bytes())
    built.mkdir(exist_ok=True)
    packages = [f"./{package}" for package in COMMANDS.values()]
    ws.go("build", *golang.build_flags(_LDFLAGS, _TAGS), "-o", f"{built}/", *packages, cwd=source)
    for name, package in COMMANDS.items():
        (built / package.rpartition("/")[2]).rename(ws.out / name)


def _datapath(ws: Workspace) -> None:
    """What the agent's image carries beside programs: BPF sources and its init containers' scripts."""
    source = ws.go_module_dir("cilium", _PATH)
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", source / "bpf", ws.out])
    for tests in ("tests", "complexity-tests"):
        shutil.rmtree(ws.out / "bpf" / tests)
    for name, path in SCRIPTS.items():
        shutil.copyfile(source / path / name, ws.out / name)


def _chart(ws: Workspace) -> None:
    source = ws.go_module_dir("cilium", _PATH) / "install/kubernetes/cilium"
    if not (source / "values.schema.json").exists():
        raise BuildError(f"expected values.schema.json in {source}")
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", source, ws.out / "cilium"])


def _monitoring(ws: Workspace) -> None:
    """Upstream's monitoring example: manifests, Prometheus' scrape jobs, Grafana's dashboards."""
    source = ws.go_module_dir("cilium", _PATH) / "examples/kubernetes/addons/prometheus"
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", source, ws.out / "monitoring"])


_MODULE = MODULES / "cilium"
RECIPES = (
    Recipe("cilium", _cilium, inputs=(_MODULE, _PATCH), cost=800),
    Recipe("cilium-datapath", _datapath, inputs=(_MODULE,), cost=1),
    Recipe("chart", _chart, inputs=(_MODULE,), cost=1),
    Recipe("monitoring", _monitoring, inputs=(_MODULE,), cost=1),
)
