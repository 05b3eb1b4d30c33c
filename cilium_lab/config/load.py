"""The only reader of `pulumi.Config`: the stack's configuration becomes one `LabConfig`, or one error with everything.

`parse` is pure and is what tests call; `load` only fetches what it is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import cast

import pulumi
from pulumi.runtime import config as runtime_config

from cilium_lab.config import model
from cilium_lab.config.errors import NAMESPACE, ConfigErrors
from cilium_lab.config.images import default_images
from cilium_lab.config.model import LabConfig
from cilium_lab.config.reader import Problems, Reader
from cilium_lab.config.schema import BY_PATH
from cilium_lab.config.topology import (
    DomainType,
    DummyLink,
    Host,
    Hypervisor,
    MachineKind,
    Network,
    Role,
    RouterNetwork,
    Topology,
)
from cilium_lab.config.validate import check


def load(config: pulumi.Config | None = None) -> LabConfig:
    """The running stack's configuration. Raises `pulumi.RunError` with every problem; nothing exists by then."""
    config = config or pulumi.Config(NAMESPACE)
    names = {key.name for key in BY_PATH.values() if not key.parent} | _given(config.name)
    texts = {name: config.get(name) for name in names}
    try:
        return parse({name: decode(name, text) for name, text in texts.items() if text is not None})
    except ConfigErrors as errors:
        raise pulumi.RunError(str(errors)) from None


def decode(name: str, text: str) -> object:
    """A value as the engine hands it over (always a text) in the type that its key has.

    A text that does not fit is left as it is: `parse` then reports it like any other wrong value.
    """
    key = BY_PATH.get(name)
    if key is not None and key.type == "string":
        return text
    try:
        return cast(object, json.loads(text))
    except ValueError:
        return text


def parse(raw: Mapping[str, object]) -> LabConfig:
    """The model of what is given; keys are without the project's namespace, and what is not given has its default.

    Raises `ConfigErrors`, which lists every problem: unknown keys, wrong types and forms, and values that
    don't fit together.
    """
    problems = Problems()
    reader = Reader(raw, problems)
    lab = _lab(reader)
    check(lab, problems)
    if problems.errors:
        raise ConfigErrors(problems.errors)
    return lab


def _given(namespace: str) -> set[str]:
    """The names of all keys in the namespace, known or not: pulumi.Config can't list them."""
    given = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{namespace}:"
    return {name.removeprefix(prefix) for name in given if name.startswith(prefix)}


def _lab(r: Reader) -> LabConfig:
    pool, versions, addons, ports, migration = (
        r.object("clusterPool"),
        r.object("versions"),
        r.object("addons"),
        r.object("nodePorts"),
        r.object("migration"),
    )
    artifacts = cast(model.ArtifactSource, r.text("artifacts"))
    return LabConfig(
        topology=_topology(r),
        arch=cast(model.Arch, r.text("arch")),
        ipam_mode=cast(model.IpamMode, r.text("ipamMode")),
        cluster_pool=model.ClusterPool(pool.networks("cidrs"), pool.number("maskSize")),
        sample_pool=IPv4Network(sample) if (sample := r.text("samplePool")) else None,
        pod_cidr=r.network("podCidr"),
        service_cidr=r.network("serviceCidr"),
        routing_mode=cast(model.RoutingMode, r.text("routingMode")),
        tunnel_protocol=cast(model.TunnelProtocol, r.text("tunnelProtocol")),
        masquerade=cast(model.Masquerade, r.text("masquerade")),
        artifacts=artifacts,
        bundle_path=r.text("bundlePath") or None,
        rootfs_path=r.text("rootfsPath") or None,
        seed_path=r.text("seedPath") or None,
        versions=model.Versions(
            kubernetes=versions.text("kubernetes"),
            cilium=versions.text("cilium"),
            cilium_cli=versions.text("ciliumCli"),
            hubble=versions.text("hubble"),
            containerd=versions.text("containerd"),
            k9s=versions.text("k9s"),
            termshark=versions.text("termshark"),
        ),
        addons=model.Addons(
            storage=addons.flag("storage"),
            monitoring=addons.flag("monitoring"),
            hubble_ui=addons.flag("hubbleUi"),
            grafana=addons.flag("grafana"),
        ),
        node_ports=model.NodePorts(
            prometheus=ports.number("prometheus"),
            grafana=ports.number("grafana"),
            hubble_ui=ports.number("hubbleUi"),
        ),
        images=_images(r.object("images"), default_images(artifacts)),
        audit=r.object("kubernetes").flag("audit"),
        migration_probe=migration.flag("probe"),
        migration_recreate=migration.texts("recreate"),
        debug=r.flag("debug"),
        key_epoch=r.number("keyEpoch"),
        cilium_values=dict(r.mapping("ciliumValues")),
    )


def _images(r: Reader, default: model.Images) -> model.Images:
    return model.Images(
        webpod=r.text("webpod") or default.webpod,
        debug=r.text("debug") or default.debug,
        local_path=r.text("localPath") or default.local_path,
        local_path_helper=r.text("localPathHelper") or default.local_path_helper,
        prometheus=r.text("prometheus") or default.prometheus,
        grafana=r.text("grafana") or default.grafana,
    )


def _topology(r: Reader) -> Topology:
    node, outer = r.object("nodeNetwork"), r.object("routerNetwork")
    hypervisors = tuple(_hypervisor(h) for h in r.objects("hypervisors"))
    usual = cast(MachineKind, r.text("machines"))
    return Topology(
        network=Network(node.network("cidr"), node.address("gateway"), node.text("bridge")),
        router_network=RouterNetwork(
            outer.network("cidr"),
            outer.address("address"),
            outer.text("bridge"),
            tuple(DummyLink(link.text("name"), link.interface("address")) for link in outer.objects("links")),
        ),
        hypervisors=hypervisors,
        hosts=tuple(_host(h, usual, hypervisors) for h in r.objects("hosts")),
    )


def _hypervisor(r: Reader) -> Hypervisor:
    made = Hypervisor(r.text("name"), r.text("uri"), cast(DomainType, r.text("domainType")) or None)
    return replace(made, domain_type="kvm") if made.kind == "vm" and not made.domain_type else made


def _host(r: Reader, usual: MachineKind, hypervisors: tuple[Hypervisor, ...]) -> Host:
    machine = cast(MachineKind, r.text("machine") or usual)
    fitting = next((h.name for h in hypervisors if h.kind == machine), "")
    return Host(
        name=r.text("name"),
        role=cast(Role, r.text("role")),
        address=r.address("address"),
        machine=machine,
        cpus=r.number("cpus"),
        memory_mib=r.number("memoryMiB"),
        disk_gib=r.number("diskGiB"),
        hypervisor=r.text("hypervisor") or fitting,
    )
