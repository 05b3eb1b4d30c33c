"""The cloud image that virtual machines start from: fetched or built, checked, and kept in a pool of its own."""

from __future__ import annotations

from pathlib import Path
from shlex import join

import pulumi
import pulumi_libvirt as libvirt
from pulumi_command import local

from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import Hypervisor
from cilium_lab.config.upstream import Arch
from cilium_lab.config.versions import CLOUD_IMAGE
from cilium_lab.libvirt.names import BASE, POOL, POOL_FOLDER, pool_volumes
from cilium_lab.libvirt.ownership import pool_uuid
from cilium_lab.paths import CACHE
from components.machines.orphans import Owner, without_orphaned_pool, without_orphaned_volume

_FETCH = "components/scripts/local/fetch-image.sh"
_CHECK = "components/scripts/local/check-image.sh"
_POOL_UP = "components/scripts/local/pool-up.sh"
_POOL_DOWN = "components/scripts/local/pool-down.sh"
_HOST_MIB = 512
"""Free space that each host needs: about what its first boot writes."""


def _fetch(arch: Arch) -> list[str]:
    image = CLOUD_IMAGE
    return [_FETCH, image.address(image.version, arch), str(CACHE / "images"), image.sha256[arch]]


class BaseImage(pulumi.ComponentResource):
    """A storage pool and the base volume in it. Disks of hosts are copy-on-write overlays of the volume.

    `path` is the image that was built here, with its sum beside it; None: upstream's is fetched.
    """

    uri: str
    pool: libvirt.Pool
    volume: libvirt.Volume
    pool_ready: pulumi.Resource
    """The pool has enough free space. Every volume in it depends on this, so that the pool is cleared after them."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        hypervisor: Hypervisor,
        path: Path | None,
        *,
        owner: Owner,
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:machines:BaseImage", name, None, opts)
        self.uri = uri = hypervisor.uri
        fetch = join([_CHECK, str(path)]) if path else join(_fetch(config.arch))
        fetched = local.Command(
            f"{name}-fetch",
            create=fetch,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.pool = libvirt.Pool(
            f"{name}-pool",
            name=POOL,
            type="dir",
            target=libvirt.PoolTargetArgs(path=POOL_FOLDER),
            xml=libvirt.PoolXmlArgs(xslt=owner.pool_stylesheet(POOL)),
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                # one that an earlier version made has another UUID, which the state holds
                ignore_changes=["xml"],
                hooks=without_orphaned_pool(owner, uri, POOL),
            ),
        )
        volumes = pool_volumes(config.topology, uri)
        hosts = (len(volumes) - 1) // 2

        def pool_up(values: list[str]) -> str:
            image, identity = values
            wanted = str(hosts * _HOST_MIB)
            return join([_POOL_UP, uri, POOL, image.strip(), wanted, identity, pool_uuid(identity, POOL)])

        self.pool_ready = local.Command(
            f"{name}-room",
            create=pulumi.Output.all(fetched.stdout, owner.identity).apply(pool_up),
            delete=pulumi.Output.all(self.pool.id, owner.identity).apply(
                lambda values: join([_POOL_DOWN, uri, POOL, *values, *volumes])
            ),
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.pool]),
        )
        self.volume = libvirt.Volume(
            f"{name}-base",
            name=BASE,
            pool=self.pool.name,
            source=fetched.stdout,
            format="qcow2",
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                depends_on=[self.pool_ready],
                hooks=without_orphaned_volume(self.pool.id, uri, POOL, BASE),
            ),
        )
        self.register_outputs({})
