"""Cilium itself: the list of what is not masqueraded, and the chart.

The list's ConfigMap stands outside the chart and before it: without it the agents would take a built-in list of all
private ranges, and pods would reach the router under their own addresses.
"""

from __future__ import annotations

from ipaddress import IPv4Network

import pulumi
import pulumi_kubernetes as kubernetes

from cilium_lab.artifacts.bundle import Artifacts
from cilium_lab.config.model import LabConfig
from components.cilium.ipam import (
    MASQUERADE_CONFIG_MAP,
    masquerade_agent,
    masquerade_cidrs,
    masquerade_config,
    pools,
)
from components.cilium.leftovers import without_leftover_release
from components.cilium.preflight import Passed
from components.cilium.values import merge, values

NAMESPACE = "kube-system"
_NAME = "cilium"
_REPOSITORY = "https://helm.cilium.io/"
_TIMEOUT = 600
"""Seconds that Helm waits for the agents, the operator and the relay."""


class Cilium(pulumi.ComponentResource):
    """The Helm release and what has to be there before it. `release` is up when the nodes are ready."""

    release: kubernetes.helm.v3.Release
    resources: list[pulumi.Resource]
    """Everything that has to be as wanted before the agents are led to it."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        artifacts: Artifacts,
        chart: str | None,
        kubeconfig: pulumi.Output[str],
        passed: pulumi.Output[Passed],
        *,
        provider: kubernetes.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`chart` is a chart's folder; None takes it from upstream's repository.

        `passed` is the preflight's answer. It names the ranges besides the configuration's own that nodes still have
        blocks of, so that what holds a pod is neither masqueraded nor dropped.
        """
        super().__init__("cilium-lab:cilium:Cilium", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        self.resources: list[pulumi.Resource] = []
        in_use = passed.apply(lambda answer: answer.in_use)
        if masquerade_agent(config):
            self.resources.append(
                kubernetes.core.v1.ConfigMap(
                    f"{name}-masquerade",
                    metadata={"name": MASQUERADE_CONFIG_MAP, "namespace": NAMESPACE},
                    data=in_use.apply(lambda ranges: masquerade_config(masquerade_cidrs(config, ranges))),
                    opts=child,
                )
            )
        hooks = without_leftover_release(_NAME, NAMESPACE, kubeconfig)
        self.release = kubernetes.helm.v3.Release(
            f"{name}-release",
            name=_NAME,
            namespace=NAMESPACE,
            chart=chart or "cilium",
            version=None if chart else config.versions.cilium,
            repository_opts=None if chart else {"repo": _REPOSITORY},
            values=_values(config, artifacts, in_use),
            # Another one after each preflight. Else a release that was killed half way and then turned round would
            # look to Pulumi as if nothing had changed since the last run that ended well.
            description=passed.apply(lambda answer: f"after the preflight of {answer.run}"),
            timeout=_TIMEOUT,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=list(self.resources), hooks=hooks)
            ),
        )
        self.resources.append(self.release)
        self.register_outputs({})


def _values(
    config: LabConfig, artifacts: Artifacts, in_use: pulumi.Output[tuple[IPv4Network, ...]]
) -> dict[str, object]:
    """All values, of which only the list of pools waits for the preflight: a preview shows the others."""
    known = values(config, artifacts)
    if config.ipam_mode != "cluster-pool":
        return known
    pool = in_use.apply(lambda ranges: [str(cidr) for cidr in pools(config, ranges)])
    return merge(known, {"ipam": {"operator": {"clusterPoolIPv4PodCIDRList": pool}}})
