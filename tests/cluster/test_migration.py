"""The live cluster from one IPAM mode to the other and back, under all probes, with a kill on each way.

The tests of this file build on each other: they are the steps of one story. What the probes have measured is in the
record of each migration, which a killed run and the one that finishes it share.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from cilium_lab.disruption.record import read_record
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.report.text import text
from cilium_lab.tables import table
from labctl.bench.judge import missed, outcome
from tests.cluster import zoo
from tests.cluster.machine import Machine
from tests.cluster.secrets import tokens
from tests.cluster.test_life import own_suite, up
from tests.cluster.watching import Watch
from tests.helpers.checkout import Checkout, kill
from tests.helpers.secret_scan import Arguments, Secret
from tests.helpers.starved import measured

pytestmark = pytest.mark.timeout(2400)

_LIMIT = 1100
"""Seconds for one `pulumi up` beside 60 pods of the zoo: it has to end some time."""
_RATE = 25
"""Requests a second of the probes: at their usual rate they take half of two slow processors."""
_STACK = ("--stack", "embedded")
_UP = ("up", "--yes", "--skip-preview", *_STACK)
_AGENTS = ("-n", "kube-system")


Kinds = tuple[zoo.Kind, ...]


def back(kinds: Kinds) -> Kinds:
    """The kinds of workloads that are migrated back as well."""
    return tuple(kind for number, kind in enumerate(kinds) if number % 2 == 0 or kind.name in ("job", zoo.CONTROLLED))


def pod_cidrs(checkout: Checkout) -> dict[str, list[str]]:
    """The pod CIDRs of every CiliumNode."""
    listed = json.loads(checkout.lab("kubectl", "get", "ciliumnodes", "-o", "json").stdout)["items"]
    return {node["metadata"]["name"]: node["spec"]["ipam"]["podCIDRs"] for node in listed}


def records(checkout: Checkout) -> list[Path]:
    """The folders of all migrations so far, the oldest first."""
    return sorted((checkout.state / "migrations").glob("*"))


def change(checkout: Checkout, mode: str, log: Path) -> None:
    """Set the mode; `pulumi up` is killed somewhere on the way, and the next one has to finish."""
    checkout.lab("pulumi", "config", "set", "ipamMode", mode, "--stack", "embedded")
    words = ("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded")
    checkout.start_and_kill(*words, log=log, between=(5, 60))
    checkout.lab(*words, timeout=_LIMIT)


def test_it_goes_on_in_the_mode_kubernetes_with_probes(
    checkout: Checkout, before: Machine, arguments: Arguments, known: list[Secret]
) -> None:
    """The lab of test_life, or a new one where this file is run by itself."""
    up(checkout)
    known.extend(tokens(checkout))  # they do not live to the end
    assert all(cidr.startswith("192.168.") for held in pod_cidrs(checkout).values() for cidr in held)
    checkout.lab("pulumi", "config", "set", "--path", "migration.probeRate", str(_RATE), "--stack", "embedded")
    for wanted in ("true", "false", "true"):  # also while what was there is still going
        checkout.lab("pulumi", "config", "set", "--path", "migration.probe", wanted, "--stack", "embedded")
        checkout.lab("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded")
    going = checkout.lab("kubectl", "get", "deployment", "probe", "-o", "jsonpath={.metadata.deletionTimestamp}").stdout
    assert going == ""
    assert records(checkout) == []


def up_until(checkout: Checkout, words: str, log: Path) -> None:
    """`pulumi up`, killed when it has printed `words`."""
    process = checkout.start("pulumi", *_UP, log=log)
    deadline = time.monotonic() + _LIMIT
    while words not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"{words!r} was not printed"
        time.sleep(0.2)
    kill(process)


def zoo_pods(checkout: Checkout) -> dict[str, dict[str, tuple[str, bool]]]:
    """App -> uid of a pod -> its node, and whether it is ready; without pods that are ending."""
    found: dict[str, dict[str, tuple[str, bool]]] = {kind.name: {} for kind in zoo.KINDS}
    for kind in {kind.namespace for kind in zoo.KINDS}:
        for pod in json.loads(checkout.lab("kubectl", "get", "pods", "-n", kind, "-o", "json").stdout)["items"]:
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
            app = pod["metadata"]["labels"].get("app", "")
            if app in found and "deletionTimestamp" not in pod["metadata"]:
                found[app][pod["metadata"]["uid"]] = (pod["spec"].get("nodeName", ""), ready)
    return found


def apply(checkout: Checkout, *manifests: zoo.Manifest) -> None:
    """Create or change them, namespaces first."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    checkout.lab("kubectl", "apply", "-f", "-", stdin=json.dumps(listed))


def give_an_owner(checkout: Checkout, namespace: str) -> None:
    """Make the ConfigMap of the same name the pod's controller, as one of an operator's own kind would be."""
    named = ("-n", namespace, zoo.CONTROLLED)
    uid = checkout.lab("kubectl", "get", "configmap", *named, "-o", "jsonpath={.metadata.uid}").stdout
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": zoo.CONTROLLED, "uid": uid, "controller": True}
    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    checkout.lab("kubectl", "patch", "pod", *named, "--type=merge", "-p", patch)


