"""The Helm values of Cilium's chart, typed by the chart's own schema: a pure function of the configuration.

They are the study's with three corrections: ipv4NativeRoutingCIDR is derived (its 10.244.0.0/16 contained no pod, so
that pods saw each other under node addresses), the ip-masq-agent has the non-masquerade CIDRs (see `ipam`), and the
agents' DaemonSet is OnDelete: Helm never restarts an agent, the migration does, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, cast

from cilium_lab.artifacts.bundle import ONLINE, Artifacts
from cilium_lab.config.addons import HUBBLE_UI
from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import API_SERVER_PORT
from cilium_lab.config.versions import POOLED_SINCE, minor
from components.cilium import ipam

if TYPE_CHECKING:  # thousands of lines, which only the type checker reads
    from cilium_lab.config.chart_types.v1_17 import ChartHubble, ChartOperator, ChartValues

_LABELS = (
    "source_ip",
    "source_namespace",
    "source_workload",
    "destination_ip",
    "destination_namespace",
    "destination_workload",
    "traffic_direction",
)
HUBBLE_METRICS = (
    "dns",
    "drop",
    "tcp",
    "flow",
    "port-distribution",
    "icmp",
    f"httpV2:exemplars=true;labelsContext={','.join(_LABELS)}",
)
ENVOY_REPOSITORY = "quay.io/cilium/cilium-envoy"


def has_envoy(artifacts: Artifacts) -> bool:
    """Whether the artifacts hold Envoy; without it policies on layer 7 are refused (`layer_7`), all others enforced."""
    return artifacts.has_repository(ENVOY_REPOSITORY)


def has_hubble_ui(lab: LabConfig, artifacts: Artifacts) -> bool:
    """Whether Hubble's web interface is configured and the artifacts hold it."""
    return lab.addons.hubble_ui and all(artifacts.has_repository(r) for r in HUBBLE_UI.repositories)


def values(lab: LabConfig, artifacts: Artifacts = ONLINE, in_use: Iterable[IPv4Network] = ()) -> dict[str, object]:
    """All values for the release: the program's, and under them the configuration's `ciliumValues`."""
    own = cast(Mapping[str, object], chart_values(lab, artifacts, in_use))
    return merge(lab.cilium_values, own)


def chart_values(lab: LabConfig, artifacts: Artifacts = ONLINE, in_use: Iterable[IPv4Network] = ()) -> ChartValues:
    """The program's own values. `in_use` are ranges that live nodes still have pod CIDRs of (see `ipam.pools`)."""
    native = lab.routing_mode == "native"
    chart: ChartValues = {
        "k8sServiceHost": str(lab.topology.control_plane.address),
        "k8sServicePort": API_SERVER_PORT,
        "kubeProxyReplacement": True,
        "ipam": ipam.ipam_values(lab, in_use),
        # Only multi-pool has no pod CIDR per node that the agent could wait for (pkg/option/config.go sets the same).
        "k8s": {"requireIPv4PodCIDR": lab.ipam_mode != "multi-pool"},
        "routingMode": lab.routing_mode,
        # The agent refuses both in tunnel mode (daemon/cmd/daemon_main.go), and the second without bpf masquerading
        # (daemon/cmd/kube_proxy_replacement.go).
        "autoDirectNodeRoutes": native,
        "installNoConntrackIptablesRules": native and lab.masquerade == "bpf",
        "endpointRoutes": {"enabled": True},
        "bpf": {"masquerade": lab.masquerade == "bpf"},
        "ipMasqAgent": {"enabled": ipam.masquerade_agent(lab)},
        "endpointHealthChecking": {"enabled": False},
        "healthChecking": False,
        "hubble": _hubble(lab, artifacts),
        "prometheus": {"enabled": True},
        "operator": _operator(lab, artifacts),
        "debug": {"enabled": lab.debug},
        "updateStrategy": {"type": "OnDelete"},
        # Each change of an agent's configuration makes a new revision of the template; it is the rollout of nodes that
        # restarts them.
        "rollOutCiliumPods": True,
        "envoy": {"enabled": has_envoy(artifacts)},
    }
    if not has_envoy(artifacts):
        # Else the agent looks for an embedded Envoy every 5 minutes and logs an error (pkg/envoy/cell.go).
        chart["disableEnvoyVersionCheck"] = True
    if lab.ipam_mode == "multi-pool" and minor(lab.versions.cilium) >= POOLED_SINCE:
        # The operator converts the pod CIDRs that nodes have from cluster-pool into those of the default pool.
        chart["extraConfig"] = {"enable-cluster-pool-to-multi-pool-migration": "true"}
    cidr = ipam.native_cidr(lab)
    if cidr is not None:
        chart["ipv4NativeRoutingCIDR"] = str(cidr)
    if not native:
        chart["tunnelProtocol"] = lab.tunnel_protocol
    if artifacts.images is not None:
        # A bundle's images are imported by name and tag: their digests are those of the bundle's own
        # archives.
        chart["image"] = {"useDigest": False, "pullPolicy": "IfNotPresent"}
        if has_envoy(artifacts):
            chart["envoy"]["image"] = {"useDigest": False, "pullPolicy": "IfNotPresent"}
    return chart


def _hubble(lab: LabConfig, artifacts: Artifacts) -> ChartHubble:
    hubble: ChartHubble = {
        "enabled": True,
        # With the chart's own value a relay that is drained is down until its successor is ready.
        "relay": {
            "enabled": True,
            "rollOutPods": True,
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}},
        },
        "ui": {"enabled": False},
        "metrics": {"enableOpenMetrics": True, "enabled": list(HUBBLE_METRICS)},
    }
    if artifacts.images is not None:
        hubble["relay"]["image"] = {"useDigest": False, "pullPolicy": "IfNotPresent"}
    if has_hubble_ui(lab, artifacts):
        hubble["ui"] = {
            "enabled": True,
            "service": {"type": "NodePort", "nodePort": lab.node_ports.hubble_ui},
        }
        if artifacts.images is not None:
            hubble["ui"]["frontend"] = {"image": {"useDigest": False, "pullPolicy": "IfNotPresent"}}
            hubble["ui"]["backend"] = {"image": {"useDigest": False, "pullPolicy": "IfNotPresent"}}
    return hubble


def _operator(lab: LabConfig, artifacts: Artifacts) -> ChartOperator:
    operator: ChartOperator = {"replicas": 1, "prometheus": {"enabled": True}}
    if artifacts.images is not None:
        operator["image"] = {"useDigest": False, "pullPolicy": "IfNotPresent"}
    return operator


def merge(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Both as one tree; where both have a leaf, `over` wins (the configuration's checks refuse that case)."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(cast(Mapping[str, object], below), cast(Mapping[str, object], value))
        else:
            merged[key] = value
    return merged
