"""The whole lab as it is registered, for both stacks: what is reached how, deleted with what, named after whom."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import pytest

from cilium_lab.config.load import parse
from cilium_lab.libvirt.ownership import pool_uuid
from tests.helpers.pulumi_recorder import Recording, Registered
from tests.helpers.recorded_lab import IDENTITY, KUBECONFIG, PRIVATE_KEY, STACKS, record_lab

HOSTS = ("k8s-cp", "k8s-w1", "k8s-w2", "router")
_SECRET = "4dabf18193072939515e22adb298388d"
"""Marks a secret in the engine's protocol (sdk/go/common/resource/plugin/rpc.go)."""


@functools.cache
def lab(stack: str) -> Recording:
    return record_lab(stack)


def of(stack: str, *prefixes: str) -> list[Registered]:
    """Resources whose type token begins so."""
    found = [item for item in lab(stack).registered if item.token.startswith(prefixes)]
    assert found
    return found


def is_secret(value: object) -> bool:
    return isinstance(value, Mapping) and _SECRET in value


def told(value: Any) -> str:
    """Everything in a value that is not a secret, as text."""
    if is_secret(value):
        return ""
    if isinstance(value, Mapping):
        return " ".join(told(below) for below in value.values())
    if isinstance(value, list | tuple):
        return " ".join(map(told, value))
    return str(value)


stacks = pytest.mark.parametrize("stack", STACKS)


@stacks
def test_names_are_not_given_twice(stack: str) -> None:
    names = [(item.token, item.name) for item in lab(stack).registered]
    assert len(set(names)) == len(names)


@stacks
def test_every_remote_command_checks_the_host_that_it_names(stack: str) -> None:
    addresses = lab(stack).outputs["exports"]["hosts"]
    for item in of(stack, "command:remote:"):
        host = next(host for host in HOSTS if item.name.startswith(f"{host}-"))
        connection = item.inputs["connection"]
        assert is_secret(connection), item.name
        connection = connection["value"]
        assert connection["host"] == addresses[host], item.name
        assert connection["hostKey"] == f"ssh-ed25519 AAAA {host}-host-key", item.name
        assert connection["privateKey"] == PRIVATE_KEY, item.name


@stacks
def test_every_remote_command_is_deleted_with_its_machine_and_keeps_to_itself(stack: str) -> None:
    for item in of(stack, "command:remote:"):
        host = next(host for host in HOSTS if item.name.startswith(f"{host}-"))
        assert item.deleted_with.endswith(f"::{host}-domain"), item.name
        assert item.inputs["addPreviousOutputInEnv"] is False, item.name
        assert ("delete" in item.inputs) == ("-leaving-" in item.name), item.name
        # standard output is for the program; what it says may be a secret
        assert item.inputs.get("logging", "none") in ("stderr", "none") or item.name.endswith("-ready"), item.name


@stacks
def test_every_remote_command_is_made_again_when_its_machine_is(stack: str) -> None:
    for item in of(stack, "command:remote:"):
        host = next(host for host in HOSTS if item.name.startswith(f"{host}-"))
        about = item.name.partition("-leaving-")[2]  # one of these is about another host's machine
        assert item.inputs["triggers"][0] == f"{about or host}-domain-id", item.name


@stacks
def test_a_worker_leaves_the_cluster_before_its_machine_goes_and_joins_again_after(stack: str) -> None:
    found = lab(stack).by_name()
    for worker in ("k8s-w1", "k8s-w2"):
        leaving, joined = found[f"k8s-cp-leaving-{worker}"], found[f"{worker}-kubeadm-join"]
        member = found[f"k8s-cp-member-{worker}"]
        assert leaving.inputs["create"] == "true"
        assert re.search(rf"/node-leave\.sh {worker}$", leaving.inputs["delete"])
        assert leaving.request.deleteBeforeReplace
        assert leaving.deleted_with.endswith("::k8s-cp-domain")
        assert joined.inputs["triggers"] == [f"{worker}-domain-id", f"k8s-cp-leaving-{worker}-id"]
        assert re.search(rf"/node-joined\.sh {worker}$", member.inputs["create"])
        assert member.inputs["triggers"] == ["k8s-cp-domain-id", f"{worker}-kubeadm-join-id"]


@stacks
def test_every_host_has_its_parts_under_its_own_name(stack: str) -> None:
    kind = {"lab": "VirtualMachine", "embedded": "SystemContainer"}[stack]
    found = lab(stack).by_name()
    for host in HOSTS:
        assert (found[host].token, found[host].parent) == (f"cilium-lab:machines:{kind}", "fleet")
        for part in ("domain", "ready"):
            assert found[f"{host}-{part}"].parent == host
        steps = {item.name for item in of(stack, "command:remote:") if item.name.startswith(f"{host}-")}
        common = {f"{host}-{step}" for step in ("ready", "artifacts", "node", "route")}
        assert (common <= steps) == (host != "router")
    assert found["router-router"].inputs["create"].endswith("router.sh loop1=10.10.1.200/24 loop2=10.10.2.200/24")


