"""Pod Security labels of the namespaces that the program does not make itself.

Those that it makes have their labels from the start. One level is enforced; of a stricter one, which not every pod of
the namespace can meet, violations are warnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from components.manifest import declare

Level = Literal["privileged", "baseline", "restricted"]


@dataclass(frozen=True)
class PodSecurity:
    """The level that the namespace's pods must meet, the one whose violations are warnings, and why no stricter one."""

    namespace: str
    enforce: Level
    warn: Level
    reason: str

    @property
    def labels(self) -> dict[str, str]:
        """Kubernetes' own (pod-security.kubernetes.io)."""
        prefix = "pod-security.kubernetes.io"
        return {f"{prefix}/enforce": self.enforce, f"{prefix}/audit": self.warn, f"{prefix}/warn": self.warn}


GIVEN = (
    PodSecurity(
        "default",
        "privileged",
        "baseline",
        "`kubectl debug node/...` starts its pods here, and the prober writes to a folder of its node",
    ),
    PodSecurity(
        "kube-system",
        "privileged",
        "privileged",
        "Cilium's agents and the control plane use their hosts' namespaces",
    ),
    PodSecurity("kube-public", "restricted", "restricted", "no pod belongs there"),
    PodSecurity("kube-node-lease", "restricted", "restricted", "no pod belongs there"),
    PodSecurity("cilium-secrets", "restricted", "restricted", "no pod belongs there"),
)
"""Kubernetes' own namespaces, and the one that Cilium's chart makes."""


class PodSecurityLabels(pulumi.ComponentResource):
    """Sets them, after Cilium's release, whose chart makes one of the namespaces."""

    def __init__(
        self,
        name: str,
        wanted: Sequence[PodSecurity],
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:kubernetes:PodSecurityLabels", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        for one in wanted:
            metadata = {"name": one.namespace, "labels": one.labels}
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            declare(f"{name}-{one.namespace}", namespace, patch=True, opts=child)
        self.register_outputs({})
