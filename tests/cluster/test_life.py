"""The life of a lab: up, used, switched off, destroyed; and once more, killed on its way up and finished.

The tests of this file build on each other: they are the steps of one story, which test_migration continues.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.config.versions import KUBERNETES
from tests.cluster.machine import Machine, look
from tests.cluster.uplink import Capture
from tests.helpers.checkout import Checkout
from tests.helpers.secret_scan import Arguments
from tools.hardening_table import counts

pytestmark = pytest.mark.timeout(1200)

_LIFTED = {"/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances"}
"""What sandbox/sysctl.py names and puts back; the kernel shows it under two names."""


def up(checkout: Checkout) -> str:
    """Bring the lab up and return what was printed; all checks of the running lab are part of it."""
    printed = checkout.lab("up").stdout
    assert re.search(r"(\d+) of \1 checks hold", printed), printed
    return printed


def assert_nothing_left(checkout: Checkout, before: Machine) -> None:
    after = look(checkout.cgroup)
    changed = before.changed(after)
    # a namespace that has gone was another program's: the lab's own came after the first look
    changed["namespaces"] = [line for line in changed.get("namespaces", []) if line.startswith("+")]
    assert {what: lines for what, lines in changed.items() if lines} == {}
    left = [path for path in checkout.state.rglob("*") if path.is_file() and "backend" not in path.parts]
    assert {path.name for path in left} <= {"passphrase", "source.json"}, left
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if _in_lab(pid, checkout.cgroup)]


def _in_lab(process: Path, cgroup: str) -> bool:
    try:
        return cgroup in (process / "cgroup").read_text()
    except OSError:
        return False


def test_first_up_passes_every_check_and_prints_its_figures(checkout: Checkout, before: Machine) -> None:
    printed = up(checkout)
    assert re.search(r"pulumi up +[\d.]+ s", printed), printed
    assert re.search(r"peak memory +[\d.]+ GiB", printed), printed


def test_nodes_have_the_addresses_and_version_of_the_study(checkout: Checkout) -> None:
    nodes = json.loads(checkout.lab("kubectl", "get", "nodes", "-o", "json").stdout)["items"]
    seen = {
        node["metadata"]["name"]: (
            node["status"]["addresses"][0]["address"],
            node["status"]["nodeInfo"]["kubeletVersion"],
        )
        for node in nodes
    }
    assert seen == {
        "k8s-cp": ("172.31.1.10", f"v{KUBERNETES}"),
        "k8s-w1": ("172.31.1.11", f"v{KUBERNETES}"),
        "k8s-w2": ("172.31.1.12", f"v{KUBERNETES}"),
    }


def test_a_second_up_changes_nothing(checkout: Checkout) -> None:
    checkout.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")


def test_refresh_finds_no_drift(checkout: Checkout) -> None:
    checkout.lab("pulumi", "refresh", "--yes", "--stack", "embedded", "--expect-no-changes")


def test_commands_pass_exit_codes_and_pipes_through(checkout: Checkout) -> None:
    assert checkout.lab("ssh", "router", "exit 7", check=False).returncode == 7
    assert checkout.lab("kubectl", "get", "nosuchthing", check=False).returncode == 1
    assert checkout.lab("ssh", "k8s-w1", "cat", stdin="through the pipe\n").stdout == "through the pipe\n"
    assert checkout.lab("status").stdout.count("Ready") == 3
    assert checkout.lab("shell", "exit 5", check=False).returncode == 5


def node(checkout: Checkout, name: str) -> dict[str, Any]:
    return json.loads(checkout.lab("kubectl", "get", "node", name, "-o", "json").stdout)


def test_root_on_the_control_plane_types_what_the_study_types(checkout: Checkout) -> None:
    assert "node/k8s-w2" in checkout.lab("ssh", "k8s-cp", "kubectl get nodes -o name").stdout
    typed = "shopt -s expand_aliases; . /etc/profile\nk get nodes -o name\nc1 status --brief\nhubble status\n"
    said = checkout.lab("ssh", "k8s-cp", "bash", stdin=typed).stdout
    assert "node/k8s-w1" in said
    assert "\nOK\n" in said  # of the agent of k8s-w1
    assert "Connected Nodes: 3/3" in said, said


def test_every_command_of_the_study_shows_what_the_study_shows(checkout: Checkout) -> None:
    done = checkout.lab("study", "--run", "--json", check=False)
    commands = json.loads(done.stdout)["commands"]
    assert [one for one in commands if one["ok"] is False] == []
    assert done.returncode == 0
    assert all(one["why"] for one in commands if one["ok"] is None)
    assert sum(one["ok"] is True for one in commands) > 45


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        ({"ports": [{"port": "80"}]}, False),
        ({"ports": [{"port": "53"}], "rules": {"dns": [{"matchPattern": "*"}]}}, False),
        ({"ports": [{"port": "80"}], "rules": {"http": [{"method": "GET"}]}}, True),
        ({"ports": [{"port": "443"}], "serverNames": ["example.com"]}, True),
    ],
)
@pytest.mark.parametrize("side", ["ingress", "egress"])
@pytest.mark.parametrize("listed", [False, True])
def test_policies_that_no_agent_would_apply_are_refused_in_words(
    checkout: Checkout, rule: dict[str, Any], refused: bool, side: str, listed: bool
) -> None:
    spec = {"endpointSelector": {}, side: [{"toPorts": [{"ports": [{"port": "81"}]}, rule]}]}
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "tried"},
        **({"specs": [{"endpointSelector": {}, "ingress": [{}]}, spec]} if listed else {"spec": spec}),
    }
    done = checkout.lab("kubectl", "apply", "--dry-run=server", "-f", "-", stdin=json.dumps(policy), check=False)
    assert (done.returncode != 0) == refused, done.stderr
    if refused:
        assert "no Envoy runs in this lab" in done.stderr


def own_suite(checkout: Checkout) -> None:
    """A few tests of Cilium's own suite: pods, Services, policies, and the router as the world outside."""
    chosen = ("no-policies", "client-egress", "to-cidr-external")
    words = [word for one in chosen for word in ("--test", f"^{one}/")]
    done = checkout.lab("connectivity", "--json", *words, check=False)
    found = {one["name"]: one for one in json.loads(done.stdout or "[]")}
    assert done.returncode == 0, [one for one in found.values() if one["outcome"] == "failed"] or done.stderr[-3000:]
    assert {found[name]["outcome"] for name in chosen} == {"passed"}
    assert all(one["said"] for one in found.values() if one["outcome"] == "skipped")
    assert checkout.lab("kubectl", "get", "namespaces", "-o", "name").stdout.count("cilium-lab") == 0


