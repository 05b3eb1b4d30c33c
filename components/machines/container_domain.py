"""The libvirt LXC domain of a system container: pure, XML as text (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from cilium_lab.config.topology import NODE_INTERFACE, ROUTER_INTERFACE, Host, Network, RouterNetwork
from cilium_lab.libvirt.ownership import NAMESPACE, Mark

INIT = "/usr/local/sbin/lab-init"
"""The root file system's wrapper around systemd, which gives the container cgroups of its own first."""
BUNDLE = "/opt/bundle"
_NAMESPACE = uuid.UUID("6f5f1c9e-2b0e-4a43-9f4e-0c1f6f3a7d55")
"""Of the domains' UUIDs (RFC 9562, version 5): any fixed one will do."""
_DATA = {"containerd": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "etcd": "/var/lib/etcd"}


@dataclass(frozen=True)
class ContainerPaths:
    """Folders on the hypervisor: the container's own, and the bundle that it sees read-only (or None)."""

    own: Path
    bundle: Path | None


def domain_xml(host: Host, network: Network, router: RouterNetwork | None, paths: ContainerPaths, mark: Mark) -> str:
    """The definition of the domain. `router` is given for the host that stands in both networks."""
    domain = ET.Element("domain", type="lxc")
    _text(domain, "name", host.name)
    # without one libvirt makes one up each time, and then refuses to define a domain of the same name again
    _text(domain, "uuid", str(uuid.uuid5(_NAMESPACE, f"{host.name} {host.address}")))
    domain.append(ET.fromstring(mark.xml()))
    _text(domain, "memory", str(host.memory_mib), unit="MiB")
    _text(domain, "vcpu", str(host.cpus))
    system = ET.SubElement(domain, "os")
    _text(system, "type", "exe")
    _text(system, "init", INIT)
    # kubelet, containerd and the agent need most capabilities; what must stay closed is closed by mounts
    ET.SubElement(ET.SubElement(domain, "features"), "capabilities", policy="allow")
    _text(domain, "on_reboot", "restart")
    devices = ET.SubElement(domain, "devices")
    _mount(devices, paths.own / "root", "/")
    for name, target in _DATA.items():
        _mount(devices, paths.own / "data" / name, target)
    if paths.bundle is not None:
        _mount(devices, paths.bundle, BUNDLE, readonly=True)
    node = _interface(devices, host.mac, network.bridge, NODE_INTERFACE, str(host.address), network.cidr.prefixlen)
    ET.SubElement(node, "route", family="ipv4", address="0.0.0.0", prefix="0", gateway=str(network.gateway))
    if router is not None:
        address, prefix = str(router.address), router.cidr.prefixlen
        _interface(devices, router.mac, router.bridge, ROUTER_INTERFACE, address, prefix)
    ET.SubElement(devices, "console", type="pty")
    ET.register_namespace("lab", NAMESPACE)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode") + "\n"


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _mount(devices: ET.Element, source: Path, target: str, *, readonly: bool = False) -> None:
    filesystem = ET.SubElement(devices, "filesystem", type="mount", accessmode="passthrough")
    ET.SubElement(filesystem, "source", dir=str(source))
    ET.SubElement(filesystem, "target", dir=target)
    if readonly:
        ET.SubElement(filesystem, "readonly")


def _interface(devices: ET.Element, mac: str, bridge: str, name: str, address: str, prefix: int) -> ET.Element:
    interface = ET.SubElement(devices, "interface", type="bridge")
    ET.SubElement(interface, "mac", address=mac)
    ET.SubElement(interface, "source", bridge=bridge)
    ET.SubElement(interface, "guest", dev=name)
    ET.SubElement(interface, "ip", family="ipv4", address=address, prefix=str(prefix))
    return interface
