"""The lab's own networks beside a pool and a volume, through the real libvirt provider."""

import sys
from pathlib import Path

import pulumi
import pulumi_libvirt as libvirt

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from cilium_lab.config.load import parse
from components.machines.networks import Networks, network_uri

lab = parse({"machines": "container", "artifacts": "bundle"})
hypervisor = lab.topology.hypervisor_of(lab.topology.router)
provider = libvirt.Provider("libvirt", uri=network_uri(hypervisor))
Networks("networks", hypervisor, lab.topology.network, lab.topology.router_network, uplink=False, provider=provider)

opts = pulumi.ResourceOptions(provider=provider)
target = libvirt.PoolTargetArgs(path=pulumi.Config("engine").require("pool"))
pool = libvirt.Pool("pool", name="engine", type="dir", target=target, opts=opts)
libvirt.Volume("volume", name="disk.raw", pool=pool.name, size=1024**3, format="raw", opts=opts)
