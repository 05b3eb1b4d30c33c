"""The versions of what the bundle holds, by the names that its index uses."""

from __future__ import annotations

from collections.abc import Mapping

from airgap.recipes import cilium, kubernetes, tools

DEBUG = "1.0.0"
VERSIONS: Mapping[str, str] = {
    "kubernetes": kubernetes.KUBERNETES,
    "etcd": kubernetes.ETCD,
    "coredns": kubernetes.COREDNS,
    "cni-plugins": kubernetes.CNI_PLUGINS,
    "crictl": kubernetes.CRICTL,
    "pause": kubernetes.PAUSE,
    "cilium": cilium.CILIUM,
    "hubble": cilium.CILIUM,
    "helm": tools.HELM,
    "prometheus": tools.PROMETHEUS,
    "k9s": tools.K9S,
    "termshark": tools.TERMSHARK,
    "http-echo": tools.HTTP_ECHO,
    "local-path": tools.LOCAL_PATH,
    "probe": tools.PROBE,
    "debug": DEBUG,
}
