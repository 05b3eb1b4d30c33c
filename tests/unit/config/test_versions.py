"""The table of what comes from upstream: whole, well-formed, and what the program really uses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from airgap.recipes.kubernetes import of_etcd, of_kubernetes
from cilium_lab.config import versions as pins
from cilium_lab.config.images import default_images
from cilium_lab.config.load import parse
from cilium_lab.config.upstream import FILES, Arch
from components.nodes.artifacts import online_list
from tests.helpers.recorded_lab import lab, record_lab

ROOT = Path(__file__).parents[3]
IMAGES = [image.online for image in pins.IMAGES.values()]
_SUM = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("download", FILES.values(), ids=FILES)
def test_every_download_has_a_sum_of_its_own_for_each_architecture_and_says_where_from(
    download: pins.Download,
) -> None:
    assert set(download.sha256) == set(download.arch) == set(get_args(Arch))
    assert all(_SUM.fullmatch(digest) for digest in download.sha256.values())
    assert len(set(download.sha256.values())) == (2 if "{arch}" in download.url else 1)
    assert download.source
    for arch in get_args(Arch):
        for url in filter(None, (download.address(download.version, arch), download.published(download.version, arch))):
            assert url.startswith("https://")
            assert download.version in url
            assert "{" not in url


def test_what_hosts_download_may_be_of_another_version_than_the_pinned_one() -> None:
    assert all(tool.sums for tool in pins.TOOLS.values())


def test_no_two_files_have_one_sum() -> None:
    sums = [digest for download in FILES.values() for digest in set(download.sha256.values())]
    sums += [image.digest for image in IMAGES if image.digest]
    assert len(set(sums)) == len(sums)


UPSTREAM = {
    **{f"cilium {version}": version for version in pins.CILIUM_RELEASES},
    **{f"kubernetes {version}": version for version in pins.KUBERNETES_RELEASES},
    **{f"etcd of kubernetes {r.version}": r.etcd for r in pins.KUBERNETES_RELEASES.values()},
    "the cilium command": pins.TOOLS["cilium"].version,
    "containerd": pins.CONTAINERD,
    "kube-bench": pins.KUBE_BENCH,
    "pulumi": pins.PULUMI,
    **{f"pulumi-{name}": version for name, version in pins.PULUMI_PLUGINS.items()},
    **{
        name: version
        for name, version in pins.BUNDLED.items()
        if name not in ("http-echo", "local-path", "probe", "debug")
    },
}
"""What a new release of upstream changes; the project raises its own programs' versions itself."""
_OF_PULUMI = ("requirements.in", "airgap/modules/pulumi")
HOLD_VERSIONS = (
    "cilium_lab/config/versions.py",
    "cilium_lab/config/upstream.json",
    "tests/engine/study_program/__main__.py",
)
"""The two tables; and what the study's text does by hand, which no later release changes."""
MADE_BY = re.compile(r"\bMade by tools/\w+\.py\b")


def holders(version: str) -> list[str]:
    """The files written by hand that hold a version, but for the table and the Go module's own go.mod and go.sum."""
    exact = re.compile(rf"(?<![\w.]){re.escape(version)}(?!\.?\w)|(?<![\w.])v{re.escape(version)}(?!\.?\w)")
    words = [
        "git",
        "grep",
        "-lIF",
        version,
        "--",
        ":!*go.mod",
        ":!*go.sum",
        ":!requirements*.txt",
        ":!requirements-dev.in",
        ":!tests/golden",
    ]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    texts = {name: (ROOT / name).read_text() for name in found}
    return [name for name, text in texts.items() if exact.search(text) and not MADE_BY.search(text[:300])]


@pytest.mark.parametrize("name", UPSTREAM)
def test_a_version_stands_in_the_table_alone(name: str) -> None:
    allowed = (*HOLD_VERSIONS, *(_OF_PULUMI if name.startswith("pulumi") else ()))
    assert [file for file in holders(UPSTREAM[name]) if not file.startswith(allowed)] == []


def test_a_version_that_stands_elsewhere_is_found() -> None:
    assert HOLD_VERSIONS[0] in holders(pins.CILIUM)
    assert "requirements.in" in holders(pins.PULUMI)


