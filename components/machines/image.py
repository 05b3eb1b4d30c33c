"""The cloud image that virtual machines start from: fetched once, checked, and kept in a pool of its own."""

from __future__ import annotations

from shlex import quote

import pulumi
import pulumi_libvirt as libvirt
from pulumi_command import local

from components.model import LabConfig
from offline.build.paths import CACHE

POOL_FOLDER = "/var/lib/libvirt/images/cilium-lab"
_FETCH = "components/scripts/local/fetch-image.sh"
# The study's release. Rocky moves older minor releases to its vault, so this address stays.
_ROCKY = "https://dl.rockylinux.org/vault/rocky/9.6/images"
_BUILD = "Rocky-9-GenericCloud-Base-9.6-20250531.0"
_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


def image_url(arch: str) -> str:
    """Where the image for an architecture (amd64 or arm64) lies; its sum is listed at the same address + .CHECKSUM."""
    machine = _MACHINE[arch]
    return f"{_ROCKY}/{machine}/{_BUILD}.{machine}.qcow2"


class BaseImage(pulumi.ComponentResource):
    """A storage pool and the base volume in it. Disks of hosts are copy-on-write overlays of the volume."""

    pool: libvirt.Pool
    volume: libvirt.Volume

    def __init__(
        self,
        name: str,
        config: LabConfig,
        *,
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:machines:BaseImage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        at_libvirt = pulumi.ResourceOptions(parent=self, provider=provider)
        fetched = local.Command(
            f"{name}-fetch",
            create=f"{_FETCH} {image_url(config.arch)} {quote(str(CACHE / 'images'))}",
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=child,
        )
        target = libvirt.PoolTargetArgs(path=POOL_FOLDER)
        self.pool = libvirt.Pool(f"{name}-pool", name="cilium-lab", type="dir", target=target, opts=at_libvirt)
        self.volume = libvirt.Volume(
            f"{name}-base",
            name="base.qcow2",
            pool=self.pool.name,
            source=fetched.stdout,
            format="qcow2",
            opts=at_libvirt,
        )
        self.register_outputs({})
