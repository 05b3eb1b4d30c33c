"""The definitions of system containers are what libvirt's own schema allows, and libvirt keeps what they say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cilium_lab.config.load import parse
from cilium_lab.config.topology import Host
from cilium_lab.libvirt.ownership import Mark, mark_of
from components.machines.container_domain import ContainerPaths, domain_xml
from tests.helpers.checkout import Checkout

LAB = parse({"machines": "container", "artifacts": "bundle"}).topology
MARK = Mark("3f1e8f9c-6d0e-4a55-9f27-1f6f6a2b7c11", "cilium-lab/engine & more")
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("host", LAB.hosts, ids=lambda host: host.name)
def test_libvirt_accepts_the_definition_and_keeps_it(sandbox: Checkout, tmp_path: Path, host: Host) -> None:
    behind = LAB.router_network if host.role == "router" else None
    paths = ContainerPaths(tmp_path / host.name, tmp_path / "bundle")
    text = domain_xml(host, LAB.network, behind, paths, MARK)
    (tmp_path / "domain.xml").write_text(text)
    try:
        virsh(sandbox, "define", "--validate", str(tmp_path / "domain.xml"))
        virsh(sandbox, "define", "--validate", str(tmp_path / "domain.xml"))  # as a second run does
        kept = ET.fromstring(virsh(sandbox, "dumpxml", host.name))
    finally:
        virsh(sandbox, "undefine", host.name)
    assert mark_of(kept) == MARK
    given = ET.fromstring(text)
    for path in ("devices/interface/mac", "devices/interface/ip", "devices/filesystem/target", "uuid"):
        assert [(e.attrib, e.text) for e in kept.findall(path)] == [(e.attrib, e.text) for e in given.findall(path)], (
            path
        )


def virsh(sandbox: Checkout, *words: str) -> str:
    return sandbox.lab("shell", " ".join(["virsh", "-q", "-c", "lxc:///system", *words])).stdout
