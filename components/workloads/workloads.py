"""Puts webpod, curl-pod and, in the mode multi-pool, the workloads of a second pool into the cluster.

It owns the objects of the study's default namespace. It leaves to others the images (part of the artifacts)
and the moving of curl-pod during an IPAM migration, which uses `curl_pod()` again.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi

from components.manifest import declare
from components.workloads import pooled
from components.workloads.curl_pod import curl_pod
from components.workloads.webpod import webpod_budget, webpod_deployment, webpod_service


@dataclass(frozen=True)
class WorkloadsArgs:
    """Image references (`registry/name:tag`), the node that carries curl-pod, and a second pool's range and block."""

    webpod_image: str
    debug_image: str
    curl_node: str
    sample_pool: IPv4Network | None
    mask_size: int


class Workloads(pulumi.ComponentResource):
    """webpod's Deployment, Service and disruption budget, and curl-pod."""

    def __init__(
        self,
        name: str,
        args: WorkloadsArgs,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:workloads:Workloads", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        declare(f"{name}-webpod", webpod_deployment(args.webpod_image), opts=child)
        declare(f"{name}-webpod-service", webpod_service(), opts=child)
        declare(f"{name}-webpod-budget", webpod_budget(), opts=child)
        declare(f"{name}-curl-pod", curl_pod(args.debug_image, args.curl_node), opts=child)
        if args.sample_pool:
            pool = declare(f"{name}-pool", pooled.pool(args.sample_pool, args.mask_size), opts=child)
            where = declare(f"{name}-pooled-namespace", pooled.namespace(), opts=child)
            # A pod that comes before its pool is only tried again after a while.
            behind = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[pool, where]))
            declare(f"{name}-pooled-by-pod", pooled.by_pod(args.webpod_image), opts=behind)
            declare(f"{name}-pooled-by-namespace", pooled.by_namespace(args.webpod_image), opts=behind)
        self.register_outputs({})
