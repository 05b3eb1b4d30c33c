"""The table of versions: what is built, downloaded and run, and keys of repositories.

A version is raised here, for what the builder makes in the go.mod and go.sum of its module in airgap/modules, and for
what can be downloaded with its sum in upstream.json; tests compare them. Nothing else that is written by hand holds a
version. A file whose sum is not on record is compared with the list that its publisher keeps beside it, an image
without a digest goes by its tag, and README names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cilium_lab.config.upstream import DIGESTS, FILES, Download

# Kubernetes, and what a cluster needs besides
KUBERNETES = "1.33.3"
"""The study's release: what a lab runs unless the configuration names another one."""
CONTAINERD = "1.7.27"
ETCD = "3.5.21"


@dataclass(frozen=True)
class KubernetesRelease:
    """A release of Kubernetes that can be built from the Go module proxy. CoreDNS and pause are the same in all."""

    version: str
    built: str
    """The time of the module k8s.io/kubernetes of that version at the Go module proxy."""
    etcd: str
    """What its kubeadm runs (cmd/kubeadm/app/constants, DefaultEtcdVersion)."""


KUBERNETES_RELEASES: Mapping[str, KubernetesRelease] = {
    release.version: release
    for release in (
        KubernetesRelease(KUBERNETES, "2025-07-15T22:31:06Z", ETCD),
        KubernetesRelease("1.33.13", "2026-06-11T16:59:07Z", "3.5.24"),
    )
}
"""By version, in their order: the study's, and the newest patch of its minor release that the proxy serves."""
KUBERNETES_BUILD_DATE = KUBERNETES_RELEASES[KUBERNETES].built
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
HUBBLE_UI: Mapping[str, str] = {
    CILIUM: "0.13.2",
    **dict.fromkeys(("1.17.16", "1.18.11", "1.19.7"), "0.13.5"),
    "1.20.2": "0.13.6",
}
"""Release of Cilium -> that of Hubble's web interface, as its chart names it."""


CILIUM_CLI = "1.18.0-pre.3"
"""The pre-release of Cilium whose tree the `cilium` command of a bundle is built from: only these hold its sources."""

POOLED_SINCE = 20
"""The minor release of Cilium 1 since which its operator converts pod CIDRs of cluster-pool into those of a pool."""


def minor(version: str) -> int:
    """17 of 1.17.3."""
    return int(version.split(".")[1])


def release_name(version: str) -> str:
    """What `./lab build` calls a release that is not the study's, which is in the bundle; also its folder's name."""
    return f"cilium-release-{version}"


def kubernetes_release_name(version: str) -> str:
    """The same for a release of Kubernetes."""
    return f"kubernetes-release-{version}"


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
DEBUG = "1.1.0"

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
    "cilium-cli": CILIUM_CLI,
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


CLOUD_IMAGE = FILES["rocky"]
"""The study's release. Rocky moves older minor releases to its vault, so this address stays."""
TOOLS: Mapping[str, Download] = {name: FILES[name] for name in ("cilium", "hubble", "k9s", "termshark")}
"""By the name of the program in the archive: what a host of virtual machines gets besides packages."""


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
    """An image of a registry, by registry, repository and tag."""

    tagged: str

    @property
    def digest(self) -> str:
        """Of the index for all architectures, 64 hexadecimal digits, or empty where none is on record."""
        return DIGESTS[self.tagged].sha256 if self.tagged in DIGESTS else ""

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


_PROMETHEUS = Image(f"quay.io/prometheus/prometheus:v{PROMETHEUS}")
# Cilium's monitoring example (examples/kubernetes/addons/prometheus) names this Grafana.
_GRAFANA = Image("docker.io/grafana/grafana:9.3.6")
IMAGES: Mapping[str, DefaultImage] = {
    "webpod": DefaultImage(
        "The web server that tells who it is.",
        Image("docker.io/traefik/whoami:v1.11.0"),
        own_image("http-echo"),
    ),
    "debug": DefaultImage(
        "curl, ping, dig and tcpdump for curl-pod.",
        Image("docker.io/nicolaka/netshoot:v0.13"),
        own_image("debug"),
    ),
    "connectivity_client": DefaultImage(
        "curl, ping and nslookup for the clients of `./lab connectivity`.",
        Image("quay.io/cilium/alpine-curl:v1.10.0"),
        own_image("debug"),
    ),
    "connectivity_echo": DefaultImage(
        "The web server of `./lab connectivity`.",
        Image("quay.io/cilium/json-mock:v1.3.8"),
        own_image("http-echo"),
    ),
    "local_path": DefaultImage(
        "Provisioner of the default StorageClass.",
        Image("docker.io/rancher/local-path-provisioner:v0.0.31"),
        own_image("local-path"),
    ),
    "local_path_helper": DefaultImage(
        "What makes and removes its folders on a node.",
        Image("docker.io/library/busybox:1.37.0"),
        own_image("debug"),
    ),
    # The same Prometheus in both: the bundle builds it from the module of that release.
    "prometheus": DefaultImage("Prometheus.", _PROMETHEUS, _PROMETHEUS.tagged),
    "grafana": DefaultImage("Grafana.", _GRAFANA, _GRAFANA.tagged),
}
"""The images besides those of Kubernetes and Cilium, by the field of `images.Images`, of which each is an option."""