def test_cilium_s_own_suite_finds_nothing(checkout: Checkout) -> None:
    assert "cilium-cli: v" in checkout.lab("ssh", "k8s-cp", "cilium version").stdout
    own_suite(checkout)


def test_a_worker_whose_machine_is_replaced_is_drained_and_joins_again(checkout: Checkout) -> None:
    before = node(checkout, "k8s-w1")["metadata"]["uid"]
    listed = checkout.lab("pulumi", "stack", "--stack", "embedded", "--show-urns").stdout
    (urn,) = re.findall(r"urn:\S+::k8s-w1-domain", listed)
    printed = checkout.lab("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", "--replace", urn).stdout
    for line in ("k8s-cp: draining k8s-w1", "k8s-cp: k8s-w1 has left", "k8s-cp: k8s-w1 is a member"):
        assert line in printed
    after = node(checkout, "k8s-w1")
    assert after["metadata"]["uid"] != before
    assert {"Ready": "True"}.items() <= {item["type"]: item["status"] for item in after["status"]["conditions"]}.items()
    checkout.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")
    # all checks of the lab with the new worker follow when it comes back below


def test_the_machine_is_untouched_while_the_lab_runs(checkout: Checkout, before: Machine) -> None:
    changed = before.changed(look(checkout.cgroup))
    changed.pop("namespaces")  # the lab's own, gone at the end
    assert [line for line in changed.pop("cgroups") if not line.startswith("+ ") or checkout.cgroup not in line] == []
    lifted = {line.split("=")[0].split(" ")[1] for line in changed.pop("sysctls", [])}
    assert lifted <= _LIFTED
    # programs may be attached to cgroups of the lab, never to the machine's own
    programs = changed.pop("bpf_on_cgroups")
    assert programs, "Cilium's socket load balancer should be attached to the hosts' cgroups"
    assert [line for line in programs if not line.startswith("+ ") or checkout.cgroup not in line] == []
    assert changed == {}


def test_every_failure_of_the_benchmark_has_its_reason(checkout: Checkout) -> None:
    counted = json.loads(checkout.lab("cis", "--json").stdout)
    told = counts("after")
    for host in told:
        failed = {section: row["fail"] for section, row in counted[host].items()}
        assert failed == {section: row["fail"] for section, row in told[host].items()}, host


def test_secrets_are_encrypted_in_etcd_and_reads_are_logged_without_contents(checkout: Checkout) -> None:
    words = "a-text-that-nobody-else-writes"
    secret = ("secret", "generic", "hidden", "--namespace", "default", f"--from-literal=text={words}")
    checkout.lab("kubectl", "create", *secret)
    pki = "/etc/kubernetes/pki/etcd"
    keys = f"--cacert {pki}/ca.crt --cert {pki}/server.crt --key {pki}/server.key"
    stored = checkout.lab("ssh", "k8s-cp", f"etcdctl {keys} get /registry/secrets/default/hidden | base64").stdout
    raw = base64.b64decode(stored)
    assert b"k8s:enc:secretbox:v1:made-here:" in raw
    assert words.encode() not in raw
    log = checkout.lab("ssh", "k8s-cp", 'grep \'"name":"hidden"\' /var/log/kubernetes/audit/audit.log').stdout
    assert '"verb":"create"' in log
    assert words not in log
    assert base64.b64encode(words.encode()).decode() not in log
    checkout.lab("kubectl", "delete", "secret", "hidden", "--namespace", "default")


