"""kubeadm on prepared hosts: one control plane, then all workers at once.

No join token is kept anywhere. While they join, workers hold an SSH key that can do one thing on the control plane:
make a token that is good for 15 minutes. So a worker that joins days later, after an interruption or because it was
added, joins like the first.

A worker whose machine is replaced or removed is drained and leaves the cluster first; a new machine joins again by
itself. A control plane that is replaced is a new cluster, and the preview shows it: everything in the old one is
replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial

import pulumi
from pulumi_command import remote

from cilium_lab.artifacts.bundle import Artifacts
from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import Host
from cilium_lab.rollout.request import Nodes
from components.kubernetes import hardening
from components.kubernetes.documents import (
    PAUSE_IMAGE,
    cgroup_driver,
    ignored_preflight_errors,
    init_documents,
    join_documents,
    kubelet_configuration,
    to_yaml,
)
from components.machines.files import File, pack
from components.machines.keys import new_key_pair
from components.machines.machine import Machine
from components.machines.scripts import remote_path
from components.nodes.artifacts import import_images, install_artifacts
from components.outputs import known_hosts

UPGRADE_SCRIPT = "upgrade-kubernetes.sh"


class Cluster(pulumi.ComponentResource):
    """A running cluster without a network plug-in. `kubeconfig` is a secret."""

    kubeconfig: pulumi.Output[str]
    nodes: list[pulumi.Resource]
    """The last steps of each node: it has joined the cluster, and has the images of Cilium's release."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        artifacts: Artifacts,
        machines: Mapping[str, Machine],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:kubernetes:Cluster", name, None, opts)
        self._config = config
        self._artifacts = artifacts
        control_plane = machines[config.topology.control_plane.name]
        prepared = {host.name: self._prepare(machines[host.name]) for host in config.topology.nodes}

        settings = settings_digest(config)
        placed = control_plane.run(
            "control-plane-files",
            "control-plane-files.sh",
            hardening.FOLDER,
            hardening.AUDIT_FOLDER,
            stdin=control_plane_files(config),
            parent=self,
            depends_on=[prepared[control_plane.host.name]],
        )
        init = control_plane.run(
            "kubeadm-init",
            "kubeadm-init.sh",
            stdin=to_yaml(*init_documents(config)),
            parent=self,
            depends_on=[placed],
        )
        names = [host.name for host in config.topology.nodes]
        control_plane.run("study-shell", "study-shell.sh", *names, parent=self, depends_on=[init])
        child = pulumi.ResourceOptions(parent=self)
        join_key = new_key_pair("lab-join-key", "cilium-lab-join", config.key_epoch, opts=child)
        allowed = control_plane.run(
            "allow-joining",
            "allow-joining.sh",
            str(config.topology.network.cidr),
            stdin=join_key.public,
            parent=self,
            depends_on=[init],
        )
        configured = self._set_kubelet(control_plane, settings, init)
        self.nodes = [init, configured]
        for host in config.topology.workers:
            keys = pulumi.Output.all(join_key.private, control_plane.access.host.public)
            files = keys.apply(partial(_join_files, config, host))
            leaving = control_plane.run_before_end_of(
                machines[host.name], f"leaving-{host.name}", "node-leave.sh", host.name, parent=self
            )
            joined = machines[host.name].run(
                "kubeadm-join",
                "kubeadm-join.sh",
                str(config.topology.control_plane.address),
                init.stdout,
                stdin=files,
                # so that a node that has left joins again
                again_with=[leaving],
                secret=True,
                parent=self,
                depends_on=[prepared[host.name], allowed],
            )
            member = control_plane.run(
                f"member-{host.name}",
                "node-joined.sh",
                host.name,
                again_with=[joined],
                parent=self,
                depends_on=[joined],
            )
            configured = self._set_kubelet(machines[host.name], settings, joined)
            self.nodes += [member, configured]

        if artifacts.archives:
            for host in config.topology.nodes:
                machine, after = machines[host.name], prepared[host.name]
                self.nodes.append(import_images(machine, artifacts.archives, parent=self, depends_on=after))

        read = control_plane.run("kubeconfig", "kubeconfig.sh", secret=True, parent=self, depends_on=[init])
        self.kubeconfig = pulumi.Output.secret(read.stdout)
        self.register_outputs({"kubeconfig": self.kubeconfig})

    def _set_kubelet(self, machine: Machine, settings: str, member: remote.Command) -> remote.Command:
        """After init, which gives the cluster its settings, and after a node has joined."""
        return machine.run("kubelet-settings", "kubelet-settings.sh", settings, parent=self, depends_on=[member])

    def _prepare(self, machine: Machine) -> remote.Command:
        installed = install_artifacts(machine, self._config, parent=self)
        if self._artifacts.kubernetes:
            given = import_images(
                machine, self._artifacts.kubernetes, what="kubernetes", parent=self, depends_on=installed
            )
            version = self._config.versions.kubernetes
            # What runs is the rollout's to change: a host that is no node yet begins with this release.
            installed = machine.run("release", UPGRADE_SCRIPT, "new", version, "", parent=self, depends_on=[given])
        return machine.run(
            "node",
            "configure-node.sh",
            cgroup_driver(machine.host),
            PAUSE_IMAGE,
            parent=self,
            depends_on=[installed],
        )


def upgraded_nodes(lab: LabConfig, machines: Mapping[str, Machine]) -> pulumi.Output[Nodes]:
    """The nodes, for what upgrades Kubernetes there; a secret because of the key."""
    control_plane = lab.topology.control_plane
    ignored = ",".join(ignored_preflight_errors(lab, control_plane))
    addresses = {host.name: str(host.address) for host in lab.topology.nodes}
    public = {name: machine.access.host.public for name, machine in machines.items()}

    def known(keys: Mapping[str, str]) -> Nodes:
        trusted = known_hosts(lab.topology, keys)
        return Nodes(addresses, keys["private"], trusted, remote_path(UPGRADE_SCRIPT), ignored)

    private = machines[control_plane.name].access.user.private
    return pulumi.Output.secret(pulumi.Output.all(private=private, **public).apply(known))


def control_plane_files(lab: LabConfig) -> str:
    """What the API server reads besides kubeadm's own files, packed; no secret among it."""
    documents = {hardening.AUTHENTICATION: hardening.authentication()}
    if lab.kubernetes.audit:
        documents[hardening.AUDIT_POLICY] = hardening.audit_policy()
    return pack({path.rpartition("/")[2]: File(to_yaml(document)) for path, document in documents.items()})


def settings_digest(lab: LabConfig) -> str:
    """16 hexadecimal digits that change with kubelet's settings."""
    return hashlib.sha256(to_yaml(kubelet_configuration(lab)).encode()).hexdigest()[:16]


def _join_files(config: LabConfig, host: Host, keys: list[str]) -> str:
    """What a worker needs to join; `keys` are the private join key and the control plane's public host key."""
    private, control_plane = keys
    return pack(
        {
            "kubeadm.yaml": File(to_yaml(*join_documents(config, host))),
            "key": File(private),
            "known_hosts": File(f"{config.topology.control_plane.address} {control_plane}\n"),
        }
    )
