"""The IPAM modes as pure functions: pools, native range, non-masquerade CIDRs, and their Helm values.

Which traffic keeps its source address (read in the source of Cilium 1.17):
- With bpf masquerading and the ip-masq-agent, a pod's packet keeps its source when its destination lies in
  the *explicit* ipv4-native-routing-cidr, or in the agent's nonMasqueradeCIDRs, or is a node. The range is compiled
  into the datapath (pkg/datapath/linux/config/config.go: `excludeCIDR = option.Config.IPv4NativeRoutingCIDR`, and
  bpf/lib/nat.h, snat_v4_needs_masquerade: IPV4_SNAT_EXCLUSION_DST_CIDR before IP_MASQ_AGENT_IPV4), so
  changing it means a restart; the list is a BPF map that follows the ConfigMap (pkg/ipmasq/ipmasq.go).
- Without the ip-masq-agent an unset range falls back to the node's own pod CIDR (pkg/datapath/types/config.go,
  RemoteSNATDstAddrExclusionCIDRv4), with it to nothing.
- No file, or an empty one, means a built-in list with all private ranges (ipmasq.go, defaultNonMasqCIDRs):
  pods would reach the router under their own addresses. So the ConfigMap exists before the agents and is
  never deleted.
- installNoConntrackIptablesRules covers the native range alone (pkg/datapath/iptables/iptables.go).

Hence the native range is `podCidr` in every mode, for it can never change in the life of a cluster, and the list has
every range: a migration changes the list and never the compiled range.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from cilium_lab.config.schema import LabConfig

if TYPE_CHECKING:  # thousands of lines, which only the type checker reads
    from cilium_lab.config.chart_types.v1_17 import ChartIpam

MASQUERADE_CONFIG_MAP = "ip-masq-agent"
"""Name of the ConfigMap that the chart's DaemonSet mounts (templates/cilium-agent/daemonset.yaml), in the
release's namespace; its key is `config`.
"""
DEFAULT_POOL = "default"
"""The pool of pods without an annotation in the mode multi-pool (pkg/defaults, IPAMDefaultIPPool)."""


def pools(lab: LabConfig, in_use: Iterable[IPv4Network] = ()) -> tuple[IPv4Network, ...]:
    """The ranges that the operator may allocate from, in the order in which it uses them; empty in the mode kubernetes.

    In cluster-pool the range `podCidr` comes last: the operator then takes over the pod CIDRs that nodes have from
    their time in the mode kubernetes, and allocates no new one from it while the pool has free ones. `in_use` are
    further ranges that nodes still have pod CIDRs of, for a change from one pool to another.
    """
    if lab.ipam_mode == "kubernetes":
        return ()
    if lab.ipam_mode == "multi-pool":
        return lab.cluster_pool.cidrs
    return _distinct((*lab.cluster_pool.cidrs, *in_use, lab.pod_cidr))


def pod_ranges(lab: LabConfig) -> tuple[IPv4Network, ...]:
    """Every range that a pod of this configuration may have an address of, whichever mode is on."""
    sample = (lab.sample_pool,) if lab.sample_pool else ()
    return (lab.pod_cidr, *lab.cluster_pool.cidrs, *sample)


def masquerade_agent(lab: LabConfig) -> bool:
    """Whether the ip-masq-agent is on: always with bpf, which it needs (daemon/cmd/daemon.go)."""
    return lab.masquerade == "bpf"


def native_cidr(lab: LabConfig) -> IPv4Network | None:
    """ipv4NativeRoutingCIDR, or None where it has no meaning (tunnel).

    With iptables there are no non-masquerade CIDRs, so the range is the one that the mode uses; the configuration's
    checks ensure that it is a single one, and a live migration is not possible there.
    """
    if lab.routing_mode == "tunnel":
        return None
    if masquerade_agent(lab) or lab.ipam_mode == "kubernetes":
        return lab.pod_cidr
    return lab.cluster_pool.cidrs[0]


def non_masquerade_cidrs(lab: LabConfig, in_use: Iterable[IPv4Network] = ()) -> tuple[IPv4Network, ...]:
    """The non-masquerade CIDRs: all pod ranges, and what nodes still use.

    The pool is among them from the first day, whatever the mode: nothing but pods can have its addresses, and a
    migration then has nothing to wait for. Sorted, so that the order of the configuration makes no difference.
    """
    return tuple(sorted(_distinct((*pod_ranges(lab), *in_use))))


def masquerade_config(cidrs: Iterable[IPv4Network]) -> dict[str, str]:
    """The data of the ConfigMap `ip-masq-agent` for these CIDRs.

    The link-local switches are on, so that the agents' maps hold these CIDRs and nothing else.
    """
    config = {
        "nonMasqueradeCIDRs": [str(cidr) for cidr in cidrs],
        "masqLinkLocal": True,
        "masqLinkLocalIPv6": True,
    }
    return {"config": json.dumps(config)}


def ipam_values(lab: LabConfig, in_use: Iterable[IPv4Network] = ()) -> ChartIpam:
    """The chart's `ipam`."""
    listed = [str(cidr) for cidr in pools(lab, in_use)]
    mask = lab.cluster_pool.mask_size
    match lab.ipam_mode:
        case "kubernetes":
            return {"mode": "kubernetes"}
        case "cluster-pool":
            return {
                "mode": "cluster-pool",
                "operator": {"clusterPoolIPv4PodCIDRList": listed, "clusterPoolIPv4MaskSize": mask},
            }
        case "multi-pool":
            pool = {DEFAULT_POOL: {"ipv4": {"cidrs": listed, "maskSize": mask}}}
            return {"mode": "multi-pool", "operator": {"autoCreateCiliumPodIPPools": dict[str, object](pool)}}


def _distinct(cidrs: Iterable[IPv4Network]) -> tuple[IPv4Network, ...]:
    return tuple(dict.fromkeys(cidrs))
