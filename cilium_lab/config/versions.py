"""The table of versions: what is built, downloaded and run, with sums, keys of repositories and digests of images.

A version is raised here and, for what the builder makes, in the go.mod and go.sum of its module in airgap/modules; a
test compares the two. Nothing else that is written by hand holds a version. A sum is the publisher's figure for
exactly that file; `source` says where it is on record. What has none on record is compared with the list of sums that
its publisher keeps beside it (files) or goes by its tag (images), and README names it: a sum is never made up, nor
taken from a first download.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Arch = Literal["amd64", "arm64"]

# Kubernetes, and what a cluster needs besides
KUBERNETES = "1.33.3"
KUBERNETES_BUILD_DATE = "2025-07-15T22:31:06Z"
"""The time of the module k8s.io/kubernetes of that version at the Go module proxy."""
CONTAINERD = "1.7.27"
ETCD = "3.5.21"
COREDNS = "1.12.0"
COREDNS_COMMIT = "51e11f1"
CNI_PLUGINS = "1.7.1"
CRICTL = "1.34.0"
"""Not the minor release of Kubernetes: the Go module proxy refuses 1.33.0, and crictl speaks CRI v1 to every containerd
that is supported."""
PAUSE = "3.10"
CIS_BENCHMARK = "cis-1.12"
"""The CIS benchmark for Kubernetes 1.32 to 1.34 (kube-bench, cfg/config.yaml, version_mapping)."""

# Cilium
CILIUM = "1.17.6"
"""The study's release: what a lab runs unless the configuration names another one."""


@dataclass(frozen=True)
class CiliumRelease:
    """A release of Cilium that can be built from the Go module proxy."""

    version: str
    commit: str
    """Commit and date, which every Cilium program prints after its version. The proxy does not tell every commit."""
    envoy: str
    """The commit of the Envoy build that its agent expects (images/cilium/Dockerfile)."""


CILIUM_RELEASES: Mapping[str, CiliumRelease] = {
    release.version: release
    for release in (
        CiliumRelease(CILIUM, "ee3ca4a7e998 2025-07-15T00:00:00+00:00", "7c2edb0b44cf95f326d628b837fcdd845102ba68"),
        CiliumRelease("1.17.16", "unknown 2026-05-13T16:12:21+00:00", "b87d1e32f522b33bd51701c6476d199326f01496"),
        CiliumRelease("1.18.11", "617b6b49b579 2026-06-16T10:45:18+00:00", "a7f42a3390781539911b5b9107881b35ecc4e752"),
        CiliumRelease("1.19.7", "unknown 2026-08-18T08:34:44+00:00", "07e8503ff34b9190d7bbe4e57d4e185c4ef8b1de"),
        CiliumRelease("1.20.2", "unknown 2026-09-15T20:03:11+00:00", "cbec91f666af0bf742da986d43832932dbb26b82"),
    )
}
"""By version, in their order: the study's, and the newest patch of each minor release that the proxy serves."""


POOLED_SINCE = 20
"""The minor release of Cilium 1 since which its operator converts pod CIDRs of cluster-pool into those of a pool."""


def minor(version: str) -> int:
    """17 of 1.17.3."""
    return int(version.split(".")[1])


def release_name(version: str) -> str:
    """What `./lab build` calls a release that is not the study's, which is in the bundle; also its folder's name."""
    return f"cilium-release-{version}"


# Tools of people, and the add-ons' programs
HELM = "3.18.6"
K9S = "0.50.9"
K9S_COMMIT = "c2f13166"
TERMSHARK = "2.4.0"
KUBE_BENCH = "0.15.6"
PROMETHEUS = "3.5.0"

# The project's own programs and images
HTTP_ECHO = "1.0.0"
LOCAL_PATH = "1.0.0"
PROBE = "1.1.0"
DEBUG = "1.0.0"

# Pulumi: equal to the packages that requirements.in pins
PULUMI = "3.230.0"
PULUMI_PLUGINS: Mapping[str, str] = {"kubernetes": "4.25.0", "libvirt": "0.5.4", "command": "1.2.1"}

BUNDLED: Mapping[str, str] = {
    "kubernetes": KUBERNETES,
    "etcd": ETCD,
    "coredns": COREDNS,
    "cni-plugins": CNI_PLUGINS,
    "crictl": CRICTL,
    "pause": PAUSE,
    "cilium": CILIUM,
    "hubble": CILIUM,
    "helm": HELM,
    "prometheus": PROMETHEUS,
    "k9s": K9S,
    "termshark": TERMSHARK,
    "http-echo": HTTP_ECHO,
    "local-path": LOCAL_PATH,
    "probe": PROBE,
    "debug": DEBUG,
}
"""The versions of what a bundle holds, by the names that its index uses."""


