"""kubeadm's scripts with stand-ins for kubeadm, kubectl and ssh: what is done once, started over, or refused."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
import yaml

from components.machines.files import File, pack
from tests.unit.sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

_INIT = """
case $1 in
    config) grep -q valid "$4" ;;
    init)
        if [ "$2" = phase ]; then exit 0; fi
        mkdir -p /etc/kubernetes/pki /etc/kubernetes/manifests /var/lib/etcd/member
        cp /authority/ca.crt /etc/kubernetes/pki/ca.crt
        if [ -e /cut ]; then echo 'cut off here' >&2; rm /cut; exit 5; fi
        echo api > /etc/kubernetes/manifests/kube-apiserver.yaml
        echo admin > /etc/kubernetes/admin.conf
        ;;
    reset)
        if [ -e /stuck ]; then echo 'cannot unmount' >&2; exit 1; fi
        rm -rf /etc/kubernetes/pki/* /etc/kubernetes/manifests/* /var/lib/etcd/* /etc/kubernetes/*.conf
        ;;
    join)
        cp "$3" /etc/kubernetes/seen.yaml
        echo kubelet > /etc/kubernetes/bootstrap-kubelet.conf
        if [ -e /cut ]; then echo 'cut off here' >&2; rm /cut; exit 5; fi
        mv /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/kubelet.conf
        ;;
    token) [ ! -e /no-api ] || { echo 'no API server' >&2; exit 1; }; echo abcdef.0123456789abcdef ;;
esac
"""
_CONTROL_PLANE = "172.31.1.10"


def authority(folder: Path, name: str) -> tuple[Path, str]:
    """A new CA's certificate, and the sha256 of its public key as kubeadm's documentation tells to compute it."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*new, "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    count = (
        f"openssl x509 -pubkey -in {certificate} | openssl ec -pubin -outform der | openssl dgst -sha256 -hex"
        " | sed 's/^.* //'"
    )
    printed = subprocess.run(["sh", "-c", count], check=True, capture_output=True, text=True).stdout
    return certificate, f"sha256:{printed.strip()}"


@pytest.fixture
def ca_hash(sandbox: Sandbox, tmp_path: Path) -> str:
    """Stand-ins are in place; the cluster's CA lies where kubeadm finds it."""
    certificate, digest = authority(tmp_path, "kubernetes")
    sandbox.write("/authority/ca.crt", certificate.read_text())
    sandbox.stand_in("kubeadm", _INIT)
    sandbox.stand_in("kubectl", "echo https://172.31.1.10:6443")
    return digest


def init(sandbox: Sandbox, *more: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/kubeadm-init.sh", stdin="\n".join(["valid: true", "podSubnet: 192.168.0.0/16", *more]))


# --- init


def test_init_prints_the_hash_of_the_clusters_authority(sandbox: Sandbox, ca_hash: str) -> None:
    done = init(sandbox)
    assert (done.returncode, done.stdout) == (0, f"{ca_hash}\n"), done.stderr
    verbs = [call.split()[1] for call in sandbox.calls() if call.startswith("kubeadm ")]
    assert verbs == ["config", "init"]
    assert sandbox.path("/etc/kubernetes/kubeadm.yaml").stat().st_mode & 0o777 == 0o600


def test_a_second_init_changes_nothing(sandbox: Sandbox, ca_hash: str) -> None:
    init(sandbox)
    before = sandbox.written()
    sandbox.calls()
    done = init(sandbox)
    assert (done.returncode, done.stdout) == (0, f"{ca_hash}\n")
    assert [call for call in sandbox.calls() if call.startswith("kubeadm")] == []
    assert sandbox.written() == before


def test_an_init_that_was_cut_off_shows_its_words_and_is_started_over(sandbox: Sandbox, ca_hash: str) -> None:
    sandbox.write("/cut", "")
    done = init(sandbox)
    assert done.returncode == 1
    assert "cut off here\n" in done.stderr
    assert "kubeadm-init.sh failed: kubeadm init" in done.stderr
    assert done.stdout == ""
    sandbox.calls()
    again = init(sandbox)
    assert (again.returncode, again.stdout) == (0, f"{ca_hash}\n"), again.stderr
    assert "cut off: starting over" in again.stderr
    verbs = [call.split()[1] for call in sandbox.calls() if call.startswith("kubeadm ")]
    assert verbs == ["config", "reset", "init"]


@pytest.mark.parametrize("rest", ["pki/ca.key", "manifests/etcd.yaml"])
def test_an_init_that_was_killed_anywhere_is_started_over(sandbox: Sandbox, ca_hash: str, rest: str) -> None:
    sandbox.write(f"/etc/kubernetes/{rest}", "half of")
    done = init(sandbox)
    assert (done.returncode, done.stdout) == (0, f"{ca_hash}\n"), done.stderr
    assert "kubeadm reset --force" in sandbox.calls()


def test_a_reset_that_fails_says_why(sandbox: Sandbox, ca_hash: str) -> None:
    sandbox.write("/etc/kubernetes/manifests/etcd.yaml", "rest")
    sandbox.write("/stuck", "")
    done = init(sandbox)
    assert done.returncode == 1
    assert "cannot unmount\n" in done.stderr
    assert "failed: kubeadm reset" in done.stderr


def test_documents_that_kubeadm_refuses_stop_before_anything_is_made(sandbox: Sandbox, ca_hash: str) -> None:
    done = sandbox.run("host/kubeadm-init.sh", stdin="wrong: true\n")
    assert done.returncode == 1
    assert "failed: kubeadm config validate" in done.stderr
    assert not sandbox.path("/etc/kubernetes/pki").exists()


@pytest.fixture
def running(sandbox: Sandbox, ca_hash: str) -> str:
    """A control plane whose processes run as their manifests say; each is a stand-in that this machine has in /proc."""
    init(sandbox)
    for part in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        sandbox.write(
            f"/etc/kubernetes/manifests/{part}.yaml", "  containers:\n  - command:\n    - --profiling=false\n"
        )
    sandbox.write("/as-written", "sleeper\0--profiling=false\0")
    sandbox.stand_in("pgrep", "echo 1")
    sandbox.stand_in("tr", "cat /as-written | /usr/bin/tr '\\0' '\\n'")
    sandbox.calls()
    return ca_hash


def test_changed_documents_are_applied_to_a_running_control_plane(sandbox: Sandbox, running: str) -> None:
    done = init(sandbox, "profiling: false")
    assert (done.returncode, done.stdout) == (0, f"{running}\n"), done.stderr
    calls = sandbox.calls()
    phases = [call.split()[1:5] for call in calls if call.startswith("kubeadm ")]
    assert phases == [["init", "phase", "control-plane", "all"], ["init", "phase", "upload-config", "all"]]
    assert any(call.startswith("kubectl replace") for call in calls), "every secret is to be written again"
    assert "profiling: false" in sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text()
    assert init(sandbox, "profiling: false").returncode == 0
    assert not [call for call in sandbox.calls() if call.startswith("kubeadm ")]


def test_what_a_running_cluster_stands_on_is_not_changed(sandbox: Sandbox, running: str) -> None:
    before = sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text()
    done = sandbox.run("host/kubeadm-init.sh", stdin="valid: true\npodSubnet: 10.0.0.0/16\n")
    assert done.returncode == 1
    assert "> podSubnet: 10.0.0.0/16" in done.stderr
    assert "pulumi destroy, then pulumi up" in done.stderr
    assert not [call for call in sandbox.calls() if call.startswith("kubeadm ")]
    assert sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text() == before


def test_a_run_that_finds_another_at_work_spoils_nothing_of_it(sandbox: Sandbox, running: str) -> None:
    sandbox.stand_in("kubeadm", "sleep 1")
    for name in ("one", "two"):
        sandbox.write(f"/{name}.yaml", f"valid: true\npodSubnet: 192.168.0.0/16\nprofiling: {name}\n")
    script = "/scripts/host/kubeadm-init.sh"
    both = f"{script} < /one.yaml & first=$!; sleep 0.5; {script} < /two.yaml && wait $first"
    done = sandbox.run("bash", "-c", both)
    assert done.returncode == 0, done.stderr
    assert "profiling: two" in sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text()


# --- what the API server reads, and what kubelet is told


def control_plane_files(sandbox: Sandbox, audit: str) -> subprocess.CompletedProcess[str]:
    files = pack({"authentication.yaml": File("anonymous\n"), "audit.yaml": File(audit)})
    return sandbox.run("host/control-plane-files.sh", "/etc/kubernetes/hardening", "/var/log/audit", stdin=files)


def test_the_key_is_made_once_and_is_roots_alone(sandbox: Sandbox) -> None:
    folder = sandbox.path("/etc/kubernetes/hardening")
    done = control_plane_files(sandbox, "one")
    assert done.returncode == 0, done.stderr
    made = (folder / "encryption.yaml").read_text()
    providers = yaml.safe_load(made)["resources"][0]["providers"]
    assert [next(iter(provider)) for provider in providers] == ["secretbox", "identity"]
    (key,) = providers[0]["secretbox"]["keys"]
    assert len(base64.b64decode(key["secret"], validate=True)) == 32
    assert key["secret"] not in done.stdout + done.stderr + "".join(sandbox.calls())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "encryption.yaml": 0o600,
        "authentication.yaml": 0o600,
        "audit.yaml": 0o600,
    }
    assert control_plane_files(sandbox, "two").returncode == 0
    assert (folder / "encryption.yaml").read_text() == made
    assert (folder / "audit.yaml").read_text() == "two"


def test_a_running_api_server_is_restarted_for_changed_files_alone(sandbox: Sandbox, ca_hash: str) -> None:
    sandbox.stand_in("crictl", "if [ $1 = ps ]; then echo container-1; fi")
    control_plane_files(sandbox, "one")
    assert not [call for call in sandbox.calls() if call.startswith("crictl stop")]
    sandbox.write("/etc/kubernetes/manifests/kube-apiserver.yaml", "- --x=/etc/kubernetes/hardening/audit.yaml\n")
    for audit, stops in (("one", 0), ("two", 1), ("two", 0)):
        assert control_plane_files(sandbox, audit).returncode == 0
        assert len([call for call in sandbox.calls() if call.startswith("crictl stop")]) == stops, audit


def test_kubelet_restarts_when_its_settings_changed_and_its_file_is_roots(sandbox: Sandbox) -> None:
    sandbox.write("/var/lib/kubelet/config.yaml", "old\n")
    sandbox.stand_in("kubeadm", "cp /wanted /var/lib/kubelet/config.yaml")
    sandbox.stand_in("systemctl")
    sandbox.stand_in("curl")
    for wanted, digest, restarts in (("old\n", "1", 0), ("new\n", "2", 1), ("other\n", "2", 0)):
        sandbox.write("/wanted", wanted)
        assert sandbox.run("host/kubelet-settings.sh", digest).returncode == 0
        assert sandbox.calls().count("systemctl restart kubelet") == restarts
        assert sandbox.path("/var/lib/kubelet/config.yaml").stat().st_mode & 0o777 == 0o600


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
    assert config["clusters"][0]["cluster"]["server"] == f"https://{_CONTROL_PLANE}:6443"
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
    return sandbox.run("host/kubeadm-join.sh", _CONTROL_PLANE, expected, stdin=files)


def assert_no_secret_left(sandbox: Sandbox) -> None:
    assert [path.name for path in sandbox.path("/run").iterdir()] == ["lock"]
    assert list(sandbox.path("/tmp").iterdir()) == []


def test_a_worker_joins_with_a_fresh_token_and_a_pinned_control_plane(sandbox: Sandbox, joinable: str) -> None:
    done = join(sandbox, joinable)
    assert done.returncode == 0, done.stderr
    calls = sandbox.calls()
    ssh = next(call for call in calls if call.startswith("ssh "))
    assert ssh.endswith(f"root@{_CONTROL_PLANE}")
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
    assert f"see that sshd and the API server run on {_CONTROL_PLANE}" in done.stderr
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