def test_anonymous_requests_are_answered_for_probes_alone(checkout: Checkout) -> None:
    request = "curl --silent --insecure --output /dev/null --write-out '%{http_code} '"
    paths = ("/livez", "/api/v1/namespaces/kube-public/configmaps/cluster-info", "/version", "/api/v1/secrets")
    said = checkout.lab(
        "ssh", "k8s-w1", "; ".join(f"{request} https://172.31.1.10:6443{path}" for path in paths)
    ).stdout
    assert said.split() == ["200", "200", "401", "401"]
    assert checkout.lab("ssh", "k8s-w1", f"{request} https://172.31.1.10:10250/pods").stdout.split() == ["401"]


def test_sshd_accepts_keys_alone(checkout: Checkout) -> None:
    for host in ("k8s-cp", "k8s-w1", "k8s-w2", "router"):
        settings = checkout.lab("ssh", host, "sshd -T").stdout.splitlines()
        assert {"passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no"} <= set(
            settings
        ), host
        assert "permitrootlogin without-password" in settings, host


def test_keys_of_a_new_epoch_are_on_every_host_though_the_up_was_killed(checkout: Checkout, tmp_path: Path) -> None:
    hosts = {"k8s-cp": "172.31.1.10", "k8s-w1": "172.31.1.11", "k8s-w2": "172.31.1.12", "router": "172.31.1.20"}
    earlier = tmp_path / "earlier-key"
    earlier.touch(0o600)
    earlier.write_bytes((checkout.state / "ssh-key").read_bytes())
    shown = (checkout.state / "ssh-known-hosts").read_text()
    # no agent and no other key: the earlier one alone, whatever host key it is shown
    options = (
        "-F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    )
    logins = {host: f"ssh {options} -i {earlier} root@{address} true" for host, address in hosts.items()}
    for host, login in logins.items():
        assert checkout.lab("shell", login, check=False).returncode == 0, host
    checkout.lab("pulumi", "config", "set", "--stack", "embedded", "keyEpoch", "2")
    again = ("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded")
    checkout.start_and_kill(*again, log=tmp_path / "killed.log", between=(5, 30))
    checkout.lab("pulumi", "cancel", "--yes", "embedded", check=False)
    up(checkout)
    for host, login in logins.items():
        refused = checkout.lab("shell", login, check=False)
        assert "Permission denied" in refused.stderr, (host, refused)
        assert checkout.lab("ssh", host, "true").returncode == 0
    assert not set(shown.splitlines()) & set((checkout.state / "ssh-known-hosts").read_text().splitlines())
    checkout.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")


def test_changed_settings_reach_a_running_control_plane(checkout: Checkout) -> None:
    for audit, logs in (("false", False), ("true", True)):
        checkout.lab("pulumi", "config", "set", "--stack", "embedded", "--path", "kubernetes.audit", audit)
        checkout.lab("pulumi", "up", "--yes", "--stack", "embedded")
        line = checkout.lab("ssh", "k8s-cp", "tr '\\0' '\\n' < /proc/$(pgrep -x kube-apiserver)/cmdline").stdout
        assert ("--audit-log-path=" in line) is logs


def test_secrets_lie_in_private_files_only(checkout: Checkout) -> None:
    for path in checkout.state.iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
    assert checkout.state.stat().st_mode & 0o077 == 0
    exported = checkout.lab("pulumi", "stack", "export", "--stack", "embedded").stdout
    key = (checkout.state / "ssh-key").read_text()
    assert "PRIVATE KEY" in key
    assert "PRIVATE KEY" not in exported
    assert "client-key-data" not in exported


def test_it_comes_back_after_the_machine_was_switched_off(checkout: Checkout) -> None:
    # every process of the lab ends at once, as it would then; the state and the hosts' disks stay
    os.kill(int((checkout.state / "sandbox" / "pid").read_text()), signal.SIGKILL)
    assert "not running" in checkout.lab("status", check=False).stdout
    up(checkout)


def test_destroy_leaves_nothing(checkout: Checkout, before: Machine) -> None:
    checkout.lab("destroy")
    assert_nothing_left(checkout, before)


def test_an_up_that_is_killed_anywhere_is_finished_by_the_next(
    checkout: Checkout, tmp_path: Path, arguments: Arguments
) -> None:
    """From here on `arguments` notes those of every process: test_preflight_and_reversal looks for secrets in them."""
    checkout.start_and_kill("up", log=tmp_path / "killed.log", between=(5, 60))
    # what it leaves running in the sandbox ends with that; the stack may be locked by the dead one
    checkout.lab("pulumi", "cancel", "--yes", "embedded", check=False)
    up(checkout)
    exported = json.loads(checkout.lab("pulumi", "stack", "export", "--stack", "embedded", record=False).stdout)
    assert exported["deployment"].get("pending_operations", []) == []
    assert arguments.seen


def test_no_packet_of_the_lab_left_through_the_machines_interfaces(uplink: Capture) -> None:
    assert uplink.packets() == []
