"""Checks that compare several values with each other; each says what is wrong and offers a right value.

A check leaves out values that were already found wrong by themselves, so that one mistake is reported once.
"""

from __future__ import annotations

from typing import cast

from cilium_lab.config import versions
from cilium_lab.config.addons import ADDONS
from cilium_lab.config.chart_types import MINORS
from cilium_lab.config.chart_values import refuse_unfit
from cilium_lab.config.errors import Problems
from cilium_lab.config.options import option_name
from cilium_lab.config.reserved_values import refuse_reserved
from cilium_lab.config.schema import LabConfig
from cilium_lab.config.validate_networks import check_networks

CONTROL_PLANE_CPUS = 2
CONTROL_PLANE_MEMORY_MIB = 1700
"""kubeadm's own minima (cmd/kubeadm/app/constants: ControlPlaneNumCPU, ControlPlaneMem)."""
KERNEL_MIB = 128
"""What the kernel of a virtual machine has of its memory: kubeadm counts the rest. None in a container."""
WORKER_MEMORY_MIB = 1024
"""Enough for kubelet, containerd, Cilium's agent (about 160 MiB) and a few pods."""


def check(lab: LabConfig, problems: Problems) -> None:
    """Adds what does not fit together."""
    check_networks(lab, problems)
    _bridges(lab, problems)
    _roles(lab, problems)
    _names(lab, problems)
    _sizes(lab, problems)
    _hypervisors(lab, problems)
    _hosts_hypervisors(lab, problems)
    _node_kinds(lab, problems)
    _datapath(lab, problems)
    _versions(lab, problems)
    _node_ports(lab, problems)
    _addons(lab, problems)
    _probe(lab, problems)
    if lab.cilium_values and problems.sound("ciliumValues"):
        refuse_reserved(lab.cilium_values, problems)
        if problems.sound("versions.cilium"):
            refuse_unfit(lab.cilium_values, lab.versions.cilium, problems)


def _bridges(lab: LabConfig, p: Problems) -> None:
    node, outer = lab.topology.network.bridge, lab.topology.router_network.bridge
    if p.sound("nodeNetwork.bridge", "routerNetwork.bridge") and node == outer:
        p.add("routerNetwork.bridge", f"{outer!r} is the bridge of nodeNetwork", f"{outer[:13]}-2")


