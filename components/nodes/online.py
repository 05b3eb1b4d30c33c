"""What a node gets from upstream, as the list that install-online.sh reads: pure."""

from __future__ import annotations

from cilium_lab.config.model import Arch, Versions
from cilium_lab.config.versions import REPOSITORIES, TOOLS

PACKAGES = (
    # certificates and join tokens are judged by the clock
    "chrony",
    # the policy under which containers run while SELinux stays enforcing
    "container-selinux",
    "conntrack-tools",
    "socat",
    "ethtool",
    "iproute-tc",
    "jq",
    "tar",
    "tcpdump",
    # the study's termshark drives it
    "wireshark-cli",
)
"""Of the distribution itself, signed by its own keys: what kubeadm's preflight asks for, and the study's tools."""


def online_list(arch: Arch, versions: Versions) -> str:
    """One line for each repository, package and tool; a tool of another version than the pinned one has no sum here."""
    minor = versions.kubernetes.rpartition(".")[0]
    lines = [
        f"repository {r.name} {r.url.format(minor=minor)} {r.key.format(minor=minor)} {r.fingerprint}"
        for r in REPOSITORIES
    ]
    kubernetes = (f"{name}-{versions.kubernetes}" for name in ("kubeadm", "kubelet", "kubectl"))
    packages = (*kubernetes, f"containerd.io-{versions.containerd}", *PACKAGES)
    lines += [f"package {package}" for package in packages]
    wanted = {
        "cilium": versions.cilium_cli,
        "hubble": versions.hubble,
        "k9s": versions.k9s,
        "termshark": versions.termshark,
    }
    for name, version in wanted.items():
        tool = TOOLS[name]
        sum_ = tool.pinned(version, arch) or f"from {tool.published(version, arch)}"
        lines.append(f"tool {name} {version} {tool.address(version, arch)} {sum_}")
    return "".join(f"{line}\n" for line in lines)
