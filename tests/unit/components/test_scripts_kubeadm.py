"""kubeadm's scripts with stand-ins for kubeadm, kubectl and ssh: what is done once, started over, or refused."""

from __future__ import annotations

import base64
import subprocess

import pytest
import yaml

from components.machines.files import File, pack
from tests.helpers.kubeadm_stand_in import init
from tests.helpers.script_sandbox import Sandbox, needs_root

pytestmark = needs_root

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


def test_another_release_is_left_to_the_rollout(sandbox: Sandbox, ca_hash: str) -> None:
    init(sandbox, "kubernetesVersion: v1.33.1")
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    sandbox.write(manifest, "    image: registry.k8s.io/kube-apiserver:v1.33.1\n")
    sandbox.calls()
    done = init(sandbox, "kubernetesVersion: v1.33.2")
    assert (done.returncode, done.stdout) == (0, f"{ca_hash}\n"), done.stderr
    assert [call for call in sandbox.calls() if call.startswith("kubeadm")] == []
    # the rollout has upgraded it since
    sandbox.write(manifest, "    image: registry.k8s.io/kube-apiserver:v1.33.2\n")
    assert init(sandbox, "kubernetesVersion: v1.33.2").returncode == 0
    assert [call for call in sandbox.calls() if call.startswith("kubeadm")] == []
    assert "kubernetesVersion: v1.33.2" in sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text()


def test_changed_settings_are_applied_with_the_release_that_runs(sandbox: Sandbox, running: str) -> None:
    manifest = sandbox.path("/etc/kubernetes/manifests/kube-apiserver.yaml")
    manifest.write_text(f"    image: registry.k8s.io/kube-apiserver:v1.33.1\n{manifest.read_text()}")
    done = init(sandbox, "kubernetesVersion: v1.33.2", "profiling: false")
    assert (done.returncode, done.stdout) == (0, f"{running}\n"), done.stderr
    assert [call for call in sandbox.calls() if call.startswith("kubeadm init phase")]
    assert "kubernetesVersion: v1.33.1" in sandbox.path("/etc/kubernetes/kubeadm.yaml").read_text()


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
