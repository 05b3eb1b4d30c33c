"""Installs the local-path provisioner and makes its StorageClass the default.

It owns the namespace local-path-storage and everything in it. The volumes' directories on the nodes belong to
the provisioner: it removes them with their claims, and what is left goes with the machines.
"""

from __future__ import annotations

import pulumi

from components.addons import storage_manifests as manifests
from components.addons.checksum import checksum
from components.manifest import declare


class LocalPathStorage(pulumi.ComponentResource):
    """The default StorageClass `local-path` and its provisioner."""

    def __init__(
        self,
        name: str,
        image: str,
        helper_image: str,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`image` is the provisioner, `helper_image` any image with /bin/sh, mkdir and rm."""
        super().__init__("cilium-lab:addons:LocalPathStorage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        namespace = declare(f"{name}-namespace", manifests.namespace(), opts=child)
        inside = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=[namespace])
        config = manifests.config_map(helper_image)
        needed = [
            declare(f"{name}-account", manifests.service_account(), opts=inside),
            declare(f"{name}-cluster-role", manifests.cluster_role(), opts=child),
            declare(f"{name}-cluster-role-binding", manifests.cluster_role_binding(), opts=child),
            declare(f"{name}-helper-role", manifests.helper_role(), opts=inside),
            declare(f"{name}-helper-role-binding", manifests.helper_role_binding(), opts=inside),
            declare(f"{name}-config", config, opts=inside),
        ]
        last = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=needed)
        declare(f"{name}-provisioner", manifests.deployment(image, checksum(config)), opts=last)
        declare(f"{name}-class", manifests.storage_class(), opts=child)
        self.register_outputs({})