MODULES = {
    **{
        "cilium" if version == pins.CILIUM else f"cilium-{version}": ("github.com/cilium/cilium", version)
        for version in pins.CILIUM_RELEASES
    },
    "cni-plugins": ("github.com/containernetworking/plugins", pins.CNI_PLUGINS),
    "coredns": ("github.com/coredns/coredns", pins.COREDNS),
    "cri-tools": ("sigs.k8s.io/cri-tools", pins.CRICTL),
    **{of_etcd(r.etcd): ("go.etcd.io/etcd/server/v3", r.etcd) for r in pins.KUBERNETES_RELEASES.values()},
    "etcdctl": ("go.etcd.io/etcd/etcdctl/v3", pins.ETCD),
    "cilium-cli": ("github.com/cilium/cilium", pins.CILIUM_CLI),
    "helm": ("helm.sh/helm/v3", pins.HELM),
    "k9s": ("github.com/derailed/k9s", pins.K9S),
    "kube-bench": ("github.com/aquasecurity/kube-bench", pins.KUBE_BENCH),
    **{of_kubernetes("kubernetes", version): ("k8s.io/kubernetes", version) for version in pins.KUBERNETES_RELEASES},
    # Prometheus' modules are numbered 0.MMmm: 3.5 is 0.305
    "prometheus": ("github.com/prometheus/prometheus", re.sub(r"^(\d+)\.(\d)\.", r"0.\g<1>0\2.", pins.PROMETHEUS)),
    "pulumi": ("github.com/pulumi/pulumi/pkg/v3", pins.PULUMI),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_go_module_pins_the_version_of_the_table(module: str) -> None:
    path, version = MODULES[module]
    assert f"{path} v{version}\n" in (ROOT / "airgap/modules" / module / "go.mod").read_text()


@pytest.mark.parametrize("version", pins.KUBERNETES_RELEASES)
def test_every_module_of_kubernetes_is_of_the_same_release(version: str) -> None:
    lines = (ROOT / "airgap/modules" / of_kubernetes("kubernetes", version) / "go.mod").read_text().splitlines()
    replaced = {line.split()[-1] for line in lines if "=>" in line}
    assert replaced == {f"v0.{version.partition('.')[2]}"}


def test_the_pulumi_packages_are_those_that_the_plugins_equal() -> None:
    packages = {"pulumi": pins.PULUMI, **{f"pulumi-{name}": version for name, version in pins.PULUMI_PLUGINS.items()}}
    lines = (ROOT / "requirements.in").read_text().splitlines()
    assert {f"{name}=={version}" for name, version in packages.items()} <= set(lines)


def test_the_default_versions_are_the_pinned_ones() -> None:
    versions = parse({}).versions
    assert (versions.kubernetes, versions.cilium, versions.containerd) == (
        pins.KUBERNETES,
        pins.CILIUM,
        pins.CONTAINERD,
    )
    chosen = {"cilium": versions.cilium_cli, "hubble": versions.hubble, "k9s": versions.k9s}
    chosen["termshark"] = versions.termshark
    assert chosen == {name: tool.version for name, tool in pins.TOOLS.items()}


@pytest.mark.parametrize("arch", get_args(Arch))
def test_a_node_compares_every_tool_with_the_pinned_sum_of_its_architecture(arch: Arch) -> None:
    lines = [line.split() for line in online_list(arch, parse({}).versions).splitlines()]
    tools = {words[1]: words[-1] for words in lines if words[0] == "tool"}
    assert tools == {name: tool.sha256[arch] for name, tool in pins.TOOLS.items()}
    repositories = {words[1]: words[-1] for words in lines if words[0] == "repository"}
    assert len(repositories) == 2
    assert all(re.fullmatch(r"[0-9A-F]{40}", fingerprint) for fingerprint in repositories.values())


def test_another_version_is_compared_with_its_publishers_list() -> None:
    other = parse({"versions": {"k9s": "0.51.0"}}).versions
    (k9s,) = (line for line in online_list("amd64", other).splitlines() if line.startswith("tool k9s "))
    release = "https://github.com/derailed/k9s/releases/download/v0.51.0"
    assert k9s == f"tool k9s 0.51.0 {release}/k9s_Linux_amd64.tar.gz from {release}/checksums.sha256"


@pytest.mark.parametrize("arch", get_args(Arch))
def test_the_cloud_image_is_of_the_architecture_and_compared_with_its_sum(arch: Arch) -> None:
    created = record_lab("lab", arch=arch).by_name()["image-local-vm-fetch"].inputs["create"].split()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[arch]
    assert created[1].endswith(f".{machine}.qcow2")
    assert created[-1] == pins.CLOUD_IMAGE.sha256[arch]


def test_images_go_by_digest_where_one_is_on_record() -> None:
    online, bundle = default_images("online"), default_images("bundle")
    for image in IMAGES:
        assert image.digest == "" or _SUM.fullmatch(image.digest), image.tagged
        assert image.reference in vars(online).values()
    assert not any("@" in reference for reference in vars(bundle).values())


def test_nothing_else_names_an_address_to_download_from() -> None:
    lines = [resource.text("create") for resource in lab("lab") if resource.type.startswith("command:")]
    addresses = {word for line in lines for word in line.split() if word.startswith("https://")}
    assert addresses == {pins.CLOUD_IMAGE.address(pins.CLOUD_IMAGE.version, "amd64")}
