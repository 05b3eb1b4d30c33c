"""Whose an object is, what is in the way of a stack, and what an error says: pure, with the provider's own XSLT."""

from __future__ import annotations

import json
import subprocess
import uuid
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.config.load import parse
from cilium_lab.config.topology import is_local
from cilium_lab.libvirt.conflicts import conflict_report, conflicts
from cilium_lab.libvirt.names import pool_volumes, wanted_objects
from cilium_lab.libvirt.ownership import (
    NAMESPACE,
    Held,
    Mark,
    Seen,
    State,
    mark_of,
    marking,
    naming_pool,
    pool_uuid,
    read_state,
)
from components.machines.guest import guest
from components.machines.networks import gateway_stylesheet

OURS, THEIRS = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
MARK, OTHER = Mark(OURS, "cilium-lab/lab"), Mark(THEIRS, "cilium-lab/second")
STATE = State(OURS)
URI, LXC = "qemu:///system", "lxc:///system"
CONTAINERS = Path("/state/hosts")


# --- marks


def transformed(stylesheet: str, definition: str, folder: Path) -> ET.Element:
    (folder / "style.xsl").write_text(stylesheet)
    words = ["xsltproc", "--nomkdir", "--nonet", "--nowrite", folder / "style.xsl", "-"]
    done = subprocess.run(words, input=definition, capture_output=True, text=True, check=True)
    return ET.fromstring(done.stdout)


_NETWORK = '<network><name>cilium-lab</name><bridge name="lab-nodes"/><ip address="172.31.0.1" prefix="20"/></network>'


def test_a_network_gets_the_mark_beside_what_else_its_stylesheet_does(tmp_path: Path) -> None:
    given = gateway_stylesheet(parse({"machines": "container", "artifacts": "bundle"}).topology.network)
    assert given is not None
    made = transformed(marking(given, "network", MARK), _NETWORK, tmp_path)
    assert mark_of(made) == MARK
    address = made.find("ip")
    assert address is not None
    assert address.get("address") == "172.31.0.2"
    metadata = made.find("metadata")
    assert metadata is not None
    made.remove(metadata)
    expected = ET.fromstring(_NETWORK.replace("172.31.0.1", "172.31.0.2"))
    assert ET.canonicalize(ET.tostring(made)) == ET.canonicalize(ET.tostring(expected))


@pytest.mark.parametrize(
    "stylesheet", [None, guest("amd64", "nested", "/pool").stylesheet, guest("arm64", "qemu", "/pool").stylesheet]
)
def test_a_domain_gets_the_mark_whatever_its_stylesheet_is(stylesheet: str | None, tmp_path: Path) -> None:
    inside = '<features><pae/></features><cpu mode="host-passthrough"/><devices/>'
    plain = f'<domain type="kvm"><name>router</name>{inside}</domain>'
    made = transformed(marking(stylesheet, "domain", MARK), plain, tmp_path)
    assert mark_of(made) == MARK
    assert made.findtext("name") == "router"
    assert len(made.findall("metadata")) == 1


def test_a_pool_gets_the_uuid_of_its_stack_alone(tmp_path: Path) -> None:
    plain = '<pool type="dir"><name>cilium-lab</name><target><path>/images</path></target></pool>'
    made = transformed(naming_pool(OURS, "cilium-lab"), plain, tmp_path)
    assert made.findtext("uuid") == pool_uuid(OURS, "cilium-lab")
    assert pool_uuid(OURS, "cilium-lab") == pool_uuid(OURS, "cilium-lab")
    assert len({pool_uuid(i, p) for i in (OURS, THEIRS) for p in ("cilium-lab", "other")}) == 4
    assert made.findtext("target/path") == "/images"


