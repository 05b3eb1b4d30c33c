"""What a host is before it exists: its domain, its identity, the scripts that it holds, its image and networks."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cilium_lab.config.load import parse
from cilium_lab.config.topology import Host, Hypervisor
from cilium_lab.libvirt.names import network_uri
from cilium_lab.libvirt.ownership import Mark
from components.machines import scripts
from components.machines.container_domain import ContainerPaths, domain_xml
from components.machines.files import File, pack
from components.machines.identity import identity_files, key_files
from components.machines.local_paths import local_paths
from components.machines.networks import gateway_stylesheet

MARK = Mark("3f1e8f9c-6d0e-4a55-9f27-1f6f6a2b7c11", "cilium-lab/test")
LAB = parse({"machines": "container", "artifacts": "bundle"}).topology
PATHS = ContainerPaths(Path("/srv/lab/k8s-w1"), Path("/srv/bundle"))
WORKER = LAB.workers[0]


def domain(host: Host, paths: ContainerPaths = PATHS) -> ET.Element:
    behind = LAB.router_network if host.role == "router" else None
    return ET.fromstring(domain_xml(host, LAB.network, behind, paths, MARK))


def attributes(element: ET.Element, *tags: str) -> list[dict[str, str]]:
    return [found.attrib for tag in tags for found in element.findall(tag)]


# --- the domain of a system container


def test_a_node_has_one_interface_with_the_studys_name_and_address() -> None:
    interfaces = domain(WORKER).findall("devices/interface")
    assert len(interfaces) == 1
    assert attributes(interfaces[0], "mac", "source", "guest", "ip", "route") == [
        {"address": "52:54:00:1f:01:0b"},
        {"bridge": "lab-nodes"},
        {"dev": "ens160"},
        {"family": "ipv4", "address": "172.31.1.11", "prefix": "20"},
        {"family": "ipv4", "address": "0.0.0.0", "prefix": "0", "gateway": "172.31.0.2"},
    ]


def test_only_the_router_has_a_second_interface_and_no_route_over_it() -> None:
    first, second = domain(LAB.router).findall("devices/interface")
    assert attributes(first, "guest", "ip")[0]["dev"] == "ens160"
    assert attributes(second, "mac", "source", "guest", "ip", "route") == [
        {"address": "52:54:00:0a:0a:0a"},
        {"bridge": "lab-outer"},
        {"dev": "ens192"},
        {"family": "ipv4", "address": "10.10.10.10", "prefix": "16"},
    ]


def test_hardware_addresses_and_names_are_the_hosts_own() -> None:
    macs = [mac.get("address") for host in LAB.hosts for mac in domain(host).findall("devices/interface/mac")]
    assert len(set(macs)) == len(macs) == len(LAB.hosts) + 1
    assert [domain(host).findtext("name") for host in LAB.hosts] == [host.name for host in LAB.hosts]


def test_a_domain_is_the_same_one_whenever_it_is_defined() -> None:
    ids = [domain(host).findtext("uuid") for host in LAB.hosts]
    assert len({*ids}) == len(ids)
    assert [domain(host).findtext("uuid") for host in LAB.hosts] == ids


def mounts(element: ET.Element) -> dict[str, tuple[str, bool]]:
    """target -> source and whether it is read-only."""
    return {
        target.attrib["dir"]: (source.attrib["dir"], filesystem.find("readonly") is not None)
        for filesystem in element.findall("devices/filesystem")
        if (source := filesystem.find("source")) is not None and (target := filesystem.find("target")) is not None
    }


def test_a_container_sees_its_own_folders_and_the_bundle_read_only() -> None:
    assert mounts(domain(WORKER)) == {
        "/": ("/srv/lab/k8s-w1/root", False),
        "/var/lib/containerd": ("/srv/lab/k8s-w1/data/containerd", False),
        "/var/lib/kubelet": ("/srv/lab/k8s-w1/data/kubelet", False),
        "/var/lib/etcd": ("/srv/lab/k8s-w1/data/etcd", False),
        "/opt/bundle": ("/srv/bundle", True),
    }
    assert "/opt/bundle" not in mounts(domain(WORKER, replace(PATHS, bundle=None)))


def test_a_container_has_the_size_that_was_asked_for() -> None:
    found = domain(WORKER.model_copy(update={"cpus": 3, "memory_mib": 1234}))
    memory = found.find("memory")
    assert memory is not None
    assert (memory.text, memory.get("unit"), found.findtext("vcpu")) == ("1234", "MiB", "3")


# --- files and identity


def unpacked(text: str) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text))) as tar:
        return {entry.name: entry for entry in tar.getmembers()}


def test_packing_is_deterministic_and_carries_no_time_or_owner() -> None:
    one = {"b": File("2"), "a/x": File("1")}
    assert pack(one) == pack(dict(reversed(one.items())))
    assert "\n" not in pack(one)
    assert {(entry.mtime, entry.uid, entry.uname) for entry in unpacked(pack(one)).values()} == {(0, 0, "")}


def test_what_is_packed_comes_out_of_tar_as_it_was(tmp_path: Path) -> None:
    files = {
        "top": File("öffnen\n"),
        "deep/er/file": File("x" * 5000, 0o755),
        "root/.ssh/authorized_keys": File("key\n"),
        "etc/empty": File("", 0o444),
    }
    subprocess.run(["tar", "-x", "-C", tmp_path], input=base64.b64decode(pack(files)), check=True)
    for name, file in files.items():
        assert (tmp_path / name).read_text() == file.text
        assert (tmp_path / name).stat().st_mode & 0o777 == file.mode
    assert (tmp_path / "root" / ".ssh").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "er").stat().st_mode & 0o777 == 0o755


def identity(host: Host) -> dict[str, File]:
    return identity_files(host, LAB.network, LAB.hosts)


def test_private_files_are_roots_alone() -> None:
    files = key_files("ssh-ed25519 U", "PRIVATE\n", "ssh-ed25519 H")
    modes = {path: file.mode for path, file in files.items()}
    assert modes["etc/ssh/ssh_host_ed25519_key"] == 0o600
    assert modes["root/.ssh/authorized_keys"] == 0o600
    assert all("PRIVATE" not in file.text for file in files.values() if file.mode & 0o077)
    assert files["etc/ssh/ssh_host_ed25519_key"].text == "PRIVATE\n"


def test_a_host_knows_its_name_and_all_others() -> None:
    files = identity(WORKER)
    assert files["etc/hostname"].text == "k8s-w1\n"
    for host in LAB.hosts:
        assert f"{host.address} {host.name}\n" in files["etc/hosts"].text


def test_machine_ids_are_valid_stable_and_different() -> None:
    ids = [identity(host)["etc/machine-id"].text for host in LAB.hosts]
    assert all(re.fullmatch(r"[0-9a-f]{32}\n", text) for text in ids)
    assert len(set(ids)) == len(ids)
    assert identity(WORKER)["etc/machine-id"].text == ids[1]


# --- scripts on hosts


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the scripts that may be changed."""
    copy = tmp_path / "host"
    shutil.copytree(scripts._SOURCE, copy)  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(scripts, "_SOURCE", copy)
    _forget()
    yield copy
    _forget()


