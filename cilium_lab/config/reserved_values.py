"""The chart's values that the option `ciliumValues` may not set, each with what decides it instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from cilium_lab.config.chart_values import EXAMPLE
from cilium_lab.config.errors import Problems

_SEED = "the lab sets it for every stack"
RESERVED: Mapping[str, str] = {
    "k8sServiceHost": "it is the control plane's address, hosts[].address",
    "k8sServicePort": "it is the control plane's port",
    "kubeProxyReplacement": "the lab has no kube-proxy",
    "ipam": "it follows from ipamMode and clusterPool",
    "k8s.requireIPv4PodCIDR": "it follows from ipamMode",
    "ipv4NativeRoutingCIDR": "it follows from podCidr, for a range that misses a pod breaks source addresses",
    "ipMasqAgent": "the program sets the ranges that are not masqueraded",
    "enableIPv4Masquerade": "the study's router must see node addresses",
    "routingMode": "the option routingMode decides it",
    "tunnelProtocol": "the option tunnelProtocol decides it",
    "autoDirectNodeRoutes": "it follows from routingMode",
    "installNoConntrackIptablesRules": "it follows from routingMode",
    "bpf.masquerade": "the option masquerade decides it",
    "extraConfig.enable-cluster-pool-to-multi-pool-migration": "it follows from ipamMode",
    "endpointRoutes.enabled": _SEED,
    "endpointHealthChecking.enabled": _SEED,
    "healthChecking": _SEED,
    "hubble.enabled": _SEED,
    "hubble.relay.enabled": _SEED,
    "hubble.relay.updateStrategy": "a relay that is re-created must stay reachable",
    "hubble.relay.rollOutPods": _SEED,
    "hubble.relay.image": "it follows from artifacts",
    "hubble.ui.enabled": "the option addons.hubbleUi decides it",
    "hubble.ui.frontend.image": "it follows from artifacts",
    "hubble.ui.backend.image": "it follows from artifacts",
    "hubble.ui.service": "the option nodePorts.hubbleUi decides it",
    "hubble.metrics.enabled": _SEED,
    "hubble.metrics.enableOpenMetrics": _SEED,
    "prometheus.enabled": _SEED,
    "operator.prometheus.enabled": _SEED,
    "operator.replicas": _SEED,
    "operator.image": "it follows from artifacts",
    "image": "it follows from artifacts and versions.cilium",
    "debug.enabled": "the option debug decides it",
    "updateStrategy": "agents are restarted one at a time by the program, never by Helm",
    "rollOutCiliumPods": "agents are restarted one at a time by the program, never by Helm",
    "envoy.enabled": "it follows from what the artifacts have",
    "envoy.image": "it follows from artifacts",
    "disableEnvoyVersionCheck": "it follows from what the artifacts have",
}


def refuse_reserved(given: Mapping[str, object], problems: Problems) -> None:
    """Reports values in `ciliumValues` that the program sets itself."""
    for path in _leaves(given):
        reserved = next((r for r in RESERVED if f"{path}.".startswith(f"{r}.") or f"{r}.".startswith(f"{path}.")), None)
        if reserved:
            problem = f"the program sets {reserved} itself: {RESERVED[reserved]}"
            problems.add(f"ciliumValues.{path}", problem, EXAMPLE, "ciliumValues")


def _leaves(tree: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """The paths of everything that is not itself an object with members."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(cast(Mapping[str, object], value), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
