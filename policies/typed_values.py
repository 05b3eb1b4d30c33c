"""The Helm values that components/cilium/values.py sets, by path: the typed set.

Independent of the program on purpose: a value that the program begins to set has to be allowed here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.resource import mapping

TYPED = frozenset(
    {
        "autoDirectNodeRoutes",
        "bpf.masquerade",
        "debug.enabled",
        "disableEnvoyVersionCheck",
        "endpointHealthChecking.enabled",
        "endpointRoutes.enabled",
        "envoy.enabled",
        "envoy.image.pullPolicy",
        "envoy.image.useDigest",
        "healthChecking",
        "hubble.enabled",
        "hubble.metrics.enableOpenMetrics",
        "hubble.metrics.enabled",
        "hubble.relay.enabled",
        "hubble.relay.image.pullPolicy",
        "hubble.relay.image.useDigest",
        "hubble.relay.rollOutPods",
        "hubble.relay.updateStrategy.rollingUpdate.maxUnavailable",
        "hubble.ui.backend.image.pullPolicy",
        "hubble.ui.backend.image.useDigest",
        "hubble.ui.enabled",
        "hubble.ui.frontend.image.pullPolicy",
        "hubble.ui.frontend.image.useDigest",
        "hubble.ui.service.nodePort",
        "hubble.ui.service.type",
        "image.pullPolicy",
        "image.useDigest",
        "installNoConntrackIptablesRules",
        "ipMasqAgent.enabled",
        "ipam.mode",
        "ipam.operator.autoCreateCiliumPodIPPools.default.ipv4.cidrs",
        "ipam.operator.autoCreateCiliumPodIPPools.default.ipv4.maskSize",
        "ipam.operator.clusterPoolIPv4MaskSize",
        "ipam.operator.clusterPoolIPv4PodCIDRList",
        "ipv4NativeRoutingCIDR",
        "k8s.requireIPv4PodCIDR",
        "k8sServiceHost",
        "k8sServicePort",
        "kubeProxyReplacement",
        "operator.image.pullPolicy",
        "operator.image.useDigest",
        "operator.prometheus.enabled",
        "operator.replicas",
        "prometheus.enabled",
        "rollOutCiliumPods",
        "routingMode",
        "tunnelProtocol",
        "updateStrategy.type",
    }
)


def leaves(values: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """The paths of all values that are not themselves objects with members."""
    for name, value in values.items():
        below = mapping(value)
        if below:
            yield from leaves(below, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def under(path: str, parents: Mapping[str, object]) -> bool:
    """Whether the path, or something that holds it, is among the parents."""
    names = path.split(".")
    return any(".".join(names[:n]) in parents for n in range(1, len(names) + 1))
