"""The lab's own networks and image beside a pool and a volume of another name, through the real libvirt provider."""

import sys
from pathlib import Path

import pulumi
import pulumi_libvirt as libvirt

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import before

from cilium_lab.config.load import parse
from cilium_lab.libvirt.names import network_uri
from components.machines.image import BaseImage
from components.machines.networks import Networks
from components.machines.orphans import new_owner

settings = pulumi.Config("engine")
lab = parse({"machines": "vm", "artifacts": "bundle"})
topology = lab.topology
hypervisor = topology.hypervisor_of(topology.router)
uri, image = network_uri(hypervisor), Path(settings.require("image"))
provider = libvirt.Provider("libvirt", uri=uri)
if settings.get_bool("before"):
    before.make(topology.network, topology.router_network, str(image), uri, provider)
else:
    owner = new_owner()
    Networks(
        "networks",
        hypervisor,
        topology.network,
        topology.router_network,
        uplink=False,
        owner=owner,
        provider=provider,
    )
    BaseImage("image", lab, hypervisor, image, owner=owner, provider=provider)

opts = pulumi.ResourceOptions(provider=provider)
target = libvirt.PoolTargetArgs(path=settings.require("pool"))
pool = libvirt.Pool("pool", name=settings.get("ownPool") or "engine", type="dir", target=target, opts=opts)
libvirt.Volume("volume", name="disk.raw", pool=pool.name, size=1024**3, format="raw", opts=opts)