def _roles(lab: LabConfig, p: Problems) -> None:
    if not p.sound("hosts"):
        return
    example = [
        {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10"},
        {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"},
        {"name": "router", "role": "router", "address": "172.31.1.20"},
    ]
    for role, most in (("control-plane", 1), ("worker", None), ("router", 1)):
        count = sum(host.role == role for host in lab.topology.hosts)
        if count < 1 or (most is not None and count > most):
            wanted = "exactly one" if most else "at least one"
            p.add("hosts", f"{count} hosts have the role {role}; the lab has {wanted}", example)


def _names(lab: LabConfig, p: Problems) -> None:
    for what, names in (
        ("hosts", [host.name for host in lab.topology.hosts]),
        ("hypervisors", [hypervisor.name for hypervisor in lab.topology.hypervisors]),
    ):
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            key = f"{what}[{i}].name"
            if name in first and p.sound(key):
                other = next(n for n in (f"{name[:59]}-{c}" for c in range(2, 1000)) if n not in names)
                p.add(key, f"{name!r} is the name of {what}[{first[name]}] as well", other)
            elif p.sound(key):
                first[name] = i


def _sizes(lab: LabConfig, p: Problems) -> None:
    minima = {"control-plane": CONTROL_PLANE_MEMORY_MIB, "worker": WORKER_MEMORY_MIB, "router": 512}
    for i, host in enumerate(lab.topology.hosts):
        cpus, memory = f"hosts[{i}].cpus", f"hosts[{i}].memoryMiB"
        if not p.sound(f"hosts[{i}].role"):
            continue
        if host.role == "control-plane" and p.sound(cpus) and host.cpus < CONTROL_PLANE_CPUS:
            p.add(cpus, f"{host.cpus} is too few for kubeadm: {CONTROL_PLANE_CPUS} at least", CONTROL_PLANE_CPUS)
        least = minima[host.role] + (KERNEL_MIB if host.role == "control-plane" and host.machine == "vm" else 0)
        if p.sound(memory) and host.memory_mib < least:
            problem = f"{host.memory_mib} is too little for a {host.role}: {least} MiB at least"
            p.add(memory, problem, 2048)


def _hypervisors(lab: LabConfig, p: Problems) -> None:
    for i, hypervisor in enumerate(lab.topology.hypervisors):
        key = f"hypervisors[{i}].uri"
        if p.sound(key) and hypervisor.kind is None:
            p.add(key, f"{hypervisor.uri!r} is neither qemu:// nor lxc://", "qemu:///system")
        elif p.sound(key) and hypervisor.remote and hypervisor.kind == "container":
            problem = "containers are made by commands beside libvirt, which run on this machine alone"
            p.add(key, f"{hypervisor.uri!r} is another machine's: {problem}", "lxc:///system")
        elif p.sound(key, "artifacts") and hypervisor.remote and lab.artifacts == "bundle":
            problem = "its virtual machines could not read the bundle, a folder of this machine"
            p.add(key, f"{hypervisor.uri!r} is another machine's: {problem}", "qemu:///system")
        elif hypervisor.domain_type and hypervisor.kind != "vm" and p.sound(f"hypervisors[{i}].domainType"):
            problem = f"{hypervisor.uri!r} makes containers, which have no domain type"
            p.add(f"hypervisors[{i}].domainType", problem, "")


def _hosts_hypervisors(lab: LabConfig, p: Problems) -> None:
    if not p.sound("hypervisors", "machines"):
        return
    known = {hypervisor.name: hypervisor for hypervisor in lab.topology.hypervisors}
    for i, host in enumerate(lab.topology.hosts):
        key = f"hosts[{i}].hypervisor"
        if not p.sound(key, f"hosts[{i}].machine"):
            continue
        scheme = "qemu://" if host.machine == "vm" else "lxc://"
        fitting = [hypervisor.name for hypervisor in known.values() if hypervisor.kind == host.machine]
        new = [{"name": "local", "uri": f"{scheme}/system"}]
        example, fix = (fitting[0], key) if fitting else (new, "hypervisors")
        if not host.hypervisor:
            p.add(key, f"no hypervisor makes a {host.machine}; it needs one with {scheme}", example, fix)
        elif host.hypervisor not in known:
            p.add(key, f"{host.hypervisor!r} is not in hypervisors", example, fix)
        elif known[host.hypervisor].kind != host.machine:
            uri = known[host.hypervisor].uri
            p.add(key, f"{host.hypervisor!r} is {uri}, but a {host.machine} needs {scheme}", example, fix)


def _node_kinds(lab: LabConfig, p: Problems) -> None:
    """kubeadm stores one kubelet configuration for the cluster, and containers need another than virtual machines."""
    kinds = {host.machine for host in lab.topology.hosts if host.role == "control-plane"}
    if not p.sound("hosts", "machines") or len(kinds) != 1:
        return
    kind = kinds.pop()
    for i, host in enumerate(lab.topology.hosts):
        if host.role == "worker" and host.machine != kind:
            problem = f"{host.name} is a {host.machine} and the control plane a {kind}; only the router may differ"
            p.add(f"hosts[{i}].machine", problem, kind)


def _datapath(lab: LabConfig, p: Problems) -> None:
    keys = ("ipamMode", "routingMode", "masquerade", "clusterPool")
    if not p.sound(*keys):
        return
    if lab.ipam_mode == "multi-pool":
        # daemon/cmd/daemon_main.go; Documentation/network/concepts/ipam/multi-pool.rst, Limitations.
        if lab.routing_mode == "tunnel":
            p.add("routingMode", "Cilium's agent does not run ipamMode multi-pool in tunnel mode", "native")
        if lab.masquerade == "iptables":
            p.add("masquerade", "of several pools iptables can spare only one from rewriting", "bpf")
    if lab.sample_pool and lab.ipam_mode != "multi-pool" and p.sound("samplePool"):
        p.add("samplePool", f"the mode {lab.ipam_mode} has one pool for all pods; this is for multi-pool", "")
    several = lab.ipam_mode == "cluster-pool" and len(lab.cluster_pool.cidrs) > 1
    if several and lab.masquerade == "iptables" and lab.routing_mode == "native":
        p.add("masquerade", "of several ranges in clusterPool.cidrs iptables can spare only one", "bpf")


def _versions(lab: LabConfig, p: Problems) -> None:
    cilium, kubernetes = lab.versions.cilium, lab.versions.kubernetes
    if p.sound("versions.cilium") and cilium.rpartition(".")[0] not in MINORS:
        known = f"values and rollout are made for {', '.join(MINORS)}"
        p.add("versions.cilium", f"{cilium}: {known}", versions.CILIUM)
    if p.sound("versions.kubernetes"):
        major, minor, _ = (int(part) for part in kubernetes.split("."))
        if major != 1 or not 31 <= minor <= 33:
            problem = "the kubeadm documents need 1.31 or later, and nothing later than 1.33 was tried"
            p.add("versions.kubernetes", f"{kubernetes}: {problem}", versions.KUBERNETES)


def _node_ports(lab: LabConfig, p: Problems) -> None:
    ports = lab.node_ports
    fields = [addon.page.field for addon in ADDONS if addon.page]
    named = [(option_name(field), cast(int, getattr(ports, field))) for field in fields]
    for i, (name, port) in enumerate(named):
        twin = next((other for other, value in named[:i] if value == port), None)
        if twin and p.sound(f"nodePorts.{name}", f"nodePorts.{twin}"):
            free = next(n for n in range(30001, 32768) if n not in [value for _, value in named])
            p.add(f"nodePorts.{name}", f"{port} is nodePorts.{twin} as well", free)


def _addons(lab: LabConfig, p: Problems) -> None:
    by_name = {addon.name: addon for addon in ADDONS}
    for addon in (one for one in ADDONS if one.needs and p.sound("addons")):
        needed = by_name[addon.needs].field
        if getattr(lab.addons, addon.field) and not getattr(lab.addons, needed):
            problem = f"{addon.name} needs {addon.needs}, and addons.{option_name(needed)} is off"
            p.add(f"addons.{option_name(addon.field)}", problem, False)


def _probe(lab: LabConfig, p: Problems) -> None:
    if p.sound("migration.probe", "artifacts") and lab.migration.probe and lab.artifacts != "bundle":
        p.add("migration.probe", "the measuring program and its image come with the bundle alone", False)
