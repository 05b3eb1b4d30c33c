"""Cilium itself: the ConfigMap of the non-masquerade CIDRs, and the chart.

The ConfigMap stands outside the chart and before it: without it the agents would take a built-in list of all private
ranges, and pods would reach the router under their own addresses.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from ipaddress import IPv4Network

import pulumi
import pulumi_kubernetes as kubernetes

from cilium_lab.artifacts.bundle import Artifacts
from cilium_lab.config.schema import LabConfig
from components.cilium import layer_7
from components.cilium.ipam import (
    MASQUERADE_CONFIG_MAP,
    masquerade_agent,
    masquerade_config,
    non_masquerade_cidrs,
    pools,
)
from components.cilium.preflight import Passed
from components.cilium.values import has_envoy, merge, values
from components.manifest import declare

NAMESPACE = "kube-system"
_NAME = "cilium"
_REPOSITORY = "https://helm.cilium.io/"
_TIMEOUT = 600
"""Seconds that Helm waits for the agents, the operator and the relay."""
_PENDING = "status in (pending-install, pending-upgrade, pending-rollback)"


class Cilium(pulumi.ComponentResource):
    """The Helm release, the ConfigMap before it, and, where no Envoy runs, what refuses policies that it would apply.

    `release` is up when the nodes are ready.
    """

    release: kubernetes.helm.v3.Release
    resources: list[pulumi.Resource]
    """The ConfigMap, where there is one, and the release: a migration comes behind them."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        artifacts: Artifacts,
        kubeconfig: pulumi.Output[str],
        passed: pulumi.Output[Passed],
        *,
        provider: kubernetes.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`passed` is the preflight's answer. It names the ranges besides the configuration's own that nodes still have
        pod CIDRs of, so that no range with a pod is masqueraded or dropped.
        """
        super().__init__("cilium-lab:cilium:Cilium", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        self.resources: list[pulumi.Resource] = []
        in_use = passed.apply(lambda answer: answer.in_use)
        if masquerade_agent(config):
            listed = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": MASQUERADE_CONFIG_MAP, "namespace": NAMESPACE},
                "data": in_use.apply(lambda ranges: masquerade_config(non_masquerade_cidrs(config, ranges))),
            }
            self.resources.append(declare(f"{name}-masquerade", listed, opts=child))
        hooks = without_interrupted_release(_NAME, NAMESPACE, kubeconfig)
        self.release = kubernetes.helm.v3.Release(
            f"{name}-release",
            name=_NAME,
            namespace=NAMESPACE,
            chart=str(artifacts.chart or "cilium"),
            version=None if artifacts.chart else config.versions.cilium,
            repository_opts=None if artifacts.chart else {"repo": _REPOSITORY},
            values=_values(config, artifacts, in_use),
            # Another one after each preflight. Else a release that was killed half way and then reversed would look to
            # Pulumi as if nothing had changed since the last update that ended well.
            description=passed.apply(lambda answer: f"after the preflight of {answer.run}"),
            timeout=_TIMEOUT,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=list(self.resources), hooks=hooks)
            ),
        )
        self.resources.append(self.release)
        for manifest in () if has_envoy(artifacts) else layer_7.manifests():
            declare(f"{name}-layer-7-{manifest['kind'].lower()}", manifest, opts=child)
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


def without_interrupted_release(
    name: str, namespace: str, kubeconfig: pulumi.Output[str]
) -> pulumi.ResourceHookBinding:
    """Hooks that remove Helm's records: all of them before a release is created, unfinished ones before it is updated.

    Helm keeps one Secret for each revision of a release. A run that is killed leaves one that says `pending-...`, and
    from then on Helm refuses every further run of that release; killed after its end but before Pulumi's note, Pulumi
    would install a release that exists, which Helm refuses too. The objects that the chart made stay as they are and
    bear the release's name, by which Helm takes them over.
    """

    async def before_create(_args: pulumi.ResourceHookArgs) -> None:
        _remove_records(f"owner=helm,name={name}", namespace, await _value(kubeconfig))

    async def before_update(_args: pulumi.ResourceHookArgs) -> None:
        _remove_records(f"owner=helm,name={name},{_PENDING}", namespace, await _value(kubeconfig))

    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook(f"without-interrupted-release-{name}", before_create)],
        before_update=[pulumi.ResourceHook(f"without-unfinished-release-{name}", before_update)],
    )


async def _value(output: pulumi.Output[str]) -> str:
    value = await output.future()
    if not value:
        raise RuntimeError("whether Helm was interrupted can't be read: the kubeconfig is not known")
    return value


def _remove_records(selector: str, namespace: str, kubeconfig: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="cilium-lab-") as file:  # mode 0600
        file.write(kubeconfig)
        file.flush()
        words = ["kubectl", "delete", "secret", "--namespace", namespace, "--selector", selector]
        done = subprocess.run(
            [*words, "--output=name"],
            env={**os.environ, "KUBECONFIG": file.name},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"removing the records of an interrupted Helm: {' '.join(words)}: {done.stderr.strip()}")
    removed = [line for line in done.stdout.splitlines() if line.startswith("secret/")]  # else: No resources found
    if removed:
        pulumi.log.warn(f"Helm was interrupted; its records are removed: {' '.join(removed)}")