@dataclass(frozen=True)
class Download:
    """A file that the project fetches itself. `{version}` and `{arch}` stand in `url` and `sums`.

    `sha256` belongs to `version`. Of another version, which a configuration may name, the sum is read from the list
    that its publisher keeps at `sums`.
    """

    version: str
    url: str
    sums: str
    arch: Mapping[Arch, str]
    """What the publisher calls the architectures."""
    sha256: Mapping[Arch, str]
    source: str

    def address(self, version: str, arch: Arch) -> str:
        """Where the file lies."""
        return self.url.format(version=version, arch=self.arch[arch])

    def published(self, version: str, arch: Arch) -> str:
        """Where the publisher's list of sums lies."""
        return self.sums.format(version=version, arch=self.arch[arch])

    def pinned(self, version: str, arch: Arch) -> str | None:
        """The sum, 64 hexadecimal digits; None for a version that is not the pinned one."""
        return self.sha256.get(arch) if version == self.version else None


_GO: Mapping[Arch, str] = {"amd64": "amd64", "arm64": "arm64"}
_CILIUM_CLI = "https://github.com/cilium/cilium-cli/releases/download/v{version}/cilium-linux-{arch}.tar.gz"
_HUBBLE = "https://github.com/cilium/hubble/releases/download/v{version}/hubble-linux-{arch}.tar.gz"
_K9S = "https://github.com/derailed/k9s/releases/download/v{version}"
_TERMSHARK = "https://github.com/gcla/termshark/releases/download/v{version}"
# The study's release. Rocky moves older minor releases to its vault, so this address stays.
_ROCKY = "https://dl.rockylinux.org/vault/rocky/{version}/images/{arch}"
_ROCKY_FILE = "Rocky-9-GenericCloud-Base-{version}-20250531.0.{arch}.qcow2"

CLOUD_IMAGE = Download(
    version="9.6",
    url=f"{_ROCKY}/{_ROCKY_FILE}",
    sums=f"{_ROCKY}/{_ROCKY_FILE}.CHECKSUM",
    arch={"amd64": "x86_64", "arm64": "aarch64"},
    sha256={
        "amd64": "2c72815bb83cadccbede4704780e9b52033722db8a45c3fb02130aa380690a3d",
        "arm64": "3776b2c17cc011c28e2ab440c49dfba8d2be214d8b85df2b5edc97ebdeb30e4a",
    },
    source="github.com/lima-vm/lima templates/_images/rocky-9.yaml at ab73fd0c",
)
TOOLS: Mapping[str, Download] = {
    "cilium": Download(
        version="0.18.5",
        url=_CILIUM_CLI,
        sums=f"{_CILIUM_CLI}.sha256sum",
        arch=_GO,
        sha256={
            "amd64": "e63893745b67f58032d9b4f142ae7d6e97286df66af27ff24cd72dc81efc9ff9",
            "arm64": "54a517c05e1f60c4d3230191edcdc80647dc666173896a8e724817694aae4194",
        },
        source="github.com/kubernetes-sigs/kubespray roles/kubespray_defaults/vars/main/checksums.yml at 46dbdd39",
    ),
    "hubble": Download(
        version="1.17.5",
        url=_HUBBLE,
        sums=f"{_HUBBLE}.sha256sum",
        arch=_GO,
        sha256={
            "amd64": "448f3b50326d1ea05e18a314e5d1f75174073188290a90d9e8f555e35e169ab0",
            "arm64": "90f538d16f2d18d8bceea91226e253033eb84365f6bb3d74172d468fc5d4739b",
        },
        source="github.com/cilium/cilium images/cilium/download-hubble.sh, whose hubble_version this is",
    ),
    "k9s": Download(
        version=K9S,
        url=f"{_K9S}/k9s_Linux_{{arch}}.tar.gz",
        sums=f"{_K9S}/checksums.sha256",
        arch=_GO,
        sha256={
            "amd64": "5e625efa26c3e14256cf29d242179b32129183b549937ec62d0ad9be1bfe2ca4",
            "arm64": "147e696b608da9a300b9db6b35fd6dfc0713ce8c64865e550c90452696bb779a",
        },
        source="github.com/derailed/homebrew-k9s Formula/k9s.rb at ed63c2a9",
    ),
    "termshark": Download(
        version=TERMSHARK,
        url=f"{_TERMSHARK}/termshark_{{version}}_linux_{{arch}}.tar.gz",
        sums=f"{_TERMSHARK}/termshark_{{version}}_checksums.txt",
        arch={"amd64": "x64", "arm64": "arm64"},
        sha256={
            "amd64": "a28b2ab534ba8bf2297bbe9846281e62aa0010832b75773369e0d48912acef74",
            "arm64": "6dc3003a48291c463f057d0151727e0d21e295d804f082f3d35d72fd94d0a56e",
        },
        source="a public Homebrew formula of that release, with the sums of all its archives",
    ),
}
"""By the name of the program in the archive."""


