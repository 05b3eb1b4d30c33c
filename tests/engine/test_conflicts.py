"""The whole program beside objects of its names that somebody else made: refused by name, and they stay to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import join

import pytest

from tests.helpers.checkout import Checkout

pytestmark = pytest.mark.timeout(300)

_URIS = {"domain": "lxc:///system", "network": "qemu:///system", "pool": "qemu:///system"}
_FOLDER = "/var/lib/libvirt/images/somebody"
_NOTE = '<metadata><theirs:note xmlns:theirs="urn:theirs">precious</theirs:note></metadata>'
_DOMAIN = (
    "<domain type='lxc'><name>{name}</name>" + _NOTE + "<memory>65536</memory><os><type>exe</type>"
    "<init>/bin/sh</init></os><devices><console type='pty'/></devices></domain>"
)
_NETWORK = "<network><name>cilium-lab</name>" + _NOTE + "<bridge name='lab-nodes'/></network>"
_POOL = f"<pool type='dir'><name>cilium-lab</name><target><path>{_FOLDER}</path></target></pool>"
_NAMES = ("router", "k8s-w1")


class Somebody:
    """What somebody else has in the sandbox's libvirt."""

    def __init__(self, sandbox: Checkout) -> None:
        self._sandbox = sandbox

    def shell(self, *words: str, stdin: str = "") -> str:
        return self._sandbox.lab("shell", join(words), stdin=stdin).stdout

    def virsh(self, kind: str, *words: str, stdin: str = "") -> str:
        return self.shell("virsh", "-q", "-c", _URIS[kind], *words, stdin=stdin)

    def make(self) -> None:
        for name in _NAMES:
            self.virsh("domain", "define", "/dev/stdin", stdin=_DOMAIN.format(name=name))
        self.virsh("network", "net-define", "/dev/stdin", stdin=_NETWORK)
        self.virsh("network", "net-start", "cilium-lab")
        self.shell("ip", "link", "add", "lab-outer", "type", "bridge")
        self.shell("mkdir", _FOLDER)
        self.shell("cp", "/etc/hostname", f"{_FOLDER}/router.qcow2")
        self.virsh("pool", "pool-define", "/dev/stdin", stdin=_POOL)
        self.virsh("pool", "pool-start", "cilium-lab")

    def all(self) -> str:
        """Everything of theirs, to the byte."""
        found = [self.virsh("domain", "dumpxml", name) + self.virsh("domain", "domstate", name) for name in _NAMES]
        found += [self.virsh("network", "net-dumpxml", "cilium-lab"), self.virsh("network", "net-info", "cilium-lab")]
        pool = self.virsh("pool", "pool-dumpxml", "cilium-lab").splitlines()
        found += [line for line in pool if "available" not in line and "allocation" not in line]
        found += [self.shell("cat", f"{_FOLDER}/router.qcow2"), self.virsh("pool", "vol-list", "cilium-lab")]
        found += [self.shell("cat", "/sys/class/net/lab-outer/address")]
        found += [self.virsh("domain", "list", "--all", "--name"), self.virsh("network", "net-list", "--all", "--name")]
        return "\n".join(found)

    def end(self) -> None:
        for name in _NAMES:
            self.virsh("domain", "undefine", name)
        self.virsh("network", "net-destroy", "cilium-lab")
        self.virsh("network", "net-undefine", "cilium-lab")
        self.virsh("pool", "pool-destroy", "cilium-lab")
        self.virsh("pool", "pool-undefine", "cilium-lab")
        self.shell("ip", "link", "del", "lab-outer")
        self.shell("rm", "-r", _FOLDER)


@pytest.fixture
def somebody(sandbox: Checkout) -> Iterator[Somebody]:
    made = Somebody(sandbox)
    made.make()
    yield made
    made.end()


def lab(sandbox: Checkout, *words: str) -> tuple[int, str]:
    done = sandbox.lab("pulumi", *words, "--stack", "embedded", "--non-interactive", check=False)
    return done.returncode, done.stdout + done.stderr


def test_everything_of_somebody_elses_is_refused_at_once_and_survives(sandbox: Checkout, somebody: Somebody) -> None:
    before = somebody.all()
    seen = [
        "network cilium-lab of qemu:///system",
        "bridge lab-outer of qemu:///system",
        "domain k8s-w1 of lxc:///system",
        "domain router of lxc:///system",
    ]
    for words in (("preview",), ("up", "--yes", "--skip-preview"), ("up", "--yes")):
        code, text = lab(sandbox, *words)
        assert code != 0
        message = text.partition("Diagnostics:")[2]
        assert "objects that stack cilium-lab/embedded did not make are in its way; nothing was changed" in message
        for line in seen:
            assert message.count(f"{line}\n") == 1, text
        assert message.count("next: ") == len(seen)
        assert "Traceback" not in text
        assert somebody.all() == before
    code, text = lab(sandbox, "destroy", "--yes")
    assert code == 0, text
    assert somebody.all() == before
    exported = json.loads(sandbox.lab("pulumi", "stack", "export", "--stack", "embedded").stdout)
    made = [one["urn"] for one in exported["deployment"].get("resources") or []]
    assert [urn for urn in made if "pulumi:pulumi:Stack" not in urn] == []


_JUDGED = """
from pathlib import Path
from cilium_lab.config.load import parse
from cilium_lab.libvirt.conflicts import conflict_report, conflicts
from cilium_lab.libvirt.inventory import Scope, look
from cilium_lab.libvirt.names import wanted_objects
from cilium_lab.libvirt.ownership import State
wanted = wanted_objects(parse({"machines": "vm", "artifacts": "bundle"}).topology, Path("/none"))
print(conflict_report(conflicts(wanted, look(Scope.of(wanted)), State()), "cilium-lab/lab"))
"""
"""The judgement of a lab of virtual machines, which this machine may not be able to preview: it may have no KVM."""


def test_the_pool_and_the_volumes_of_virtual_machines_are_refused_as_well(
    sandbox: Checkout, somebody: Somebody
) -> None:
    before = somebody.all()
    python = sandbox.folder / ".venv" / "bin" / "python"
    done = sandbox.lab("shell", f"cd {sandbox.folder} && {python} -", stdin=_JUDGED)
    for line in (
        "network cilium-lab of qemu:///system",
        "bridge lab-outer of qemu:///system",
        "pool cilium-lab of qemu:///system",
        "volume router.qcow2 in pool cilium-lab of qemu:///system",
    ):
        assert f"{line}\n" in done.stdout
    assert "domain router of" not in done.stdout  # that one is another driver's
    assert somebody.all() == before