def test_a_mark_survives_characters_of_xml_and_others_elements_are_none() -> None:
    odd = Mark(OURS, 'a & "b" <c>')
    assert mark_of(ET.fromstring(f"<domain>{odd.xml()}</domain>")) == odd
    other = ET.fromstring('<domain><metadata><o:owner xmlns:o="urn:other" identity="x"/></metadata></domain>')
    assert mark_of(other) is None
    assert f'xmlns:lab="{NAMESPACE}"' in MARK.xml()


# --- whose it is


def held(kind: str, name: str, key: str, **inputs: Any) -> Held:
    return Held(f"urn::{name}", kind, name, key, URI, inputs)  # type: ignore[arg-type]  # a test's own words


@pytest.mark.parametrize(
    ("seen", "ours"),
    [
        (Seen("domain", URI, "router", "u1", MARK), True),
        (Seen("domain", URI, "router", "u1", OTHER), False),
        (Seen("domain", URI, "router", "u1"), False),
        (Seen("network", URI, "cilium-lab", "u1", MARK), True),
        (Seen("network", URI, "cilium-lab", "u1"), False),
        (Seen("pool", URI, "cilium-lab", pool_uuid(OURS, "cilium-lab")), True),
        (Seen("pool", URI, "cilium-lab", pool_uuid(THEIRS, "cilium-lab")), False),
        (Seen("pool", URI, "other", pool_uuid(OURS, "cilium-lab")), False),
    ],
)
def test_the_mark_decides_and_never_the_name(seen: Seen, ours: bool) -> None:
    assert STATE.owns(seen) == ours
    assert not State().owns(seen)  # a stack that has made nothing owns nothing


@pytest.mark.parametrize("kind", ["domain", "network", "pool"])
def test_what_the_state_holds_is_the_stacks_without_a_mark(kind: Any) -> None:
    state = State(None, (held(kind, "cilium-lab", "u1"),))
    assert state.owns(Seen(kind, URI, "cilium-lab", "u1"))
    assert not state.owns(Seen(kind, URI, "cilium-lab", "u2"))


def test_a_container_of_an_earlier_version_is_known_by_its_root() -> None:
    mine = Seen("domain", LXC, "router", "u1", path="/state/hosts/router/root")
    assert STATE.owns(mine, "/state/hosts/router/root")
    assert not STATE.owns(mine, "/another/router/root")
    assert not STATE.owns(mine)
    assert not STATE.owns(replace(mine, mark=OTHER), "/state/hosts/router/root")


# --- the state


def export(*resources: dict[str, Any]) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": list(resources)}})


_PROVIDER = {"urn": "urn::provider", "id": "p", "type": "pulumi:providers:libvirt", "inputs": {"uri": URI}}


def test_a_state_is_read_with_the_libvirt_of_each_object() -> None:
    disk = "libvirt:index/cloudInitDisk:CloudInitDisk"
    create = "components/scripts/local/container-up.sh lxc:///system k8s-w1 /state/hosts/k8s-w1 /rootfs - x"
    state = read_state(
        export(
            _PROVIDER,
            {"urn": "urn::identity", "id": "i", "type": "command:local:Command", "outputs": {"stdout": f"{OURS}\n"}},
            {"urn": "n", "id": "u1", "type": "libvirt:index/network:Network", "provider": "urn::provider::p",
             "inputs": {"name": "cilium-lab"}},
            {"urn": "s", "id": "/p/a.iso;1", "type": disk, "provider": "urn::provider::p", "inputs": {"name": "a.iso"}},
            {"urn": "c", "id": "x", "type": "command:local:Command", "inputs": {"create": create}},
            {"urn": "o", "id": "y", "type": "command:local:Command", "inputs": {"create": "other.sh"}},
            {"urn": "n", "id": "u0", "type": "libvirt:index/network:Network", "delete": True, "inputs": {}},
        )
    )  # fmt: skip
    assert state.identity == OURS
    found = [(one.kind, one.name, one.id, one.uri, one.is_container) for one in state.held]
    assert found == [
        ("network", "cilium-lab", "u1", URI, False),
        ("volume", "a.iso", "/p/a.iso", URI, False),
        ("domain", "k8s-w1", "", LXC, True),
    ]


