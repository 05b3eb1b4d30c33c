"""What the program requires of the machine that runs it."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from cilium_lab import requirements
from cilium_lab.config.load import parse
from cilium_lab.kvm import Kvm
from cilium_lab.requirements import SOCKET, Machine, look, missing, notes

VIRTUAL = parse({"machines": "vm", "artifacts": "online"})
CONTAINERS = parse({"machines": "container", "artifacts": "bundle"})
WORKS, BROKEN = Kvm("works"), Kvm("boots nothing", "KVM internal error. Suberror: 1", "Use another machine")
EVERYTHING = Machine(
    commands=frozenset(("virsh", "xsltproc", "ssh", "ssh-keygen", "pulumi", "kubectl", "mkisofs", "curl", "dnsmasq")),
    socket="open",
    kvm=WORKS,
    memory_mib=32768,
    addresses={"eth0": (IPv4Interface("203.0.113.7/24"),), "lab-nodes": (IPv4Interface("172.31.0.2/20"),)},
    dead_agent="",
    docker=False,
    bridge_filter=False,
)
NOTHING = Machine(
    frozenset(),
    "none",
    Kvm("no device", remedy="Switch it on"),
    4096,
    {"eth0": (IPv4Interface("172.31.9.9/20"),)},
    "/run/gone",
    True,
    True,
)


def test_a_machine_with_everything_is_ready() -> None:
    for lab in (VIRTUAL, CONTAINERS):
        assert missing(lab, EVERYTHING) == []
        assert notes(lab, EVERYTHING) == []


def test_a_bare_machine_is_told_everything_at_once_with_the_commands_of_three_distributions() -> None:
    lines = missing(VIRTUAL, NOTHING)
    for word in ("virsh", "xsltproc", "ssh-keygen", "mkisofs", "curl", "dnsmasq", "qemu:///system"):
        (line,) = [line for line in lines if line.startswith(f"{word} ") or f" for {word} " in line]
        assert "Debian, Ubuntu: sudo apt-get install -y " in line, word
        assert "Fedora: sudo dnf install -y " in line, word
    for words in (
        SOCKET,
        "pulumi is not on the PATH",
        "kubectl is not installed",
        "kubernetes.io/docs/tasks/tools",
        "/dev/kvm",
        "4096 MiB",
        "nodeNetwork.cidr 172.31.0.0/20 overlaps 172.31.9.9/20",
    ):
        assert any(words in line for line in lines), words


def test_a_socket_that_this_user_may_not_open_is_told_with_the_group() -> None:
    (line,) = missing(VIRTUAL, replace(EVERYTHING, socket="closed"))
    assert line.endswith("sudo usermod -aG libvirt $USER, then log in again")


def test_an_emulated_machine_needs_no_kvm() -> None:
    emulated = parse({"hypervisors": [{"name": "here", "uri": "qemu:///system", "domainType": "qemu"}]})
    assert missing(emulated, replace(EVERYTHING, kvm=BROKEN)) == []


def test_a_device_that_boots_nothing_is_refused_in_the_words_of_qemu() -> None:
    for kind in ("kvm", "nested"):
        lab = parse({"hypervisors": [{"name": "here", "uri": "qemu:///system", "domainType": kind}]})
        (line,) = missing(lab, replace(EVERYTHING, kvm=BROKEN))
        assert line.startswith("/dev/kvm opens, and boots no kernel: KVM internal error. Suberror: 1. Use another")
        assert "pulumi config set --path hypervisors[0].domainType qemu" in line


def test_a_device_that_could_not_be_tried_is_noted_and_is_no_obstacle() -> None:
    machine = replace(EVERYTHING, kvm=Kvm("not tried", "this user may not open it", "sudo ./lab doctor"))
    assert missing(VIRTUAL, machine) == []
    (line,) = notes(VIRTUAL, machine)
    assert "was not tried: this user may not open it" in line
    assert line.endswith("sudo ./lab doctor")
    assert notes(CONTAINERS, machine) == []


def test_kvm_is_tried_for_a_lab_that_needs_it_and_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "try_kvm", lambda: BROKEN)
    emulated = parse({"hypervisors": [{"name": "here", "uri": "qemu:///system", "domainType": "qemu"}]})
    remote = parse({"hypervisors": [{"name": "far", "uri": "qemu+ssh://root@far/system"}]})
    assert look(VIRTUAL).kvm == BROKEN
    assert {look(lab).kvm.state for lab in (CONTAINERS, emulated, remote)} == {"not tried"}


def test_containers_need_no_cloud_init_disks_and_no_kvm() -> None:
    lines = missing(CONTAINERS, replace(NOTHING, addresses={}))
    assert not any(word in line for word in ("mkisofs", "kvm", "MiB") for line in lines)
    assert any("lxc:///system" in line for line in lines)


@pytest.mark.parametrize("interface", ["lab-nodes", "lab-outer"])
def test_the_labs_own_bridge_is_not_in_the_way(interface: str) -> None:
    own = {interface: (IPv4Interface("172.31.0.2/20"),)}
    assert missing(VIRTUAL, replace(EVERYTHING, addresses=own)) == []


def test_the_network_behind_the_router_is_looked_at_too() -> None:
    vpn = {"tun0": (IPv4Interface("10.10.3.4/32"),)}
    (line,) = missing(VIRTUAL, replace(EVERYTHING, addresses=vpn))
    assert line.startswith("routerNetwork.cidr 10.10.0.0/16 overlaps 10.10.3.4/32 of this machine's interface tun0")


def test_docker_and_filtered_bridges_are_noted() -> None:
    docker, bridge = notes(VIRTUAL, replace(EVERYTHING, docker=True, bridge_filter=True))
    assert "sudo iptables -I DOCKER-USER -i lab-nodes -j ACCEPT" in docker
    assert "sudo sysctl net.bridge.bridge-nf-call-iptables=0" in bridge
    assert notes(CONTAINERS, NOTHING) == []


def test_the_daemon_of_another_machine_is_not_looked_for_here() -> None:
    remote = parse({"hypervisors": [{"name": "far", "uri": "qemu+ssh://root@far/system"}]})
    assert missing(remote, replace(EVERYTHING, socket="none", kvm=BROKEN, memory_mib=1024, addresses={})) == []


@pytest.mark.parametrize("uri", ["qemu:///session", "qemu+unix:///system?socket=/run/own"])
def test_another_daemon_of_this_machine_is_not_looked_for_either_but_the_machine_is(uri: str) -> None:
    named = parse({"hypervisors": [{"name": "here", "uri": uri}]})
    (line,) = missing(named, replace(EVERYTHING, socket="none", memory_mib=1024))
    assert "1024 MiB" in line


def test_an_agent_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = str(tmp_path / "agent")
    (line,) = missing(VIRTUAL, replace(EVERYTHING, dead_agent=gone))
    assert line.startswith(f"SSH_AUTH_SOCK names {gone}, where no agent answers")
    assert line.endswith("the official command provider fails at that. unset SSH_AUTH_SOCK")
    assert missing(CONTAINERS, replace(EVERYTHING, dead_agent=gone)) == []
    monkeypatch.setenv("SSH_AUTH_SOCK", gone)
    assert look(CONTAINERS).dead_agent == gone
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(gone)
        agent.listen()
        assert look(CONTAINERS).dead_agent == ""
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert look(CONTAINERS).dead_agent == ""


def test_a_look_sees_this_machine() -> None:
    seen = look(CONTAINERS)
    assert seen.memory_mib > 256
    assert "ssh-keygen" in seen.commands
    assert seen.addresses.get("lo") == (IPv4Interface("127.0.0.1/8"),)


# --- tunnels: containers share the machine's kernel

TUNNEL = {"routingMode": "tunnel", "tunnelProtocol": "geneve"}


def test_a_kernel_without_the_tunnel_s_link_is_told_before_anything_is_made() -> None:
    lab = parse({"machines": "container", "artifacts": "bundle", **TUNNEL})
    (line,) = missing(lab, replace(EVERYTHING, no_tunnel="Error: Unknown device type."))
    assert "makes no geneve link: Error: Unknown device type." in line
    assert "sudo modprobe geneve" in line
    assert "pulumi config set tunnelProtocol vxlan" in line


@pytest.mark.parametrize(
    ("kind", "settings", "tried"),
    [("container", TUNNEL, ["geneve"]), ("container", {}, []), ("vm", TUNNEL, [])],
)
def test_the_kernel_is_tried_only_where_nodes_share_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, settings: dict[str, str], tried: list[str]
) -> None:
    seen: list[str] = []

    def no_tunnel(protocol: str) -> str:
        seen.append(protocol)
        return "no"

    monkeypatch.setattr(requirements, "_no_tunnel", no_tunnel)
    monkeypatch.setattr(requirements, "try_kvm", lambda: WORKS)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    found = look(parse({"machines": kind, "artifacts": "bundle" if kind == "container" else "online", **settings}))
    assert seen == tried
    assert found.no_tunnel == ("no" if tried else "")