@dataclass(frozen=True)
class Repository:
    """A repository of packages that are signed by the key of that fingerprint. `{minor}` is Kubernetes' x.y."""

    name: str
    url: str
    key: str
    fingerprint: str


_KUBERNETES_PACKAGES = "https://pkgs.k8s.io/core:/stable:/v{minor}/rpm/"
_DOCKER_PACKAGES = "https://download.docker.com/linux/rhel"
REPOSITORIES = (
    # isv:kubernetes at the Open Build Service
    Repository(
        "kubernetes",
        _KUBERNETES_PACKAGES,
        f"{_KUBERNETES_PACKAGES}repodata/repomd.xml.key",
        "DE15B14486CD377B9E876E1A234654DA9A296436",
    ),
    # docs.docker.com/engine/install/rhel: "verify that the fingerprint matches"
    Repository(
        "docker-ce",
        f"{_DOCKER_PACKAGES}/9/$basearch/stable",
        f"{_DOCKER_PACKAGES}/gpg",
        "060A61C51B558A7F742B77AAC52FEB6B621E9F35",
    ),
)


@dataclass(frozen=True)
class Image:
    """An image of a registry. `digest` is of the index for all architectures, or empty where none is on record."""

    tagged: str
    digest: str = ""
    source: str = field(default="", compare=False)

    @property
    def reference(self) -> str:
        """What a pod names: by digest where there is one."""
        return f"{self.tagged}@sha256:{self.digest}" if self.digest else self.tagged


@dataclass(frozen=True)
class DefaultImage:
    """What runs unless the configuration names another image, for each source of artifacts."""

    description: str
    """For the documentation of its option, a sentence."""
    online: Image
    bundle: str
    """By tag: a bundle's images are compared with the sums of its index, and never pulled."""


def own_image(name: str) -> str:
    """The reference of an image that the builder makes because upstream's cannot be built from package registries."""
    return f"cilium-lab.local/{name}:{BUNDLED[name]}"


_PROMETHEUS = Image(
    f"quay.io/prometheus/prometheus:v{PROMETHEUS}",
    "63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996",
    "scripts of several public projects, for quay.io and for docker.io/prom/prometheus, which agree",
)
# Cilium's monitoring example (examples/kubernetes/addons/prometheus) names this Grafana.
_GRAFANA = Image("docker.io/grafana/grafana:9.3.6")
IMAGES: Mapping[str, DefaultImage] = {
    "webpod": DefaultImage(
        "The web server that tells who it is.",
        Image(
            "docker.io/traefik/whoami:v1.11.0",
            "200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
            "Dockerfiles and Compose files of several public projects, which agree",
        ),
        own_image("http-echo"),
    ),
    "debug": DefaultImage(
        "curl, ping, dig and tcpdump for curl-pod.",
        Image(
            "docker.io/nicolaka/netshoot:v0.13",
            "a20c2531bf35436ed3766cd6cfe89d352b050ccc4d7005ce6400adf97503da1b",
            "pod status and manifests of several public projects, which agree",
        ),
        own_image("debug"),
    ),
    "local_path": DefaultImage(
        "Provisioner of the default StorageClass.",
        Image("docker.io/rancher/local-path-provisioner:v0.0.31"),
        own_image("local-path"),
    ),
    "local_path_helper": DefaultImage(
        "What makes and removes its folders on a node.",
        Image(
            "docker.io/library/busybox:1.37.0",
            "9db7b59979c38555a39def84a31fb98b5296952f9e3afd4f6f11f05b07adfab0",
            "github.com/docker-library/repo-info repos/busybox/remote/1.37.0.md at 01a70542",
        ),
        own_image("debug"),
    ),
    # The same Prometheus in both: the bundle builds it from the module of that release.
    "prometheus": DefaultImage("Prometheus.", _PROMETHEUS, _PROMETHEUS.tagged),
    "grafana": DefaultImage("Grafana.", _GRAFANA, _GRAFANA.tagged),
}
"""The images besides those of Kubernetes and Cilium, by the field of `images.Images`, of which each is an option."""
