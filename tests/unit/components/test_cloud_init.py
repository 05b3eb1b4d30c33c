"""What a virtual machine is told at its first boot."""

from __future__ import annotations

from typing import Any

import yaml

from cilium_lab.config.load import parse
from components.machines.cloud_init import network_config, user_data

TOPOLOGY = parse({}).topology
HOSTS = {host.name: host for host in TOPOLOGY.hosts}
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----"


def user(name: str) -> dict[str, Any]:
    text = user_data(HOSTS[name], "ssh-ed25519 AAAA user\n", PRIVATE, "ssh-ed25519 BBBB host\n")
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def network(name: str) -> dict[str, Any]:
    return yaml.safe_load(network_config(HOSTS[name], TOPOLOGY))


def test_root_logs_in_by_key_alone() -> None:
    data = user("k8s-w1")
    assert (data["hostname"], data["fqdn"]) == ("k8s-w1", "k8s-w1")
    assert data["users"] == [{"name": "root", "lock_passwd": True, "ssh_authorized_keys": ["ssh-ed25519 AAAA user"]}]
    assert data["ssh_pwauth"] is False
    assert data["disable_root"] is False


def test_host_key_is_the_given_one() -> None:
    keys = user("router")["ssh_keys"]
    # A private key without a final line feed is refused by sshd.
    assert keys == {"ed25519_private": PRIVATE + "\n", "ed25519_public": "ssh-ed25519 BBBB host"}
    assert user("router")["ssh_deletekeys"] is True


def test_a_host_knows_its_own_name_and_no_other_which_may_come_later() -> None:
    file = user("k8s-cp")["write_files"][0]
    assert file["path"] == "/etc/hosts"
    assert file["content"] == "127.0.0.1 localhost\n172.31.1.10 k8s-cp\n"


def test_a_node_has_one_interface_with_the_default_route() -> None:
    config = network("k8s-cp")
    assert config["version"] == 2
    assert list(config["ethernets"]) == ["ens160"]
    interface = config["ethernets"]["ens160"]
    assert interface["match"] == {"macaddress": "52:54:00:1f:01:0a"}
    assert interface["set-name"] == "ens160"
    assert interface["addresses"] == ["172.31.1.10/20"]
    assert interface["routes"] == [{"to": "0.0.0.0/0", "via": "172.31.0.2"}]
    assert interface["dhcp4"] is False


def test_the_routers_second_interface_has_no_route() -> None:
    interfaces = network("router")["ethernets"]
    assert list(interfaces) == ["ens160", "ens192"]
    assert interfaces["ens192"]["addresses"] == ["10.10.10.10/16"]
    assert "routes" not in interfaces["ens192"]
    assert interfaces["ens192"]["match"] != interfaces["ens160"]["match"]


def test_a_bundle_is_mounted_where_containers_see_it() -> None:
    text = user_data(HOSTS["router"], "ssh-ed25519 A", PRIVATE, "ssh-ed25519 B", bundle=True)
    (mount,) = yaml.safe_load(text)["mounts"]
    assert mount[:3] == ["bundle", "/opt/bundle", "9p"]
    assert mount[3].split(",")[0] == "ro"
    assert "mounts" not in user("router")
