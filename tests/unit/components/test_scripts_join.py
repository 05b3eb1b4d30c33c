"""A worker's way into the cluster, with stand-ins for kubeadm and ssh: what is given, started over or refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from components.machines.files import File, pack
from tests.helpers.kubeadm_stand_in import CONTROL_PLANE, authority, init
from tests.helpers.script_sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

# --- what a worker gets from the control plane


def test_only_the_join_key_may_do_one_thing(sandbox: Sandbox, ca_hash: str) -> None:
    sandbox.stand_in("systemctl")
    for _ in range(2):
        assert sandbox.run("host/allow-joining.sh", "172.31.0.0/20", stdin="ssh-ed25519 AAAA join\n").returncode == 0
    keys = sandbox.path("/etc/ssh/cilium-lab-join-keys")
    forced = 'restrict,from="172.31.0.0/20",command="/usr/local/sbin/cilium-lab-join-file"'
    assert keys.read_text() == f"{forced} ssh-ed25519 AAAA join\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert [call for call in sandbox.calls() if call.startswith("systemctl")] == ["systemctl reload sshd.service"]


def test_the_join_file_holds_a_short_token_and_the_authority(sandbox: Sandbox, ca_hash: str) -> None:
    init(sandbox)
    sandbox.stand_in("systemctl")
    sandbox.run("host/allow-joining.sh", "172.31.0.0/20", stdin="key")
    sandbox.calls()
    done = sandbox.run("/usr/local/sbin/cilium-lab-join-file")
    config = yaml.safe_load(done.stdout)
    assert config["clusters"][0]["cluster"]["server"] == f"https://{CONTROL_PLANE}:6443"
    assert config["users"][0]["user"]["token"] == "abcdef.0123456789abcdef"
    assert any("--ttl 15m" in call for call in sandbox.calls())
    sandbox.write("/no-api", "")
    failed = sandbox.run("/usr/local/sbin/cilium-lab-join-file")
    assert failed.returncode != 0
    assert (failed.stdout, failed.stderr) == ("", "no API server\n")


# --- join


@pytest.fixture
def joinable(sandbox: Sandbox, ca_hash: str) -> str:
    """A control plane that answers by ssh with the join file."""
    init(sandbox)
    sandbox.stand_in("systemctl")
    sandbox.run("host/allow-joining.sh", "172.31.0.0/20", stdin="key")
    for made in ("admin.conf", "pki", "manifests"):  # this host is a worker now
        sandbox.run("rm", "-rf", f"/etc/kubernetes/{made}", "/var/lib/etcd", "/var/lib/cilium-lab")
    sandbox.stand_in(
        "ssh",
        "[ ! -e /no-ssh ] || { echo 'Connection refused' >&2; exit 255; }\n"
        "mkdir -p /etc/kubernetes/pki; cp /authority/ca.crt /etc/kubernetes/pki/ca.crt\n"
        "cilium-lab-join-file; rm -r /etc/kubernetes/pki",
    )
    sandbox.calls()
    return ca_hash


def join(sandbox: Sandbox, expected: str) -> subprocess.CompletedProcess[str]:
    files = pack({"kubeadm.yaml": File("join: true\n"), "key": File("private"), "known_hosts": File("pinned")})
    return sandbox.run("host/kubeadm-join.sh", CONTROL_PLANE, expected, stdin=files)


def assert_no_secret_left(sandbox: Sandbox) -> None:
    assert [path.name for path in sandbox.path("/run").iterdir()] == ["lock"]
    assert list(sandbox.path("/tmp").iterdir()) == []


def test_a_worker_joins_with_a_fresh_token_and_a_pinned_control_plane(sandbox: Sandbox, joinable: str) -> None:
    done = join(sandbox, joinable)
    assert done.returncode == 0, done.stderr
    calls = sandbox.calls()
    ssh = next(call for call in calls if call.startswith("ssh "))
    assert ssh.endswith(f"root@{CONTROL_PLANE}")
    assert "StrictHostKeyChecking=yes" in ssh
    assert "kubeadm join --config /etc/kubernetes/kubeadm.yaml" in calls
    assert "kubeadm reset --force" not in calls
    assert sandbox.path("/etc/kubernetes/seen.yaml").read_text() == "join: true\n"
    assert_no_secret_left(sandbox)


def test_a_second_join_asks_for_no_token(sandbox: Sandbox, joinable: str) -> None:
    join(sandbox, joinable)
    before = sandbox.written()
    sandbox.calls()
    done = join(sandbox, joinable)
    assert done.returncode == 0
    assert f"{NAME}: joined already" in done.stderr
    assert [call.split()[0] for call in sandbox.calls()] == ["kubectl"]  # it looks whether it is a member still
    assert sandbox.written() == before


def test_a_disk_that_outlived_its_node_joins_again(sandbox: Sandbox, joinable: str) -> None:
    join(sandbox, joinable)
    sandbox.calls()
    sandbox.stand_in("kubectl", 'case $* in *"get node"*) ;; *) echo https://172.31.1.10:6443 ;; esac')
    done = join(sandbox, joinable)
    assert done.returncode == 0, done.stderr
    calls = sandbox.calls()
    assert calls.index("kubeadm reset --force") < calls.index("kubeadm join --config /etc/kubernetes/kubeadm.yaml")


def test_a_member_that_gets_no_answer_stays_one(sandbox: Sandbox, joinable: str) -> None:
    join(sandbox, joinable)
    sandbox.stand_in("kubectl", "exit 1")
    done = join(sandbox, joinable)
    assert (done.returncode, "joined already" in done.stderr) == (0, True)


def test_a_join_that_was_cut_off_is_started_over(sandbox: Sandbox, joinable: str) -> None:
    sandbox.write("/cut", "")
    done = join(sandbox, joinable)
    assert done.returncode == 1
    assert "cut off here" in done.stderr
    assert_no_secret_left(sandbox)
    sandbox.calls()
    assert join(sandbox, joinable).returncode == 0
    assert "kubeadm reset --force" in sandbox.calls()


def test_a_worker_of_another_cluster_is_reset_and_joins_this_one(sandbox: Sandbox, joinable: str) -> None:
    join(sandbox, joinable)
    sandbox.write("/var/lib/cilium-lab/joined", f"sha256:{'0' * 64}\n")
    sandbox.calls()
    assert join(sandbox, joinable).returncode == 0
    assert "kubeadm reset --force" in sandbox.calls()


def test_a_control_plane_that_does_not_answer_is_named(sandbox: Sandbox, joinable: str) -> None:
    sandbox.write("/no-ssh", "")
    done = join(sandbox, joinable)
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert f"see that sshd and the API server run on {CONTROL_PLANE}" in done.stderr
    assert_no_secret_left(sandbox)


def test_another_authority_is_refused_with_both_hashes(sandbox: Sandbox, joinable: str, tmp_path: Path) -> None:
    other, seen = authority(tmp_path, "other")
    sandbox.write("/authority/ca.crt", other.read_text())
    done = join(sandbox, joinable)
    assert done.returncode == 1
    assert f"expected: {joinable}\n" in done.stderr
    assert f"seen: {seen}\n" in done.stderr
    assert not any("kubeadm join" in call for call in sandbox.calls())


def test_an_answer_without_an_authority_is_refused(sandbox: Sandbox, joinable: str) -> None:
    sandbox.stand_in("ssh", "echo 'apiVersion: v1'")
    done = join(sandbox, joinable)
    assert done.returncode == 1
    assert "seen: no certificate" in done.stderr
    assert not any("kubeadm join" in call for call in sandbox.calls())
