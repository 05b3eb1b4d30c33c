"""The preflight of a migration, before Cilium's release changes: it ends the update while nothing has changed yet.

It runs `cilium_lab.rollout` as a program of its own, with progress on standard error, and is quick where there is
nothing to do: on a new cluster and on an unchanged one. Its request is standard input, a secret because of the
kubeconfig.

Its answer names its run. The release and the migration take that name in, so that both compare with the cluster again
after each preflight. Without it Pulumi would compare with the state of the last update that ended well, find that
nothing has changed since, and leave a migration half done that was killed and then reversed.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local

from cilium_lab.artifacts.bundle import ONLINE, Artifacts
from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import API_SERVER_PORT
from cilium_lab.disruption.targets import Hosts
from cilium_lab.rollout.preview import preview_live
from cilium_lab.rollout.request import SERVICE_RANGE, Canary, Desired, Limits, Nodes, render
from components.cilium.ipam import masquerade_agent
from components.cilium.values import values
from components.workloads.manifests import CURL_POD, NAMESPACE, WEBPOD, WEBPOD_LABELS

PROGRAM = ".venv/bin/python -m cilium_lab.rollout"
_DOMAIN = "svc.cluster.local"
_API = f"https://kubernetes.default.{_DOMAIN}/readyz"


@dataclass(frozen=True)
class Passed:
    """The answer of a preflight that found nothing wrong."""

    run: str
    """Its name: another one each time."""
    in_use: tuple[IPv4Network, ...]
    """Ranges that nodes have pod CIDRs of besides those of the configuration."""


def passed(answer: str) -> Passed:
    """Reads a preflight's standard output. Raises ValueError or KeyError if it is not one."""
    tree: dict[str, Any] = json.loads(answer)
    return Passed(str(tree["run"]), tuple(IPv4Network(cidr) for cidr in tree["inUse"]))


def desired_cluster(lab: LabConfig, artifacts: Artifacts = ONLINE) -> Desired:
    """The goal of `preflight` and `run`. The canary tries the API server by its Service and by its own port."""
    topology = lab.topology
    behind = topology.router_network
    routers = (topology.router.address, *(link.interface.ip for link in behind.links[:1]))
    service = f"{WEBPOD}.{NAMESPACE}.{_DOMAIN}"
    pages = (
        f"http://{service}/",
        _API,
        f"https://{topology.control_plane.address}:{API_SERVER_PORT}/readyz",
        *(f"http://{address}/" for address in routers),
    )
    return Desired(
        mode=lab.ipam_mode,
        pools=lab.cluster_pool.cidrs,
        pod_cidr=lab.pod_cidr,
        mask_size=lab.cluster_pool.mask_size,
        other_networks={
            "the node network": topology.network.cidr,
            SERVICE_RANGE: lab.service_cidr,
            "the network behind the router": behind.cidr,
        },
        direct_routes=lab.routing_mode == "native",
        ip_masq_agent=masquerade_agent(lab),
        values=values(lab, artifacts),
        chart=lab.versions.cilium,
        kubernetes=lab.versions.kubernetes,
        recreate=(f"{NAMESPACE}/{CURL_POD}", *lab.migration.recreate),
        one_way=lab.migration.one_way,
        registry=artifacts.images is None,
        jobs=lab.migration.jobs,
        limits=Limits(**lab.migration.limits.model_dump(exclude_none=True)),
        services=("kube-system/kube-dns", f"{NAMESPACE}/{WEBPOD}"),
        canary=Canary(lab.images.debug, pages, (service,), f"{NAMESPACE}/{WEBPOD_LABELS['app']}"),
    )


class Preflight(pulumi.ComponentResource):
    """`passed` is known when the preflight has found nothing wrong; an update that it fails ends with it."""

    request: pulumi.Output[str]
    """Standard input of the preflight, and of the migration after it; a secret."""
    answer: pulumi.Output[str]
    passed: pulumi.Output[Passed]

    def __init__(
        self,
        name: str,
        config: LabConfig,
        artifacts: Artifacts,
        kubeconfig: pulumi.Input[str],
        records: Path,
        hosts: pulumi.Output[Hosts] | None = None,
        nodes: pulumi.Output[Nodes] | None = None,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`opts.depends_on` should name the nodes: the preflight needs the API server and counts them.

        `records` is the folder of the records of migrations. `hosts` are those that probes run on during a migration;
        None: there are no probes. `nodes` are those whose Kubernetes a rollout may upgrade.
        """
        super().__init__("cilium-lab:migration:Preflight", name, None, opts)
        desired = desired_cluster(config, artifacts)
        if pulumi.runtime.is_dry_run():
            # Known unless the cluster itself is still to be made or changed.
            pulumi.Output.from_input(kubeconfig).apply(lambda text: _preview(desired, text))
        probing = hosts.apply(_render_hosts) if hosts else pulumi.Output.from_input(dict[str, object]())
        upgrading = nodes.apply(_render_nodes) if nodes else pulumi.Output.from_input(dict[str, object]())
        document = {**render(desired), "runs": str(records)}
        self.request = pulumi.Output.secret(
            pulumi.Output.all(kubeconfig=kubeconfig, probing=probing, upgrading=upgrading).apply(
                lambda had: json.dumps(
                    {**document, **had["probing"], **had["upgrading"], "kubeconfig": had["kubeconfig"]}, sort_keys=True
                )
            )
        )
        # Until Preflight was a component of its own, the command was a child of the migration.
        earlier = pulumi.create_urn("migration", "cilium-lab:migration:Migration", opts.parent if opts else None)
        command = local.Command(
            "migration-preflight",
            create=f"{PROGRAM} preflight",
            stdin=self.request,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A component's dependencies are not its children's.
                depends_on=opts.depends_on if opts else None,
                aliases=[pulumi.Alias(parent=earlier)],
            ),
        )
        # The answer holds no secret, only the request does; else all of Cilium's values would be hidden.
        self.answer = pulumi.Output.unsecret(command.stdout)
        self.passed = self.answer.apply(passed)
        self.register_outputs({})


async def _preview(desired: Desired, kubeconfig: str) -> None:
    """A preview runs no command, so the program itself looks at the cluster, beside all else that it previews."""
    found = await asyncio.to_thread(preview_live, desired, kubeconfig)
    if found.refused:  # it fails the preview, and so the update before it begins
        raise pulumi.RunError("\n".join(found.lines))
    if found.lines:
        pulumi.log.warn("\n".join(found.lines))


def _render_nodes(nodes: Nodes) -> dict[str, object]:
    return {"nodes": nodes.render()}


def _render_hosts(hosts: Hosts) -> dict[str, object]:
    return {"hosts": hosts.render()}
