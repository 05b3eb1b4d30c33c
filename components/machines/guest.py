"""What a virtual machine looks like to libvirt, by hypervisor and architecture: pure.

terraform-provider-libvirt writes the domain and applies a stylesheet to its XML: what is fixed there and not right on
every hypervisor is changed by that stylesheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from cilium_lab.config.topology import DomainType
from cilium_lab.config.upstream import Arch

_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
_BOARD = {"amd64": "q35", "arm64": "virt"}
"""QEMU's current boards. The provider's own choice for x86_64 (pc, of 1996) is on its way out of Rocky's QEMU."""
_CDROM_BUS = {"amd64": "sata", "arm64": "scsi"}
"""Neither board has the IDE controller that the provider attaches the cloud-init disk to (libvirt/domain.go)."""
_TRANSLATED_MIB = 192
"""Of the hypervisor's memory for translated code of each emulated machine. QEMU would take up to a GiB."""
_XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'


@dataclass(frozen=True)
class Guest:
    """Values of libvirt's domain (https://libvirt.org/formatdomain.html)."""

    type: str
    """kvm, or qemu where the processor is emulated."""
    arch: str
    board: str
    cpu_mode: str
    stylesheet: str
    """XSLT over the provider's XML."""


def memory_limit(memory_mib: int) -> int:
    """MiB up to which a machine's memory can be changed while it runs: the next power of two.

    libvirt hands out less than a domain was defined with by a balloon in the guest, which is let go again; beyond that
    the domain has to be another one. The kernel keeps its books for the limit, so that it is not larger than needed.
    """
    return 1 << (memory_mib - 1).bit_length()


def guest(arch: Arch, domain: DomainType, pool_folder: str) -> Guest:
    """The right domain for machines of the architecture (amd64, arm64) on a hypervisor of that kind.

    kvm      the host's own processor, as it is
    nested   the same, where the hypervisor is a virtual machine itself: what makes virtual machines is kept back from
             its guests, since a third level is never wanted here and costs the second one its speed
    qemu     emulation: all that it can, since Rocky 9 needs x86-64-v2, which QEMU's default lacks. On arm64 a fixed
             model: the largest one signs pointers, which emulation makes several times slower

    `pool_folder` is where the volumes of its disks lie.

    Disks and networks are virtio everywhere. The firmware of x86_64 is the BIOS, which both images start from; that
    of aarch64 is UEFI, which libvirt chooses for the provider (libvirt/domain_def.go).
    """
    emulated = domain == "qemu"
    # a processor of arm64 is the custom model that the stylesheet names
    mode = "host-passthrough" if not emulated else ("maximum" if arch == "amd64" else "custom")
    return Guest(
        "qemu" if emulated else "kvm", _MACHINE[arch], _BOARD[arch], mode, _stylesheet(arch, domain, pool_folder)
    )


def _stylesheet(arch: Arch, domain: DomainType, pool_folder: str) -> str:
    bus = _CDROM_BUS[arch]
    templates = [
        _template("@*|node()", '<xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>'),
        # no screen is used, and Rocky's QEMU has no Spice
        _template("graphics|video|audio", ""),
        # By path: libvirt's virt-aa-helper finds neither a disk nor its backing file by pool and volume, so AppArmor
        # refuses both (dmacvicar/terraform-provider-libvirt#97, #920). The provider reads the path back as the volume.
        _template("disk[@type='volume']", '<disk type="file"><xsl:apply-templates select="@device|node()"/></disk>'),
        _template("disk[@type='volume']/source", f'<source file="{pool_folder}/{{@volume}}"/>'),
        _template("disk[@device='cdrom']/target", f'<target dev="sda" bus="{bus}"/>'),
    ]
    if bus == "scsi":
        templates.append(_more_in("/domain/devices", '<controller type="scsi" model="virtio-scsi"/>'))
    if domain == "qemu":
        cache = f'<tcg><tb-cache unit="MiB">{_TRANSLATED_MIB}</tb-cache></tcg>'
        templates.append(_more_in("/domain/features", cache))
    if arch == "arm64":
        # physical address extension is a matter of x86
        templates.append(_template("features/pae|features/apic", ""))
    if domain == "nested" and arch == "amd64":
        kept_back = "".join(f'<feature policy="disable" name="{name}"/>' for name in ("vmx", "svm"))
        templates.append(_template("/domain/cpu", f'<cpu><xsl:copy-of select="@*"/>{kept_back}</cpu>'))
    if domain == "qemu" and arch == "arm64":
        templates.append(_template("/domain/cpu", '<cpu mode="custom" match="exact"><model>cortex-a72</model></cpu>'))
    return f'<xsl:stylesheet version="1.0" {_XSL}>{"".join(templates)}</xsl:stylesheet>'


def _template(match: str, body: str) -> str:
    return f'<xsl:template match="{match}">{body}</xsl:template>'


def _more_in(element: str, more: str) -> str:
    return _template(element, f'<xsl:copy><xsl:apply-templates select="@*|node()"/>{more}</xsl:copy>')