@stacks
def test_everything_in_the_cluster_goes_with_the_control_planes_machine(stack: str) -> None:
    found = lab(stack).by_name()

    def deleted_with(item: Registered) -> str:
        # the engine hands it down from parent to child
        return item.deleted_with or (deleted_with(found[item.parent]) if item.parent in found else "")

    for item in of(stack, "kubernetes:"):
        assert deleted_with(item).endswith("::k8s-cp-domain"), item.name
        assert "::cluster-api::" in item.provider, item.name


@stacks
def test_a_changed_config_map_is_updated_and_never_missing(stack: str) -> None:
    # by default the provider deletes it and makes another, and agents without their list masquerade between pods
    assert lab(stack).by_name()["cluster-api"].inputs["enableConfigMapMutable"] == "true"


@stacks
def test_secrets_are_marked_wherever_they_are(stack: str) -> None:
    outputs = lab(stack).outputs["exports"]
    assert {name for name, value in outputs.items() if is_secret(value)} == {
        *("kubeconfig", "sshConfig", "sshKey", "sshKnownHosts", "expectation", "images")
    }
    found = lab(stack).by_name()
    assert "stdout" in found["k8s-cp-kubeconfig"].request.additionalSecretOutputs
    assert is_secret(found["cluster-api"].inputs["kubeconfig"])
    for item in of(stack, "command:local:Command"):
        if item.name.endswith("-key"):
            assert "stdout" in item.request.additionalSecretOutputs, item.name
            assert item.inputs["logging"] == "stderr", item.name


@stacks
def test_no_secret_is_told_in_plain(stack: str) -> None:
    for item in lab(stack).registered:
        text = told(item.inputs)
        for secret in (PRIVATE_KEY, PRIVATE_KEY.strip().splitlines()[1], KUBECONFIG.strip()):
            assert secret not in text, item.name
        assert not is_secret(item.inputs.get("create")), f"{item.name}: its command line can't be read in a preview"


@stacks
def test_one_token_for_each_worker_at_the_moment_in_which_it_joins(stack: str) -> None:
    found = lab(stack).by_name()
    joins = [item for item in of(stack, "command:remote:") if item.name.endswith("-kubeadm-join")]
    assert [item.name for item in sorted(joins, key=lambda item: item.name)] == [
        "k8s-w1-kubeadm-join",
        "k8s-w2-kubeadm-join",
    ]
    for item in joins:
        assert item.inputs["create"].endswith(f"kubeadm-join.sh 172.31.1.10 sha256:{'0' * 64}")
        assert is_secret(item.inputs["stdin"])
        assert found["k8s-cp-allow-joining"].urn in item.request.dependencies
    assert "172.31.0.0/20" in found["k8s-cp-allow-joining"].inputs["create"]


def test_virtual_machines_start_from_the_checked_image() -> None:
    found = lab("lab").by_name()
    assert found["image-local-vm-base"].inputs["pool"] == "cilium-lab"
    for host in HOSTS:
        domain, seed = found[f"{host}-domain"], found[f"{host}-cloud-init"]
        assert found[f"{host}-disk"].inputs["baseVolumeId"] == "image-local-vm-base-id"
        assert is_secret(seed.inputs["userData"])
        assert domain.inputs["cloudinit"] == f"{host}-cloud-init-id"
        # by network, which libvirt starts after a reboot when the machine needs it; nothing starts a bridge
        networks = [interface["networkName"] for interface in domain.inputs["networkInterfaces"]]
        assert networks == ["cilium-lab", *(["cilium-lab-router"] if host == "router" else [])]
        assert domain.inputs["autostart"] is True
        assert "::libvirt-local-vm::" in domain.provider


def test_a_further_worker_is_named_on_machines_that_run_and_changes_none_of_their_disks() -> None:
    more = [{"name": host.name, "role": host.role, "address": str(host.address)} for host in parse({}).topology.hosts]
    more.append({"name": "k8s-w3", "role": "worker", "address": "172.31.1.13"})
    before, after = lab("lab").by_name(), record_lab("lab", hosts=more).by_name()
    for host in HOSTS:
        seeds = [found[f"{host}-cloud-init"].inputs["userData"] for found in (before, after)]
        assert seeds[0] == seeds[1]
        names = [found[f"{host}-names"] for found in (before, after)]
        assert "172.31.1.13 k8s-w3\n" not in names[0].inputs["stdin"]
        assert names[1].inputs["stdin"] == names[0].inputs["stdin"] + "172.31.1.13 k8s-w3\n"
        assert names[1].inputs["create"].endswith("/hosts-file.sh")
    assert "172.31.1.13 k8s-w3\n" in after["k8s-w3-names"].inputs["stdin"]
    assert not any(name.endswith("-names") for name in lab("embedded").by_name())  # containers have them as a file


