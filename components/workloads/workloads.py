"""Puts webpod, curl-pod and, in the mode multi-pool, the workloads of a second pool into the cluster."""

from __future__ import annotations

import pulumi

from cilium_lab.config.schema import LabConfig
from components.manifest import declare
from components.workloads import manifests


class Workloads(pulumi.ComponentResource):
    """The objects of the study's default namespace. A migration re-creates curl-pod from the same manifest."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:workloads:Workloads", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        webpod, control_plane = config.images.webpod, config.topology.control_plane.name
        declare(f"{name}-webpod", manifests.webpod_deployment(webpod), opts=child)
        declare(f"{name}-webpod-service", manifests.webpod_service(), opts=child)
        declare(f"{name}-webpod-budget", manifests.webpod_budget(), opts=child)
        declare(f"{name}-curl-pod", manifests.curl_pod(config.images.debug, control_plane), opts=child)
        if config.sample_pool:
            sample_pool = manifests.sample_pool(config.sample_pool, config.cluster_pool.mask_size)
            pool = declare(f"{name}-pool", sample_pool, opts=child)
            namespace = declare(f"{name}-pooled-namespace", manifests.pooled_namespace(), opts=child)
            # A pod that comes before its pool is only tried again after a while.
            behind = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[pool, namespace]))
            declare(f"{name}-pooled-by-pod", manifests.pooled_by_pod(webpod), opts=behind)
            declare(f"{name}-pooled-by-namespace", manifests.pooled_by_namespace(webpod), opts=behind)
        self.register_outputs({})