def test_a_stack_that_was_never_brought_up_has_an_empty_state() -> None:
    assert read_state('{"version": 3, "deployment": {"manifest": {}}}') == State()


# --- what is in the way

LAB = parse({"machines": "vm", "artifacts": "bundle"}).topology
WANTED = wanted_objects(LAB, CONTAINERS)


def seen_names(found: list[Any]) -> list[str]:
    return [conflict.what for conflict in found]


def test_a_lab_wants_its_networks_pool_and_hosts_once_each() -> None:
    assert [(one.kind, one.name) for one in WANTED] == [
        ("network", "cilium-lab"),
        ("network", "cilium-lab-router"),
        ("pool", "cilium-lab"),
        ("domain", "k8s-cp"),
        ("domain", "k8s-w1"),
        ("domain", "k8s-w2"),
        ("domain", "router"),
    ]
    assert pool_volumes(LAB, URI)[:3] == ["base.qcow2", "k8s-cp.qcow2", "k8s-cp-cloud-init.iso"]
    mixed = parse({"machines": "container", "artifacts": "bundle"}).topology
    domain = next(one for one in wanted_objects(mixed, CONTAINERS) if one.kind == "domain")
    assert (domain.uri, domain.path) == (LXC, "/state/hosts/k8s-cp/root")


FOREIGN = [
    Seen("domain", URI, "router", "d1"),
    Seen("domain", URI, "k8s-w1", "d2", OTHER),
    Seen("network", URI, "cilium-lab", "n1", bridge="virbr7"),
    Seen("pool", URI, "cilium-lab", "p1", path="/srv/vms", volumes=frozenset({"router.qcow2", "holiday.iso"})),
    Seen("bridge", "", "lab-nodes"),
]


def test_everything_foreign_is_refused_at_once_by_name_with_a_reason_and_a_way_out() -> None:
    found = conflicts(WANTED, FOREIGN, STATE)
    assert seen_names(found) == [
        "network cilium-lab of qemu:///system",
        "bridge lab-nodes of qemu:///system",
        "pool cilium-lab of qemu:///system",
        "volume router.qcow2 in pool cilium-lab of qemu:///system",
        "domain k8s-w1 of qemu:///system",
        "domain router of qemu:///system",
    ]
    text = conflict_report(found, "cilium-lab/lab")
    assert "stack cilium-lab/lab did not make" in text
    assert "nothing was changed" in text
    assert text.count("expected: ") == text.count("seen: ") == text.count("next: ") == len(found)
    assert "6. domain router of qemu:///system\n" in text
    assert "it carries no mark of this stack (UUID d1)" in text
    assert f"it carries the mark of another stack: cilium-lab/second, identity {THEIRS} (UUID d2)" in text
    assert "destroy that stack first" in text
    assert "virsh -c qemu:///system domrename router NEW-NAME" in text


def test_another_stacks_pool_is_told_by_its_networks_mark() -> None:
    seen = [
        Seen("network", URI, "cilium-lab", "n1", OTHER, bridge="lab-nodes"),
        Seen("pool", URI, "cilium-lab", pool_uuid(THEIRS, "cilium-lab"), path="/srv"),
    ]
    found = {conflict.what: conflict.why for conflict in conflicts(WANTED, seen, STATE)}
    assert "another stack: cilium-lab/second" in found["network cilium-lab of qemu:///system"]
    assert "another stack: cilium-lab/second" in found["pool cilium-lab of qemu:///system"]
    stranger = replace(seen[1], uuid="p9")
    found = {conflict.what: conflict.why for conflict in conflicts(WANTED, [seen[0], stranger], STATE)}
    assert "has not the UUID" in found["pool cilium-lab of qemu:///system"]
    mad = replace(seen[0], mark=Mark("no UUID at all", "x"))
    assert len(conflicts(WANTED, [mad, stranger], STATE)) == 2


