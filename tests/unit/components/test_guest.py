"""The domain of a virtual machine by hypervisor and architecture, rendered as the provider would have it rendered."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from cilium_lab.config.errors import ConfigErrors
from cilium_lab.config.load import parse
from cilium_lab.config.topology import DomainType
from cilium_lab.config.upstream import Arch
from components.machines.guest import guest, memory_limit

# as terraform-provider-libvirt 0.8.3 writes it (libvirt/domain_def.go, domain.go), shortened
PROVIDER = """
<domain type="{type}"><name>router</name><memory unit="MiB">512</memory><vcpu>1</vcpu>
<os{firmware}><type arch="{arch}" machine="{board}">hvm</type></os>
<features><pae/><acpi/><apic/></features><cpu mode="{cpu_mode}"/>
<devices>
<disk type="volume" device="disk"><driver name="qemu" type="qcow2"/><source pool="cilium-lab" volume="router.qcow2"/>
<target dev="vda" bus="virtio"/></disk>
<disk type="file" device="cdrom"><driver name="qemu" type="raw"/><source file="/pool/router-cloud-init.iso"/>
<target dev="hdd" bus="ide"/><serial>cloudinit</serial></disk>
<interface type="network"><mac address="52:54:00:1F:01:14"/><source network="cilium-lab"/>
<model type="virtio"/></interface>
<console type="pty"><target type="serial" port="0"/></console>
{graphics}<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
</devices></domain>
"""
ALL = list(product(get_args(Arch), get_args(DomainType)))


def rendered(arch: Arch, domain: DomainType, folder: Path) -> ET.Element:
    looks = guest(arch, domain, "/pool")
    arm = arch == "arm64"
    given = PROVIDER.format(
        type=looks.type,
        arch=looks.arch,
        board=looks.board,
        cpu_mode=looks.cpu_mode,
        firmware=' firmware="efi"' if arm else "",
        graphics="" if arm else '<graphics type="spice" autoport="yes"/>',
    )
    (folder / "domain.xsl").write_text(looks.stylesheet)
    words = ["xsltproc", "--nomkdir", "--nonet", folder / "domain.xsl", "-"]
    done = subprocess.run(words, input=given.strip(), capture_output=True, text=True, check=True)
    return ET.fromstring(done.stdout)


def attribute(domain: ET.Element, path: str, name: str) -> str | None:
    found = domain.find(path)
    assert found is not None, path
    return found.get(name)


@pytest.mark.parametrize(("arch", "domain"), ALL)
def test_disks_are_on_buses_that_the_board_has(arch: Arch, domain: DomainType, tmp_path: Path) -> None:
    made = rendered(arch, domain, tmp_path)
    assert attribute(made, "os/type", "machine") == {"amd64": "q35", "arm64": "virt"}[arch]
    buses = {
        disk.get("device"): target.get("bus")
        for disk in made.iter("disk")
        if (target := disk.find("target")) is not None
    }
    assert buses == {"disk": "virtio", "cdrom": {"amd64": "sata", "arm64": "scsi"}[arch]}
    controllers = [(c.get("type"), c.get("model")) for c in made.iter("controller")]
    assert controllers == ([("scsi", "virtio-scsi")] if arch == "arm64" else [])
    # the provider knows its cloud-init disk by this
    assert [serial.text for serial in made.iter("serial")] == ["cloudinit"]


@pytest.mark.parametrize(("arch", "domain"), ALL)
def test_there_is_a_serial_console_and_no_screen(arch: Arch, domain: DomainType, tmp_path: Path) -> None:
    made = rendered(arch, domain, tmp_path)
    assert [target.get("type") for target in made.findall("devices/console/target")] == ["serial"]
    assert not [*made.iter("graphics"), *made.iter("video")]


@pytest.mark.parametrize(("arch", "domain"), ALL)
def test_what_is_not_mended_stays(arch: Arch, domain: DomainType, tmp_path: Path) -> None:
    made = rendered(arch, domain, tmp_path)
    assert (made.findtext("memory"), made.findtext("vcpu"), attribute(made, "memory", "unit")) == ("512", "1", "MiB")
    assert attribute(made, "devices/interface/source", "network") == "cilium-lab"
    assert attribute(made, "devices/interface/model", "type") == "virtio"
    assert (made.find("os") or ET.Element("os")).get("firmware") == ("efi" if arch == "arm64" else None)
    features = [feature.tag for feature in made.findall("features/*")]
    assert features == [
        *(["acpi"] if arch == "arm64" else ["pae", "acpi", "apic"]),
        *(["tcg"] if domain == "qemu" else []),
    ]


@pytest.mark.parametrize("arch", get_args(Arch))
def test_kvm_has_the_hosts_own_processor(arch: Arch, tmp_path: Path) -> None:
    made = rendered(arch, "kvm", tmp_path)
    assert (made.get("type"), attribute(made, "cpu", "mode")) == ("kvm", "host-passthrough")
    assert not made.findall("cpu/*")


def test_a_nested_machine_does_not_get_what_makes_a_third_level(tmp_path: Path) -> None:
    made = rendered("amd64", "nested", tmp_path)
    assert (made.get("type"), attribute(made, "cpu", "mode")) == ("kvm", "host-passthrough")
    features = {feature.get("name"): feature.get("policy") for feature in made.findall("cpu/feature")}
    assert features == {"vmx": "disable", "svm": "disable"}
    assert not rendered("arm64", "nested", tmp_path).findall("cpu/*")


def test_an_emulated_processor_has_what_rocky_asks_for(tmp_path: Path) -> None:
    intel, arm = rendered("amd64", "qemu", tmp_path), rendered("arm64", "qemu", tmp_path)
    assert (intel.get("type"), attribute(intel, "cpu", "mode")) == ("qemu", "maximum")
    assert (arm.get("type"), attribute(arm, "cpu", "mode"), arm.findtext("cpu/model")) == (
        "qemu",
        "custom",
        "cortex-a72",
    )


def test_memory_grows_in_place_up_to_the_next_power_of_two() -> None:
    limits = [memory_limit(mib) for mib in (512, 513, 1024, 3072, 4096, 4097)]
    assert limits == [512, 1024, 1024, 4096, 4096, 8192]


def test_the_domain_type_is_the_hypervisors() -> None:
    uri = "qemu:///system"
    usual = parse({"hypervisors": [{"name": "a", "uri": uri}]}).topology.hypervisors[0]
    emulated = parse({"hypervisors": [{"name": "a", "uri": uri, "domainType": "qemu"}]}).topology.hypervisors[0]
    assert (usual.domain_type, emulated.domain_type) == ("kvm", "qemu")
    container = {"name": "b", "uri": "lxc:///system"}
    lab = parse({"machines": "container", "artifacts": "bundle", "hypervisors": [container]})
    assert lab.topology.hypervisors[0].domain_type is None
    with pytest.raises(ConfigErrors, match=r"hypervisors\[0\]\.domainType: 'lxc:///system' makes containers"):
        parse({"machines": "container", "artifacts": "bundle", "hypervisors": [{**container, "domainType": "kvm"}]})
