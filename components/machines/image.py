"""The cloud image that virtual machines start from: fetched once, checked, and kept in a pool of its own."""

from __future__ import annotations

from shlex import join

import pulumi
import pulumi_libvirt as libvirt
from pulumi_command import local

from components.model import Arch, LabConfig
from components.pins import CLOUD_IMAGE
from offline.build.paths import CACHE

POOL_FOLDER = "/var/lib/libvirt/images/cilium-lab"
_FETCH = "components/scripts/local/fetch-image.sh"


def _fetch(arch: Arch) -> list[str]:
    image = CLOUD_IMAGE
    return [_FETCH, image.address(image.version, arch), str(CACHE / "images"), image.sha256[arch]]


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
            create=join(_fetch(config.arch)),
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