def start_job(checkout: Checkout) -> None:
    """The Job is re-created, and its pod is at work."""
    (job,) = (kind.manifests[0] for kind in zoo.KINDS if kind.name == "job")
    checkout.lab("kubectl", "delete", "job", "job", "-n", zoo.NAMESPACE, "--ignore-not-found")
    apply(checkout, job)
    checkout.lab("kubectl", "wait", "--for=jsonpath={.status.ready}=1", "job/job", "-n", zoo.NAMESPACE, "--timeout=60s")


def test_ordinary_workloads_of_every_kind_run(checkout: Checkout, kinds: Kinds) -> None:
    apply(checkout, *zoo.manifests(kinds))
    give_an_owner(checkout, zoo.NAMESPACE)
    for kind in kinds:
        if kind.outcome in (zoo.Outcome.NOTED, zoo.Outcome.WAITED):
            continue
        wanted = int(kind.manifests[0]["spec"].get("replicas", 1))
        end = time.monotonic() + 240
        while sum(ready for _, ready in zoo_pods(checkout)[kind.name].values()) < wanted:
            assert time.monotonic() < end, (kind.name, zoo_pods(checkout)[kind.name])
            time.sleep(2)
    checkout.lab("kubectl", "rollout", "pause", "-n", zoo.NAMESPACE, f"deployment/{zoo.PAUSED}")
    for number, name in enumerate(kind.name for kind in kinds if kind.outcome is zoo.Outcome.BARE):
        key, pod = f"migration.recreate[{number}]", f"{zoo.NAMESPACE}/{name}"
        checkout.lab("pulumi", "config", "set", "--path", key, pod, "--stack", "embedded")
    checkout.lab("pulumi", "config", "set", "ipamMode", "cluster-pool", "--stack", "embedded")
    start_job(checkout)
    told = checkout.lab("pulumi", "preview", "--stack", "embedded").stdout
    words = {
        zoo.Outcome.MOVES: r" moves by (a surging restart|eviction)(;|$)",
        zoo.Outcome.MISSED: r" moves by eviction, away for about \d+ s",
        zoo.Outcome.IN_PLACE: r" is re-created in place.*, away for about \d+ s",
        zoo.Outcome.BARE: r" is deleted and re-created in place, away for about \d+ s \(migration.recreate names it\)",
        zoo.Outcome.WAITED: " is waited for",
    }
    lines = [line.rstrip() for line in told.splitlines()]
    for kind in kinds:
        if kind.outcome is zoo.Outcome.NOTED or kind.name == "cron":  # whose Job may just have none at work
            continue
        form = re.compile(rf" {kind.namespace}/{kind.name}(-\w+)*{words[kind.outcome]}")
        assert any(form.search(line) for line in lines), (kind.name, told)
    assert "noted, and not waited for: Deployment zoo/crashing has 0 ready pods" in told
    assert "note: Service zoo/local-service has externalTrafficPolicy Local" in told


@pytest.mark.parametrize(("mode", "start"), [("cluster-pool", "172.20."), ("kubernetes", "192.168.")])
def test_the_cluster_is_migrated_while_it_serves(
    checkout: Checkout, kinds: Kinds, tmp_path: Path, mode: str, start: str
) -> None:
    if mode == "kubernetes":  # half of them is enough for the way back, which takes as long
        kept = back(kinds)
        gone = [manifest for kind in kinds if kind not in kept for manifest in kind.manifests]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": gone})
        checkout.lab("kubectl", "delete", "-f", "-", stdin=listed, timeout=180)
        kinds = kept
    start_job(checkout)
    known, animals = records(checkout), zoo_pods(checkout)
    with Watch(checkout) as watch:
        change(checkout, mode, tmp_path / "killed.log")
        away = watch.away()
    now = zoo_pods(checkout)
    wrong = {kind.name: zoo.outcome(kind, animals[kind.name], now[kind.name]) for kind in kinds}
    assert {name: why for name, why in wrong.items() if why} == {}
    failed = checkout.lab(
        "kubectl", "get", "jobs", "-n", zoo.NAMESPACE, "-o", "jsonpath={.items[*].status.failed}"
    ).stdout
    assert failed == ""
    replaced = [kind for kind in kinds if kind.outcome not in (zoo.Outcome.NOTED, zoo.Outcome.WAITED)]
    print(table([(kind.name, kind.outcome, f"{away[kind.name]:.1f} s without a ready pod") for kind in replaced]))
    cordoned = checkout.lab("kubectl", "get", "nodes", "-o", "jsonpath={.items[*].spec}").stdout
    assert "unschedulable" not in cordoned
    assert "cilium-lab/rollout" not in cordoned
    held = pod_cidrs(checkout)
    assert len(held) == 3
    assert all(len(of_node) == 1 and of_node[0].startswith(start) for of_node in held.values()), held
    new = [folder for folder in records(checkout) if folder not in known]
    assert len(new) == 1, new
    record = read_record(new[0])
    told = text(summarise(record))
    print(told)
    # this machine's cores are shared with the test itself: only the threshold for busy cores counts, no failed request
    assert missed(outcome(mode, measured(record)), wanted=_RATE) == (), told
    left = checkout.lab("kubectl", "get", "deployment", "prober", "--ignore-not-found").stdout
    assert left == ""
    for host in ("router", "k8s-cp", "k8s-w1", "k8s-w2"):
        left = checkout.lab("ssh", host, "systemctl is-active lab-probe; ls /var/lib/cilium-lab/probe", check=False)
        assert left.stdout == "inactive\n", host
    checkout.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")
    up(checkout)  # with all checks, in the new mode


