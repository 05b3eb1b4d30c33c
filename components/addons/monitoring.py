"""Installs Prometheus and, where its image can be had, Grafana.

It owns the namespace cilium-monitoring. That Cilium and Hubble publish metrics is a matter of the Cilium
chart's values; Hubble's own page is part of that chart too.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.addons import grafana, prometheus
from components.addons.checksum import checksum
from components.manifest import declare


@dataclass(frozen=True)
class MonitoringArgs:
    """Images (`registry/name:tag`) and NodePorts. Without a Grafana image there is no Grafana."""

    prometheus_image: str
    prometheus_port: int = prometheus.NODE_PORT
    grafana_image: str | None = None
    grafana_port: int = grafana.NODE_PORT


class Monitoring(pulumi.ComponentResource):
    """Prometheus with Cilium's targets, and Grafana on top of it."""

    def __init__(
        self,
        name: str,
        args: MonitoringArgs,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:addons:Monitoring", name, None, opts)
        self._provider = provider
        namespace = declare(f"{name}-namespace", prometheus.namespace(), opts=self._after())
        self._prometheus(name, args, namespace)
        if args.grafana_image is not None:
            self._grafana(name, args.grafana_image, args.grafana_port, namespace)
        self.register_outputs({})

    def _after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, provider=self._provider, depends_on=list(resources))

    def _prometheus(self, name: str, args: MonitoringArgs, namespace: pulumi.Resource) -> None:
        inside = self._after(namespace)
        config = prometheus.config_map()
        needed = [
            declare(f"{name}-prometheus-account", prometheus.service_account(), opts=inside),
            declare(f"{name}-prometheus-role", prometheus.cluster_role(), opts=self._after()),
            declare(f"{name}-prometheus-binding", prometheus.cluster_role_binding(), opts=self._after()),
            declare(f"{name}-prometheus-config", config, opts=inside),
        ]
        deployment = prometheus.deployment(args.prometheus_image, checksum(config))
        declare(f"{name}-prometheus", deployment, opts=self._after(*needed))
        declare(f"{name}-prometheus-service", prometheus.service(args.prometheus_port), opts=inside)

    def _grafana(self, name: str, image: str, node_port: int, namespace: pulumi.Resource) -> None:
        config = grafana.config_map()
        declared = declare(f"{name}-grafana-config", config, opts=self._after(namespace))
        declare(f"{name}-grafana", grafana.deployment(image, checksum(config)), opts=self._after(declared))
        declare(f"{name}-grafana-service", grafana.service(node_port), opts=self._after(namespace))
