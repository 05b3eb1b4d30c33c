"""Programs beside Kubernetes and Cilium: the cilium command, Helm, k9s and others, and the project's own."""

from __future__ import annotations

import shutil

from airgap.builder.golang import MODULES
from airgap.builder.recipe import Recipe, Workspace
from airgap.recipes import debian
from cilium_lab.config.versions import (
    CILIUM,
    CILIUM_CLI,
    CIS_BENCHMARK,
    HELM,
    K9S,
    K9S_COMMIT,
    KUBE_BENCH,
    KUBERNETES,
    PROMETHEUS,
)

MISSING = (
    ("grafana", "the Go module proxy refuses github.com/grafana/grafana (403) and no registry has its pages"),
    ("hubble-ui", "the Go module proxy refuses github.com/cilium/hubble-ui (403); use `hubble observe`"),
    ("cilium-envoy", "a C++ program whose binary is only in a container registry: no L7 policy, no L7 visibility"),
    ("prometheus-ui", "the module holds no built pages: Prometheus answers its HTTP API, not the web interface"),
)
"""What the bundle lacks and why, as (name, reason)."""

_KUBE_BENCH_PATH = "github.com/aquasecurity/kube-bench"
_PROMETHEUS_PATH = "github.com/prometheus/prometheus"
# Upstream's way to leave out service discoveries (plugins.yml): a dozen clouds' SDKs are half of its compile time.
_DISCOVERIES = ("dns", "kubernetes")


def _cilium_cli(ws: Workspace) -> None:
    """The cilium command, from Cilium's own tree, with the study's chart embedded: without one it does not start."""
    prefix = "github.com/cilium/cilium/cilium-cli"
    tree = ws.go_tree("cilium-cli", {})
    archive = tree / "charts" / f"cilium-{CILIUM}.tgz"
    alike = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--use-compress-program=gzip -n"]
    ws.run(["tar", "--create", *alike, "--file", archive, "-C", ws.need("chart"), "cilium"])
    version = f"-X {prefix}/defaults.CLIVersion=v{CILIUM_CLI}"
    ws.go_build("cilium-cli", {"cilium": f"{prefix}/cmd/cilium"}, ldflags=version, cwd=tree)


def _helm(ws: Workspace) -> None:
    prefix = "helm.sh/helm/v3"
    major, minor, _ = KUBERNETES.split(".")
    values = {
        "internal/version.version": f"v{HELM}",
        "pkg/lint/rules.k8sVersionMajor": major,
        "pkg/lint/rules.k8sVersionMinor": minor,
        "pkg/chartutil.k8sVersionMajor": major,
        "pkg/chartutil.k8sVersionMinor": minor,
    }
    ldflags = " ".join(f"-X {prefix}/{name}={value}" for name, value in values.items())
    ws.go_build("helm", {"helm": f"{prefix}/cmd/helm"}, ldflags=ldflags)


def _prometheus(ws: Workspace) -> None:
    """The genuine server with two of its service discoveries, from a copy of the module's tree."""
    source = ws.work / "source"
    shutil.rmtree(source, ignore_errors=True)
    module = ws.go_module_dir("prometheus", _PROMETHEUS_PATH)
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", module, source])
    imports = "".join(f'\t_ "{_PROMETHEUS_PATH}/discovery/{name}"\n' for name in _DISCOVERIES)
    (source / "plugins/plugins.go").write_text(f"package plugins\n\nimport (\n{imports})\n")
    version = f"-X github.com/prometheus/common/version.Version={PROMETHEUS}"
    command = f"{_PROMETHEUS_PATH}/cmd/prometheus"
    ws.go_build("prometheus", {"prometheus": command}, ldflags=version, tags="netgo", cwd=source)


def _k9s(ws: Workspace) -> None:
    """The genuine program without its scanner of images, which vul/scanner.go stands for."""
    prefix = "github.com/derailed/k9s"
    tree = ws.go_tree("k9s", {prefix: "k9s"})
    scanner = tree / "k9s/internal/vul"
    (scanner / "scan.go").unlink()
    (tree / "vul/scanner.go").replace(scanner / "scanner.go")
    version = f"-X {prefix}/cmd.version=v{K9S} -X {prefix}/cmd.commit={K9S_COMMIT}"
    ws.go_build("k9s", {"k9s": prefix}, ldflags=version, cwd=tree)


def _termshark(ws: Workspace) -> None:
    """Debian's build of the same release: one of its Go dependencies is refused by the module proxy."""
    apt = debian.download(ws, ws.need("base-tree") / "tree/var/lib/dpkg/status", ["install", "termshark"])
    (package,) = (apt / "cache/archives").glob("termshark_*.deb")
    ws.run(["dpkg-deb", "--extract", package, ws.work / "termshark"])
    shutil.copy2(ws.work / "termshark/usr/bin/termshark", ws.out)


def _http_echo(ws: Workspace) -> None:
    ws.go_build("http-echo", {"http-echo": "."})


def _local_path(ws: Workspace) -> None:
    ws.go_build("local-path", {"local-path-provisioner": "."})


def _probe(ws: Workspace) -> None:
    """The measuring program of every host of a bundle: `probe run` and `probe serve`."""
    ws.go_build("probe", {"probe": "."})


def _kube_bench(ws: Workspace) -> None:
    """What `./lab cis` runs on the hosts, with its files of one benchmark, which are in the same module.

    It is no part of the bundle: it is built when it is first needed.
    """
    version = f"-X {_KUBE_BENCH_PATH}/cmd.KubeBenchVersion=v{KUBE_BENCH}"
    ws.go_build("kube-bench", {"kube-bench": _KUBE_BENCH_PATH}, ldflags=version)
    cfg = ws.go_module_dir("kube-bench", _KUBE_BENCH_PATH) / "cfg"
    (ws.out / "cfg").mkdir()
    # the module cache is read-only, and an artifact must not be, or it could not be removed
    ws.run(["cp", "-r", "--no-preserve=mode,ownership", cfg / "config.yaml", cfg / CIS_BENCHMARK, ws.out / "cfg"])


_ALIKE = "plugin-kubernetes"
"""It uses the same client libraries of Kubernetes, whose versions the modules agree on."""
RECIPES = (
    Recipe("cilium-cli", _cilium_cli, inputs=(MODULES / "cilium-cli",), needs=("chart",), cost=150, after=_ALIKE),
    Recipe("helm", _helm, inputs=(MODULES / "helm",), cost=35, after=_ALIKE),
    Recipe("prometheus", _prometheus, inputs=(MODULES / "prometheus",), cost=110),
    Recipe("k9s", _k9s, inputs=(MODULES / "k9s",), cost=100, after=_ALIKE),
    Recipe("termshark", _termshark, inputs=(debian.IN_TREE,), needs=("base-tree",), cost=12),
    Recipe("http-echo", _http_echo, inputs=(MODULES / "http-echo",), cost=8),
    Recipe("local-path", _local_path, inputs=(MODULES / "local-path",), cost=15, after=_ALIKE),
    Recipe("probe", _probe, inputs=(MODULES / "probe",), cost=5),
    Recipe("kube-bench", _kube_bench, inputs=(MODULES / "kube-bench",), cost=130),
)