def test_the_workloads_go(checkout: Checkout) -> None:
    checkout.lab("kubectl", "delete", "namespace", *sorted({kind.namespace for kind in zoo.KINDS}), timeout=180)
    checkout.lab("kubectl", "delete", "priorityclass", "zoo-polite", "--ignore-not-found")
    checkout.lab("pulumi", "config", "rm", "--path", "migration.recreate", "--stack", "embedded")


def started_with(checkout: Checkout, *settings: str) -> list[list[str]]:
    """Of each agent these settings as it was started with them, which the ConfigMap of now need not have any more."""
    names = checkout.lab("kubectl", "get", "pods", *_AGENTS, "-l", "k8s-app=cilium", "-o", "name").stdout.split()
    script = "; ".join(f"echo $(cat /tmp/cilium/config-map/{setting})" for setting in settings)
    read = ("-c", "cilium-agent", "--", "sh", "-c", script)
    return sorted(checkout.lab("kubectl", "exec", *_AGENTS, name, *read).stdout.split() for name in names)


@pytest.mark.long
def test_cilium_s_own_suite_finds_nothing_after_the_way_back(checkout: Checkout) -> None:
    own_suite(checkout)


def test_changed_settings_reach_every_agent_while_the_cluster_serves(checkout: Checkout, tmp_path: Path) -> None:
    """Masquerading by iptables has come to the first node when it is killed and set back; the other setting stays."""
    known, held = records(checkout), pod_cidrs(checkout)
    for name, value in (("debug", "false"), ("masquerade", "iptables")):
        checkout.lab("pulumi", "config", "set", name, value, *_STACK)
    told = checkout.lab("pulumi", "preview", *_STACK).stdout
    assert "3 nodes are rolled out, one at a time: k8s-w1, k8s-w2, k8s-cp; because of bpf.masquerade true -> " in told
    assert "; debug.enabled true -> false; " in told
    up_until(checkout, "move-node        k8s-w2", tmp_path / "killed.log")
    names = ("debug", "enable-bpf-masquerade")
    assert started_with(checkout, *names) == [["false", "false"], ["true", "true"], ["true", "true"]]
    checkout.lab("pulumi", "config", "set", "masquerade", "bpf", *_STACK)
    checkout.lab("pulumi", *_UP, timeout=_LIMIT)
    assert started_with(checkout, *names) == [["false", "true"]] * 3
    assert pod_cidrs(checkout) == held
    (new,) = [folder for folder in records(checkout) if folder not in known]
    record = read_record(new)
    assert missed(outcome("settings", measured(record)), wanted=_RATE) == (), text(summarise(record))
    checkout.lab("pulumi", "up", "--yes", *_STACK, "--expect-no-changes")
    up(checkout)  # with all checks: the agents masquerade as the stack says


def test_what_no_live_cluster_can_carry_is_an_error_of_the_preview(checkout: Checkout) -> None:
    for name, value, way_back in (("routingMode", "tunnel", "native"), ("serviceCidr", "10.97.0.0/16", "10.96.0.0/12")):
        checkout.lab("pulumi", "config", "set", name, value, *_STACK)
        refused = checkout.lab("pulumi", "preview", *_STACK, check=False)
        assert refused.returncode != 0
        assert f"{name} {way_back} -> {value} cannot be done on a live cluster" in refused.stdout, refused.stdout
        checkout.lab("pulumi", "config", "set", name, way_back, "--stack", "embedded")


def test_a_pool_that_is_too_small_is_refused_and_nothing_is_changed(checkout: Checkout) -> None:
    was, known = pod_cidrs(checkout), records(checkout)
    checkout.lab("pulumi", "config", "set", "ipamMode", "cluster-pool", "--stack", "embedded")
    checkout.lab("pulumi", "config", "set", "--path", "clusterPool.cidrs[0]", "172.20.0.0/24", "--stack", "embedded")
    refused = checkout.lab("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", check=False)
    assert refused.returncode != 0
    assert "clusterPool" in refused.stdout + refused.stderr
    assert (pod_cidrs(checkout), records(checkout)) == (was, known)