def _forget() -> None:
    scripts.all_scripts.cache_clear()
    scripts._digest.cache_clear()  # pyright: ignore[reportPrivateUsage]


def _remote(source: Path) -> dict[str, str]:
    _forget()
    return {path.name: scripts.remote_path(path.name) for path in source.glob("*.sh") if path.name != "lib.sh"}


def test_a_scripts_path_changes_exactly_when_it_or_the_library_does(source: Path) -> None:
    before = _remote(source)
    (source / "router.sh").write_text((source / "router.sh").read_text() + "# more\n")
    after = _remote(source)
    assert {name for name in before if before[name] != after[name]} == {"router.sh"}
    (source / "lib.sh").write_text((source / "lib.sh").read_text() + "# more\n")
    last = _remote(source)
    assert all(after[name] != last[name] for name in after)
    assert _remote(source) == last


def test_a_script_that_does_not_exist_is_refused() -> None:
    with pytest.raises(FileNotFoundError):
        scripts.remote_path("no-such.sh")


def test_every_script_lies_beside_its_library_and_can_be_run(source: Path) -> None:
    entries = unpacked(scripts.all_scripts())
    for path in _remote(source).values():
        name = path.removeprefix(f"{scripts.HOME}/")
        assert entries[name].mode == 0o755
        assert f"{name.partition('/')[0]}/lib.sh" in entries


# --- networks, image, folders


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("lxc:///system", "qemu:///system"),
        ("qemu:///system", "qemu:///system"),
        ("qemu+ssh://root@far/system", "qemu+ssh://root@far/system"),
        ("lxc+ssh://root@lxc/system", "qemu+ssh://root@lxc/system"),
    ],
)
def test_networks_are_made_by_libvirts_network_driver(uri: str, expected: str) -> None:
    assert network_uri(Hypervisor(name="h", uri=uri)) == expected


_NETWORK = (
    '<network><name>cilium-lab</name><bridge name="lab-nodes"/><dns enable="no"/>'
    '<ip address="172.31.0.1" prefix="20" family="ipv4"></ip></network>'
)


def test_the_stylesheet_puts_the_gateway_on_the_bridge_and_changes_nothing_else(tmp_path: Path) -> None:
    stylesheet = gateway_stylesheet(LAB.network)
    assert stylesheet is not None
    (tmp_path / "gateway.xsl").write_text(stylesheet)
    words = ["xsltproc", "--nomkdir", "--nonet", tmp_path / "gateway.xsl", "-"]
    done = subprocess.run(words, input=_NETWORK, capture_output=True, text=True, check=True)
    expected = ET.fromstring(_NETWORK.replace("172.31.0.1", "172.31.0.2"))
    assert ET.canonicalize(done.stdout) == ET.canonicalize(ET.tostring(expected))


def test_no_stylesheet_where_the_provider_chooses_the_gateway_anyway() -> None:
    assert gateway_stylesheet(LAB.network.model_copy(update={"gateway": IPv4Address("172.31.0.1")})) is None


def test_folders_are_those_configured_and_only_what_is_needed_is_asked_for() -> None:
    given = {"bundlePath": "/srv/b", "rootfsPath": "/srv/r", "seedPath": "/srv/s"}
    bundled = local_paths(parse({"machines": "container", "artifacts": "bundle", **given}))
    assert [str(path) for path in (bundled.bundle, bundled.rootfs, bundled.seed)] == ["/srv/b", "/srv/r", "/srv/s"]
    online = local_paths(parse({"artifacts": "online", **given}))
    assert (online.bundle, online.seed) == (None, None)
