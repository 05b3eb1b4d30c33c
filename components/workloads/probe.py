"""The probes' workload: pages and echoes behind a Service, which serve on while nodes are drained.

It is made like webpod (see `manifests`) with what a measurement needs besides: a port that echoes TCP and UDP, and the
same three on a port of every node. It comes before Cilium and its preflight, so that an update that enables probes and
changes the mode has them as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from cilium_lab.config.topology import Topology
from cilium_lab.disruption.targets import ECHO_PORT, IMAGE, NAMESPACE, PAGES_PORT, WORKLOAD, Hosts
from components.machines.machine import Machine
from components.manifest import declare
from components.outputs import known_hosts
from components.workloads.manifests import DRAIN_SECONDS, GRACE_SECONDS, REPLICAS, disruption_budget

_LABELS = {"app": WORKLOAD}


class Probe(pulumi.ComponentResource):
    """`objects` are the workload's; `hosts` (a secret) are those that probes run on, and how to reach them.

    `rate` is how many requests a second they are to send.
    """

    objects: list[pulumi.Resource]
    hosts: pulumi.Output[Hosts]

    def __init__(
        self,
        name: str,
        topology: Topology,
        machines: Mapping[str, Machine],
        rate: int,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:probes:Probe", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        self.objects = [
            declare(f"{name}-{manifest['kind'].lower()}", manifest, opts=child) for manifest in probe_manifests()
        ]
        public = {host: machine.access.host.public for host, machine in machines.items()}
        private = machines[topology.router.name].access.user.private
        self.hosts = pulumi.Output.secret(
            pulumi.Output.all(private=private, **public).apply(lambda keys: _hosts(topology, keys, rate))
        )
        self.register_outputs({})


def probe_manifests() -> tuple[dict[str, Any], ...]:
    """The Deployment, its Service and its disruption budget."""
    return _deployment(), _service(), disruption_budget(WORKLOAD, _LABELS)


def _deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        # It is declared before there is a network, so Pulumi must not wait for its pods; the start of the probes does.
        # Pulumi waits for its end (with `skipAwait` it would not): what is declared again while it goes would go too.
        "metadata": {**_metadata(), "annotations": {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": _pod_spec()},
        },
    }


def _pod_spec() -> dict[str, Any]:
    apart = {"labelSelector": {"matchLabels": dict(_LABELS)}, "topologyKey": "kubernetes.io/hostname"}
    return {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}},
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [
            {
                "name": WORKLOAD,
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": ["serve", "-http", f":{PAGES_PORT}", "-echo", f":{ECHO_PORT}", "-leave", f"{DRAIN_SECONDS}s"],
                "ports": [
                    {"name": "pages", "containerPort": PAGES_PORT},
                    {"name": "stream", "containerPort": ECHO_PORT},
                    {"name": "datagrams", "containerPort": ECHO_PORT, "protocol": "UDP"},
                ],
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": PAGES_PORT},
                    "periodSeconds": 1,
                    "timeoutSeconds": 3,
                    "failureThreshold": 1,
                },
                # The same pause as webpod's, but the pod is unready at once: Cilium then ends datagram sockets to it
                # (it keeps them for a terminating pod that is ready) while they are still answered.
                "lifecycle": {"preStop": {"httpGet": {"path": "/leave", "port": PAGES_PORT}}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


def _service() -> dict[str, Any]:
    ports = [("pages", "TCP", PAGES_PORT), ("stream", "TCP", ECHO_PORT), ("datagrams", "UDP", ECHO_PORT)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(),
        "spec": {
            "type": "NodePort",
            "selector": dict(_LABELS),
            # The API server chooses the nodes' ports; the probe runner looks them up.
            "ports": [{"name": n, "protocol": p, "port": port, "targetPort": port} for n, p, port in ports],
        },
    }


def _metadata() -> dict[str, Any]:
    return {"name": WORKLOAD, "namespace": NAMESPACE, "labels": dict(_LABELS)}


def _hosts(topology: Topology, keys: Mapping[str, str], rate: int) -> Hosts:
    """Probes run on the router, the control plane and the first worker. `keys` has `private` and host names."""
    behind = topology.router_network
    workers = [host.name for host in topology.nodes if host.role == "worker"]
    return Hosts(
        nodes={host.name: str(host.address) for host in topology.nodes},
        inside=(topology.control_plane.name, *workers[:1]),
        router=topology.router.name,
        router_address=str(topology.router.address),
        behind=str(behind.links[0].interface.ip if behind.links else behind.address),
        key=keys["private"],
        known_hosts=known_hosts(topology, keys),
        rate=rate,
    )
