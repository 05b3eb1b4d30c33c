"""What a virtual machine is told at its first boot (NoCloud): names, addresses and keys, and nothing else.

Pure. All other preparation comes over SSH and is the same for every kind of machine; the static route to the
router's network is part of that, for it has to be made persistent there anyway.
"""

from __future__ import annotations

from typing import Any

import yaml

from cilium_lab.config.topology import NODE_INTERFACE, ROUTER_INTERFACE, Host, Topology
from components.machines.container_domain import BUNDLE
from components.machines.identity import hosts_file

BUNDLE_TAG = "bundle"
"""Under which the hypervisor offers its bundle to a machine (9p's mount tag)."""
_SSHD = """\
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthenticationMethods publickey
"""


def user_data(
    host: Host,
    authorized_key: str,
    host_private_key: str,
    host_public_key: str,
    *,
    bundle: bool = False,
) -> str:
    """cloud-config: host name, root's key, and the host's own SSH key.

    Nothing about other hosts: it is read at the first boot alone, and would change whenever one comes or goes.
    With `bundle` the hypervisor's bundle is mounted where containers see it as well.

    Keys are in OpenSSH's formats; the result is a secret, because it holds the host's private key. That key
    comes from outside so that its public half can be pinned before the first connection. There are no passwords.
    """
    document: dict[str, Any] = {
        "hostname": host.name,
        # cloud-init's RHEL family names a machine by this one, and `localhost` without it (canonical/cloud-init#4656)
        "fqdn": host.name,
        "preserve_hostname": False,
        "disable_root": False,
        "ssh_pwauth": False,
        "users": [{"name": "root", "lock_passwd": True, "ssh_authorized_keys": [authorized_key.strip()]}],
        # The image's keys, if it has any, are known to all who have the image.
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": f"{host_private_key.strip()}\n",
            "ed25519_public": host_public_key.strip(),
        },
        "write_files": [
            {"path": "/etc/hosts", "content": hosts_file([host])},
            # the first value that sshd reads counts, so this stands before what the image brings
            {"path": "/etc/ssh/sshd_config.d/00-cilium-lab.conf", "content": _SSHD},
        ],
    }
    if bundle:
        # it never changes while it is mounted, so what was read may be kept
        options = "ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose"
        document["mounts"] = [[BUNDLE_TAG, BUNDLE, "9p", options, "0", "0"]]
    return f"#cloud-config\n{_yaml(document)}"


def network_config(host: Host, topology: Topology) -> str:
    """Network configuration, version 2: interfaces found by hardware address, with the study's names and addresses.

    The gateway answers DNS as well. The router's second interface has an address and no route.
    """
    gateway = str(topology.network.gateway)
    node = _interface(NODE_INTERFACE, host.mac, str(topology.node_interface(host)))
    node |= {"routes": [{"to": "0.0.0.0/0", "via": gateway}], "nameservers": {"addresses": [gateway]}}
    interfaces = {NODE_INTERFACE: node}
    if host.role == "router":
        outer = topology.router_network
        interfaces[ROUTER_INTERFACE] = _interface(ROUTER_INTERFACE, outer.mac, str(outer.interface))
    return _yaml({"version": 2, "ethernets": interfaces})


def _interface(name: str, mac: str, address: str) -> dict[str, Any]:
    return {
        "match": {"macaddress": mac},
        "set-name": name,
        "dhcp4": False,
        "dhcp6": False,
        "addresses": [address],
    }


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False)
