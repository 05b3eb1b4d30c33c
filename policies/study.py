"""The lab as a whole, read from the resources of a stack: ranges, releases, hosts. Pure.

Everything is found by type, by the names of upstream's objects and by the scripts that run on hosts: the rules are
independent of the program that made the resources.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from typing import cast

from policies.resource import Props, Resource, Unknown, at, items, mapping, texts_in, type_of
from policies.texts import arguments, documents, program

RELEASE = "kubernetes:helm.sh/v3:Release"
MASQUERADE_MAP = "ip-masq-agent"
MACHINES = "cilium-lab:machines:"
"""What the types of the components begin with that are one host each."""


@dataclass(frozen=True)
class Range:
    """A range of addresses, what it is for, and the URN of the resource that says so."""

    what: str
    cidr: IPv4Network
    urn: str


def network(value: object) -> IPv4Network | None:
    """The IPv4 range in a text such as 10.244.0.0/16; None when it is none."""
    try:
        return IPv4Network(str(value))
    except ValueError:
        return None


def covered(cidr: IPv4Network, by: Iterable[IPv4Network]) -> bool:
    """Whether every address of the range is in one of the others."""
    return any(cidr.subnet_of(one) for one in collapse_addresses(by))


def is_cilium(resource: Resource) -> bool:
    """Whether it is a Helm release of Cilium's chart, wherever the chart comes from."""
    return resource.type == RELEASE and resource.text("chart").rstrip("/").rpartition("/")[2] == "cilium"


def releases(resources: Sequence[Resource]) -> list[Resource]:
    """The releases of Cilium's chart."""
    return [resource for resource in resources if is_cilium(resource)]


def is_on(release: Resource, path: str) -> bool:
    """Whether a value of the release is true; charts take the text as well."""
    return release.at(f"values.{path}") in (True, "true")


def kubeadm(resources: Sequence[Resource], kind: str) -> list[tuple[Resource, Props]]:
    """kubeadm's documents of a kind, with the command that carries each."""
    return [
        (resource, document)
        for resource in resources
        for document in documents(resource)
        if document.get("kind") == kind and str(document.get("apiVersion", "")).startswith("kubeadm.k8s.io/")
    ]


def cluster_ranges(resources: Sequence[Resource], field: str, what: str) -> list[Range]:
    """The IPv4 ranges of kubeadm's ClusterConfiguration.networking: `podSubnet` or `serviceSubnet`."""
    found: list[Range] = []
    for resource, document in kubeadm(resources, "ClusterConfiguration"):
        for text in str(at(document, f"networking.{field}") or "").split(","):
            cidr = network(text.strip())
            if cidr:
                found.append(Range(what, cidr, resource.urn))
    return found


def pod_subnets(resources: Sequence[Resource]) -> list[Range]:
    """The ranges that Kubernetes allocates the pod CIDRs of its nodes from."""
    return cluster_ranges(resources, "podSubnet", "kubeadm's podSubnet")


def pool(release: Resource) -> list[Range]:
    """The ranges that the release's operator hands out, in its order; none in the mode kubernetes."""
    operator = mapping(release.at("values.ipam.operator"))
    pools = mapping(operator.get("autoCreateCiliumPodIPPools")).values()
    multi = [cidr for one in pools for cidr in texts_in(at(one, "ipv4.cidrs"))]
    listed = {"cluster-pool": texts_in(operator.get("clusterPoolIPv4PodCIDRList")), "multi-pool": multi}
    texts = listed.get(str(release.at("values.ipam.mode")), [])
    cidrs = [cidr for cidr in map(network, texts) if cidr]
    return [Range("a range of Cilium's pool", cidr, release.urn) for cidr in cidrs]


def masquerade_map(resources: Sequence[Resource], release: Resource) -> Resource | None:
    """The ConfigMap that the release's ip-masq-agent reads."""
    wanted = (release.text("namespace") or "default", MASQUERADE_MAP)
    for resource in resources:
        named = (resource.text("metadata.namespace"), resource.text("metadata.name"))
        if resource.type == "kubernetes:core/v1:ConfigMap" and named == wanted:
            return resource
    return None


def non_masquerade_cidrs(resources: Sequence[Resource], release: Resource) -> list[IPv4Network] | Unknown | None:
    """The release's non-masquerade CIDRs; None where its agents have no list of the stack's own."""
    own = release.at("values.ipMasqAgent.config")
    if own is None:
        found = masquerade_map(resources, release)
        own = found.at("data.config") if found else None
    if isinstance(own, str):
        own = _json(own)
    if own is None or isinstance(own, Unknown):
        return own
    return [cidr for cidr in map(network, items(mapping(own).get("nonMasqueradeCIDRs"))) if cidr]


def uses_masquerade_agent(release: Resource) -> bool:
    """Whether the release's agents use non-masquerade CIDRs at all: that needs bpf masquerading."""
    return is_on(release, "ipMasqAgent.enabled") and is_on(release, "bpf.masquerade")


def node_networks(resources: Sequence[Resource]) -> list[Range]:
    """The networks that libvirt gives an address on."""
    return [
        Range("the node network", cidr, resource.urn)
        for resource in resources
        if resource.type == "libvirt:index/network:Network"
        for cidr in map(network, texts_in(resource.at("addresses")))
        if cidr
    ]


def routed_networks(resources: Sequence[Resource]) -> list[Range]:
    """The networks that hosts have a lasting route to: static-route.sh NETWORK GATEWAY INTERFACE."""
    routes = [resource for resource in resources if program(resource) == "static-route.sh" and arguments(resource)]
    pairs = [(network(arguments(route)[0]), route.urn) for route in routes]
    return [Range("the router's network", cidr, urn) for cidr, urn in pairs if cidr]


def service_networks(resources: Sequence[Resource]) -> list[Range]:
    """The range of the Services' addresses."""
    return cluster_ranges(resources, "serviceSubnet", "the Service range")


def from_bundle(resources: Sequence[Resource]) -> bool:
    """Whether hosts get their programs and images from a bundle, whose index lists a sha256 for each."""
    return any(program(resource) == "install-bundle.sh" for resource in resources)


def machine_of(resource: Resource) -> str:
    """The URN of the host that a resource is part of; empty for all that is no child of a machine."""
    return resource.parent if type_of(resource.parent).startswith(MACHINES) else ""


def machines(resources: Sequence[Resource]) -> list[Resource]:
    """What makes a host run: the domain of libvirt, or the command that starts the container."""
    kinds = ("libvirt:index/domain:Domain", "command:local:Command")
    return [resource for resource in resources if resource.type in kinds and machine_of(resource)]


def _json(text: str) -> Props | None:
    try:
        loaded = json.loads(text)
    except ValueError:
        return None
    return cast(Props, loaded) if isinstance(loaded, dict) else None
