"""What test_migration leaves out, on the same lab: previews, failures of the preflight, another pool, a reversal.

The tests of this file build on each other: they are the steps of one story.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cilium_lab.config.versions import own_image
from tests.cluster import zoo
from tests.cluster.machine import Machine
from tests.cluster.objects import changed, objects, settled
from tests.cluster.secrets import HOSTS, in_the_open, of_the_lab
from tests.cluster.test_life import assert_nothing_left, up
from tests.cluster.test_migration import apply, give_an_owner, pod_cidrs, records, up_until
from tests.helpers.checkout import Checkout
from tests.helpers.secret_scan import Arguments, Scanner, Secret

pytestmark = pytest.mark.timeout(1200)

_LIMIT = 900
_STACK = ("--stack", "embedded")
_UP = ("up", "--yes", "--skip-preview", *_STACK)
_CONTAINERS = [{"name": "main", "image": own_image("debug"), "command": ["sleep", "7200"]}]
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mine", "namespace": "default", "labels": {"app": "mine"}},
    "spec": {"nodeName": "k8s-w1", "terminationGracePeriodSeconds": 0, "containers": _CONTAINERS},
}
_SPACES = (zoo.NAMESPACE, zoo.LIMITED)
_STATIC = Path("/etc/kubernetes/manifests/mine.json")
_BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "stiff", "namespace": "default"},
    "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "webpod"}}},
}
_DAEMONS = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "everywhere", "namespace": "default"},
    "spec": {
        "selector": {"matchLabels": {"app": "everywhere"}},
        "template": {
            "metadata": {"labels": {"app": "everywhere"}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": _CONTAINERS},
        },
    },
}
# The preflight by itself, with a shorter limit than the program's own two minutes.
_PREFLIGHT = """
import json, sys, yaml
from dataclasses import replace
from pathlib import Path
from cilium_lab.config.load import decode, parse
from components.cilium.preflight import desired_cluster
from cilium_lab.rollout.request import Limits, render
given = yaml.safe_load(Path("Pulumi.embedded.yaml").read_text())["config"]
given = {key.removeprefix("cilium-lab:"): value for key, value in given.items()}
read = {key: decode(key, value) if isinstance(value, str) else value for key, value in given.items()}
desired = desired_cluster(parse(read))
document = render(replace(desired, limits=Limits(nodes=3.0)))
print(json.dumps({**document, "kubeconfig": Path(sys.argv[1]).read_text()}))
"""


def setting(checkout: Checkout, key: str, value: str) -> None:
    checkout.lab("pulumi", "config", "set", "--path", key, value, *_STACK)


def create(checkout: Checkout, *manifests: object) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    checkout.lab("kubectl", "apply", "-f", "-", stdin=json.dumps(listed))


def test_a_preview_lists_pods_that_would_be_re_created(checkout: Checkout) -> None:
    create(checkout, _POD, _DAEMONS)
    checkout.lab("kubectl", "wait", "--for=condition=Ready", "pod", "-l", "app in (mine, everywhere)", "--timeout=60s")
    checkout.lab("pulumi", "config", "rm", "clusterPool", *_STACK)
    setting(checkout, "ipamMode", "cluster-pool")
    setting(checkout, "migration.recreate[0]", "default/mine")
    before = objects(checkout)
    told = checkout.lab("pulumi", "preview", *_STACK).stdout
    (of_w1,) = re.findall(r"\bk8s-w1: \d.*?\bk8s-w2: \d", told, re.DOTALL)
    assert " default/mine is deleted and re-created in place" in of_w1, told
    assert len(re.findall(r" default/everywhere-\w+ is re-created in place by its DaemonSet", told)) == 3, told
    assert changed(before, objects(checkout)) == []


def test_refused_for_a_budget_and_a_bare_pod_with_nothing_changed(checkout: Checkout) -> None:
    create(checkout, _BUDGET)
    checkout.lab("pulumi", "config", "rm", "--path", "migration.recreate", *_STACK)
    checkout.lab("kubectl", "wait", "--for=jsonpath={.status.expectedPods}=2", "pdb/stiff", "--timeout=60s")
    was, known = objects(checkout), records(checkout)
    refused = checkout.lab("pulumi", *_UP, check=False)
    assert refused.returncode != 0
    for words in ("is refused, nothing was changed", "default/stiff requires 2 of 2", "migration.recreate"):
        assert words in refused.stdout + refused.stderr
    assert changed(was, objects(checkout)) == []
    assert records(checkout) == known
    checkout.lab("kubectl", "delete", "pdb", "stiff")
    setting(checkout, "migration.recreate[0]", "default/mine")


def test_whatever_forbids_it_is_told_by_the_preview_and_nothing_is_changed(checkout: Checkout) -> None:
    checkout.lab("kubectl", "label", "node", "k8s-w2", f"{zoo.LOST}=here")
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in _SPACES]
    apply(checkout, *spaces, *(manifest for one in zoo.FORBIDDING for manifest in one.manifests))
    give_an_owner(checkout, zoo.NAMESPACE)
    static = json.dumps({**_POD, "spec": {"containers": _CONTAINERS}})
    checkout.lab("ssh", "k8s-w1", f"mkdir -p {_STATIC.parent} && cat > {_STATIC}", stdin=static)
    try:
        for space in _SPACES:
            checkout.lab("kubectl", "wait", "--for=condition=Ready", "pod", "--all", "-n", space, "--timeout=120s")
        checkout.lab("kubectl", "wait", "--for=create", "pod/mine-k8s-w1", "--timeout=90s")
        checkout.lab("kubectl", "wait", "--for=condition=Ready", "pod/mine-k8s-w1", "--timeout=60s")
        checkout.lab("kubectl", "label", "node", "k8s-w2", f"{zoo.LOST}-")
        apply(checkout, zoo.LIMIT)
        setting(checkout, "migration.jobs", "refuse")
        was = settled(checkout)
        told = checkout.lab("pulumi", "preview", *_STACK, check=False)
        refused = checkout.lab("pulumi", *_UP, check=False)
        assert 0 not in (told.returncode, refused.returncode)
        for one in zoo.FORBIDDING:
            assert one.words in told.stdout, (one.what, told.stdout)
            assert one.words in refused.stdout + refused.stderr, (one.what, refused.stderr)
        assert changed(was, settled(checkout)) == []
    finally:
        checkout.lab("ssh", "k8s-w1", f"rm {_STATIC}")
    checkout.lab("kubectl", "delete", "namespace", *_SPACES, timeout=180)
    checkout.lab("kubectl", "delete", "priorityclass", "zoo-rude")
    checkout.lab("pulumi", "config", "rm", "--path", "migration.jobs", *_STACK)


def test_refused_for_a_node_that_is_not_ready_with_nothing_changed(checkout: Checkout) -> None:
    checkout.lab("ssh", "k8s-w2", "systemctl stop kubelet")
    try:
        checkout.lab("kubectl", "wait", "--for=condition=Ready=Unknown", "node/k8s-w2", "--timeout=120s")
        was = settled(checkout)
        kubeconfig = checkout.state / "kubeconfig"
        python = checkout.folder / ".venv" / "bin" / "python"
        preflight = f"{python} - {kubeconfig} << 'END' | {python} -m cilium_lab.rollout preflight\n{_PREFLIGHT}\nEND"
        refused = checkout.lab("shell", f"cd {checkout.folder} && {preflight}", check=False)
        assert refused.returncode == 1
        assert "node k8s-w2 is not ready" in refused.stderr
        assert changed(was, objects(checkout)) == []
    finally:
        checkout.lab("ssh", "k8s-w2", "systemctl start kubelet")
    checkout.lab("kubectl", "wait", "--for=condition=Ready", "node/k8s-w2", "--timeout=120s")
    agents = ("pod", "--selector", "k8s-app=cilium", "--namespace", "kube-system")
    checkout.lab("kubectl", "wait", "--for=condition=Ready", *agents, "--timeout=120s")


@pytest.mark.long
def test_to_another_pool_from_the_middle_of_a_migration(checkout: Checkout, tmp_path: Path) -> None:
    up_until(checkout, "move-node        k8s-w2", tmp_path / "killed.log")
    assert pod_cidrs(checkout)["k8s-w1"] == ["172.20.1.0/24"]
    setting(checkout, "clusterPool.cidrs[0]", "172.24.0.0/16")
    checkout.lab("pulumi", *_UP, timeout=_LIMIT)
    held = {"k8s-cp": ["172.24.0.0/24"], "k8s-w1": ["172.24.1.0/24"], "k8s-w2": ["172.24.2.0/24"]}
    assert pod_cidrs(checkout) == held
    mine = checkout.lab("kubectl", "get", "pod", "mine", "-o", "jsonpath={.status.podIP}").stdout
    assert mine.startswith("172.24.1.")
    assert "packets were dropped" not in (records(checkout)[-1] / "events.jsonl").read_text()
    up(checkout)


@pytest.mark.long
def test_reversed_in_the_middle_with_more_non_masquerade_cidrs(checkout: Checkout, tmp_path: Path) -> None:
    was = pod_cidrs(checkout)
    setting(checkout, "ipamMode", "kubernetes")
    up_until(checkout, "move-node        k8s-w2", tmp_path / "killed.log")
    assert pod_cidrs(checkout)["k8s-w1"][0].startswith("192.168.")
    setting(checkout, "ipamMode", "cluster-pool")
    setting(checkout, "clusterPool.cidrs[1]", "172.25.0.0/16")
    checkout.lab("pulumi", *_UP, timeout=_LIMIT)
    assert pod_cidrs(checkout) == was
    checkout.lab("pulumi", "up", "--yes", *_STACK, "--expect-no-changes")
    up(checkout)


@pytest.mark.long  # it needs the mode cluster-pool, into which the two before it lead
def test_multi_pool_is_refused_by_an_early_release_and_without_the_users_word(checkout: Checkout) -> None:
    setting(checkout, "ipamMode", "multi-pool")
    was = objects(checkout)
    refused = checkout.lab("pulumi", *_UP, check=False)
    assert refused.returncode != 0
    told = refused.stdout + refused.stderr
    assert "cluster-pool -> multi-pool needs Cilium 1.20" in told
    assert "cluster-pool -> multi-pool has no way back on a live cluster" in told
    assert "set migration.oneWay to true" in told
    assert changed(was, objects(checkout)) == []


def test_no_secret_of_the_run_is_in_the_open(checkout: Checkout, arguments: Arguments, known: list[Secret]) -> None:
    assert any(secret.name == "a join token" for secret in known)
    known.extend(of_the_lab(checkout))
    assert {secret.name for secret in known} >= {
        "the passphrase",
        "private key in Pulumi's state",
        *(f"private key in {host}" for host in HOSTS),
        "the key of etcd's secrets on k8s-cp",
    }
    assert len([path for folder in records(checkout) for path in folder.iterdir()]) >= 2 * 7
    assert in_the_open(checkout, Scanner(known), arguments) == []


def test_destroy_leaves_nothing_of_it(
    checkout: Checkout, before: Machine, arguments: Arguments, known: list[Secret]
) -> None:
    for key in ("ipamMode", "clusterPool", "migration"):
        checkout.lab("pulumi", "config", "rm", key, *_STACK)
    checkout.lab("destroy")
    assert_nothing_left(checkout, before)
    assert in_the_open(checkout, Scanner(known), arguments, running=False) == []