def test_containers_need_no_image_and_workers_a_seed() -> None:
    found = lab("embedded").by_name()
    assert not any(name.startswith("image-") for name in found)
    made = {host: found[f"{host}-domain"].inputs["create"].split() for host in HOSTS}
    assert {words[-1] for words in made.values()} == {IDENTITY.strip()}
    seeds = {host: words[-2] for host, words in made.items()}
    assert seeds["router"] == "-"
    assert {seeds[host].rpartition("/")[2] for host in HOSTS[:3]} == {"containerd-seed"}
    for host in HOSTS:
        assert is_secret(found[f"{host}-domain"].inputs["stdin"])
        assert f"container-down.sh lxc:///system {host} " in found[f"{host}-domain"].inputs["delete"]


def test_only_the_online_lab_has_an_uplink_and_installs_packages() -> None:
    modes: dict[str, Any] = {}
    for stack in STACKS:
        found = lab(stack).by_name()
        nodes = next(item for name, item in found.items() if name.endswith("-nodes") and "Network" in item.token)
        modes[stack] = nodes.inputs["mode"]
        assert ("router-packages" in found) == (stack == "lab")
        script = {"lab": "/install-online.sh", "embedded": "/install-bundle.sh /opt/bundle"}[stack]
        assert found["k8s-w1-artifacts"].inputs["create"].endswith(script)
    assert modes == {"lab": "nat", "embedded": "none"}


def _mixed() -> dict[str, Any]:
    hosts = [
        {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10", "memoryMiB": 4096},
        {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"},
        {"name": "router", "role": "router", "address": "172.31.1.20", "machine": "container"},
    ]
    return {"hosts": hosts}


def test_the_router_may_be_a_container_beside_virtual_machines() -> None:
    found = record_lab("lab", **_mixed()).by_name()
    assert found["router"].token == "cilium-lab:machines:SystemContainer"
    assert found["k8s-w1"].token == "cilium-lab:machines:VirtualMachine"
    assert found["router-domain"].token == "command:local:Command"
    assert "image-local-container" not in found
    # its root file system is Debian's and holds a web server
    assert "router-packages" not in found


def test_both_kinds_on_one_machine_share_one_pair_of_networks() -> None:
    found = record_lab("lab", **_mixed()).by_name()
    made = [item.inputs["name"] for item in found.values() if item.token == "libvirt:index/network:Network"]
    assert sorted(made) == ["cilium-lab", "cilium-lab-router"]


@stacks
def test_a_preview_on_an_empty_state_knows_every_resource_but_no_result(stack: str) -> None:
    assert record_lab(stack, preview=True).by_name().keys() == lab(stack).by_name().keys()


@stacks
def test_whatever_libvirt_can_mark_carries_the_stacks_identity_and_is_not_replaced_for_it(stack: str) -> None:
    identity = IDENTITY.strip()
    for item in of(stack, "libvirt:index/network:", *(["libvirt:index/domain:"] if stack == "lab" else [])):
        assert f'stack="cilium-lab/test" identity="{identity}"' in item.inputs["xml"]["xslt"], item.name
        assert "xml" in item.request.ignoreChanges, item.name
        assert item.request.deleteBeforeReplace, item.name
    nodes = next(item for item in of(stack, "libvirt:index/network:") if item.name.endswith("-nodes"))
    # what else the stylesheet says replaces it
    assert [value.string_value for value in nodes.request.replacement_trigger.list_value.values] == ["172.31.0.2"]
    if stack == "embedded":
        for host in HOSTS:
            domain = lab(stack).by_name()[f"{host}-domain"]
            assert domain.inputs["delete"].endswith(f" {identity}")
    else:
        pool = lab(stack).by_name()["image-local-vm-pool"]
        assert f"<uuid>{pool_uuid(identity, 'cilium-lab')}</uuid>" in pool.inputs["xml"]["xslt"]
        assert pool.request.ignoreChanges == ["xml"]
        kept = lab(stack).by_name()["image-local-vm-room"].inputs["delete"].split()
        assert kept[1:5] == ["qemu:///system", "cilium-lab", "image-local-vm-pool-id", identity]
        volumes = {item.inputs["name"] for item in of(stack, "libvirt:index/volume:", "libvirt:index/cloudInitDisk:")}
        assert set(kept[5:]) == volumes


def test_two_hypervisors_of_one_libvirt_share_its_pool() -> None:
    hypervisors = [{"name": name, "uri": "qemu:///system"} for name in ("one", "two")]
    hosts = [
        {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10", "hypervisor": "one", "memoryMiB": 4096},
        {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11", "hypervisor": "two"},
        {"name": "router", "role": "router", "address": "172.31.1.20", "hypervisor": "two"},
    ]
    found = record_lab("lab", hypervisors=hypervisors, hosts=hosts).by_name()
    pools = [item.name for item in found.values() if item.token == "libvirt:index/pool:Pool"]
    assert pools == ["image-one-pool"]
    assert {found[f"{host['name']}-disk"].inputs["baseVolumeId"] for host in hosts} == {"image-one-base-id"}
    assert "k8s-w1.qcow2" in found["image-one-room"].inputs["delete"].split()
