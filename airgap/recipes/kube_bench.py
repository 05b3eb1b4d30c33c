"""kube-bench, which `./lab cis` runs on the hosts. No part of the bundle: it is built when it is first asked for."""

from __future__ import annotations

from airgap.builder.part import Part, Workspace
from airgap.paths import MODULES

KUBE_BENCH = "0.15.6"
BENCHMARK = "cis-1.12"
"""The CIS benchmark for Kubernetes 1.32 to 1.34 (cfg/config.yaml, version_mapping)."""
_PATH = "github.com/aquasecurity/kube-bench"


def _kube_bench(ws: Workspace) -> None:
    """The program and its files of one benchmark, which lie beside the code in the same module."""
    ws.go_build("kube-bench", {"kube-bench": _PATH}, ldflags=f"-X {_PATH}/cmd.KubeBenchVersion=v{KUBE_BENCH}")
    cfg = ws.go_module_dir("kube-bench", _PATH) / "cfg"
    (ws.out / "cfg").mkdir()
    # the module cache is read-only, and a part that is removed must not be
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", cfg / "config.yaml", cfg / BENCHMARK, ws.out / "cfg"])


PARTS = (Part("kube-bench", _kube_bench, inputs=(MODULES / "kube-bench", BENCHMARK), cost=130),)
