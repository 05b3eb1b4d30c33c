"""The lab with an emulated router beside three system containers: configuration alone decides, and all checks hold."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machine import Machine, look
from tests.cluster.test_life import assert_nothing_left
from tests.helpers.apparmor import command, readable
from tests.helpers.checkout import Checkout, copy_checkout

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clean copy of the project whose configuration has the router as a virtual machine."""
    made = copy_checkout(tmp_path_factory.mktemp("mixed"))
    shutil.copyfile(Path(__file__).with_name("mixed.yaml"), made.folder / "Pulumi.embedded.yaml")
    yield made
    made.lab("destroy", "--force", check=False)


@pytest.fixture(scope="module")
def before(lab: Checkout) -> Machine:
    """The machine before anything of the lab was there."""
    return look(lab.cgroup)


def test_from_nothing_to_all_checks_with_figures(lab: Checkout, before: Machine, figures: list[str]) -> None:
    printed = lab.lab("up").stdout
    assert re.search(r"(\d+) of \1 checks hold", printed), printed
    measured = re.findall(r"^(?:pulumi up|checks|all|peak memory) .*$", printed, re.MULTILINE)
    assert len(measured) == 4, printed
    figures += [f"mixed lab: {line}" for line in measured]


def test_the_router_is_a_machine_with_a_kernel_of_its_own(lab: Checkout) -> None:
    seen = lab.lab("ssh", "router", "systemd-detect-virt; uname -r").stdout.split()
    assert seen[0] == "qemu"
    assert seen[1] != lab.lab("ssh", "k8s-w1", "uname -r").stdout.strip()
    domains = lab.lab("shell", "virsh -q -c qemu:///system list --name").stdout.split()
    assert domains == ["router"]


def test_apparmor_permits_its_disks(lab: Checkout) -> None:
    """By the helper over the domain that libvirt holds, where the files are."""
    definition = lab.lab("shell", "virsh -q -c qemu:///system dumpxml --inactive router").stdout
    printed = lab.lab("shell", " ".join(command(definition)), stdin=definition).stderr
    files = {Path(path).name for path in readable(printed)}
    assert files >= {"router.qcow2", "base.qcow2", "router-cloud-init.iso"}


def test_its_identity_came_on_the_cloud_init_disk(lab: Checkout) -> None:
    query = "cloud-init status; hostname; ip -4 -br addr; ls /etc/ssh/*_key; passwd -S root"
    printed = lab.lab("ssh", "router", query).stdout
    assert "status: done" in printed
    assert re.search(r"ens160 +UP +172\.31\.1\.20/20", printed), printed
    assert re.search(r"ens192 +UP +10\.10\.10\.10/16", printed), printed
    # one key, the pinned one, and nobody has a password
    assert re.findall(r"\S+_key$", printed, re.MULTILINE) == ["/etc/ssh/ssh_host_ed25519_key"]
    assert re.search(r"^root L ", printed, re.MULTILINE), printed


def test_a_second_up_and_a_refresh_find_nothing_to_do(lab: Checkout) -> None:
    lab.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")
    for _ in range(5):  # a refresh reads the cloud-init disk by a download, which has hung once
        lab.lab("pulumi", "refresh", "--yes", "--stack", "embedded", "--expect-no-changes")


def test_another_host_key_is_refused_at_once(lab: Checkout) -> None:
    new_key = "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key"
    lab.lab("ssh", "router", f"{new_key}; systemctl restart ssh")
    printed = lab.lab("pulumi", "up", "--yes", "--stack", "embedded", "--target-replace", "**router-ready", check=False)
    assert printed.returncode != 0
    text = printed.stdout + printed.stderr
    assert "root@172.31.1.20:22: " in text
    keys = r"expected ssh-ed25519 SHA256:\S+ \(hostKey\), but the server has shown ssh-ed25519 SHA256:\S+;"
    assert re.search(rf"\(router-ready\):\n +error: root@172\.31\.1\.20:22: host key mismatch: {keys}", text), text
    assert "attempt" not in text.rpartition("Diagnostics:")[2]  # final: it is not tried again


def test_destroy_leaves_nothing(lab: Checkout, before: Machine) -> None:
    lab.lab("destroy")
    assert_nothing_left(lab, before)