def test_the_stacks_own_objects_and_their_bridges_are_in_nobodys_way() -> None:
    own = [
        Seen("network", URI, "cilium-lab", "n1", MARK, bridge="lab-nodes"),
        Seen("network", URI, "cilium-lab-router", "n2", MARK, bridge="lab-outer"),
        Seen("pool", URI, "cilium-lab", pool_uuid(OURS, "cilium-lab"), volumes=frozenset({"router.qcow2"})),
        *(Seen("domain", URI, host.name, f"d-{host.name}", MARK) for host in LAB.hosts),
        *(Seen("bridge", "", name) for name in ("lab-nodes", "lab-outer")),
        Seen("folder", "", "/x", path="/var/lib/libvirt/images/cilium-lab", volumes=frozenset({"router.qcow2"})),
    ]
    assert conflicts(WANTED, own, STATE) == []
    # and all of them, but the bridges that are named with their networks, in another stack's
    kinds = [conflict.what.split()[0] for conflict in conflicts(WANTED, own, State(THEIRS))]
    assert kinds == ["network", "network", "pool", "volume", "domain", "domain", "domain", "domain"]


def test_what_an_earlier_version_made_is_in_nobodys_way() -> None:
    own = [
        Seen("network", URI, "cilium-lab", "n1", bridge="lab-nodes"),
        Seen("pool", URI, "cilium-lab", "p1"),
        Seen("domain", URI, "router", "d1"),
        Seen("bridge", "", "lab-nodes"),
    ]
    noted = tuple(held(one.kind, one.name, one.uuid) for one in own[:3])
    assert conflicts(WANTED, own, State(None, noted)) == []
    assert len(conflicts(WANTED, own, State(None))) == 3


def test_another_librarys_objects_of_the_same_names_are_not_looked_at() -> None:
    elsewhere = [replace(one, uri="qemu+ssh://far/system") for one in FOREIGN if one.uri]
    assert conflicts(WANTED, elsewhere, STATE) == []
    far = [replace(one, uri="qemu+ssh://far/system") for one in WANTED]
    assert conflicts(far, [Seen("bridge", "", "lab-nodes")], STATE) == []


def test_a_bridge_may_be_another_networks() -> None:
    found = conflicts(WANTED, [Seen("network", URI, "mine", "n1", bridge="lab-outer")], STATE)
    assert seen_names(found) == ["bridge lab-outer of qemu:///system"]
    assert "network mine has it" in found[0].why
    assert "routerNetwork.bridge" in found[0].remedy


def test_files_and_pools_in_the_pools_folder_are_in_the_way_before_it_is_made() -> None:
    folder = "/var/lib/libvirt/images/cilium-lab"
    files = Seen("folder", "", folder, path=folder, volumes=frozenset({"router.qcow2", "notes"}))
    found = conflicts(WANTED, [files], STATE)
    assert seen_names(found) == [f"folder {folder} of pool cilium-lab of qemu:///system"]
    assert "notes, router.qcow2" in found[0].why
    assert conflicts(WANTED, [replace(files, volumes=frozenset[str]())], STATE) == []
    # they are its own where the state holds the pool that somebody undefined
    assert conflicts(WANTED, [files], State(OURS, (held("pool", "cilium-lab", "p1"),))) == []
    other = Seen("pool", URI, "vms", "p2", path=folder)
    assert "pool vms does" in conflicts(WANTED, [other], STATE)[0].why


def test_a_libvirt_is_local_where_its_socket_is() -> None:
    local = {
        "qemu:///system": True,
        "qemu:///session": True,
        "qemu+unix:///system?socket=/run/own": True,
        "qemu+ssh://root@far/system": False,
        "lxc:///system": True,
    }
    assert {uri: is_local(uri) for uri in local} == local
