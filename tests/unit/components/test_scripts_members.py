"""How a worker becomes and stops being a member, on the control plane, with a stand-in for kubectl."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.helpers.script_sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

_KUBECTL = """
case $1 in
    get)
        case $2 in
            node) [ ! -e /no-api ] || { echo 'connection refused' >&2; exit 1; }
                if [ -e /member ]; then echo "node/$3"; else [[ $* == *ignore-not-found* ]]; fi ;;
            daemonset) if [ -e /cilium ]; then echo daemonset.apps/cilium; fi ;;
            crd) [ -e /cilium ] ;;
            persistentvolumes) cat /volumes ;;
        esac ;;
    drain) [ ! -e /held ] || { echo 'cannot evict pod: disruption budget' >&2; exit 1; } ;;
    wait) [ ! -e /not-ready ] || { echo 'timed out waiting' >&2; exit 1; } ;;
    delete) if [ "$2" = node ]; then rm -f /member; fi ;;
esac
"""
WORKER = "k8s-w2"


def volume(node: str, claim: str) -> dict[str, object]:
    """A volume as the local path provisioner makes it."""
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {
        "spec": {"nodeAffinity": {"required": required}, "claimRef": {"namespace": "default", "name": claim}},
    }


@pytest.fixture
def control_plane(sandbox: Sandbox) -> Sandbox:
    """The control plane of a cluster with Cilium, of which the worker is a member."""
    sandbox.stand_in("kubectl", _KUBECTL)
    sandbox.write("/member", "")
    sandbox.write("/cilium", "")
    no_node = {"spec": {"claimRef": {"namespace": "default", "name": "elsewhere"}}}
    items = [volume(WORKER, "data"), volume("k8s-w1", "other"), no_node]
    sandbox.write("/volumes", json.dumps({"items": items}))
    return sandbox


def leave(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/node-leave.sh", WORKER)


def joined(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/node-joined.sh", WORKER)


def verbs(sandbox: Sandbox) -> list[str]:
    return [" ".join(call.split()[1:3]) for call in sandbox.calls()]


def test_a_worker_is_emptied_before_it_is_forgotten(control_plane: Sandbox) -> None:
    done = leave(control_plane)
    assert done.returncode == 0, done.stderr
    changes = [verb for verb in verbs(control_plane) if not verb.startswith("get ")]
    assert changes == [f"drain {WORKER}", "delete node", "delete ciliumnode"]


def test_claims_whose_data_goes_are_named(control_plane: Sandbox) -> None:
    done = leave(control_plane)
    assert f"{NAME}: the data of these claims lies on {WORKER} and goes with it: default/data\n" in done.stderr


def test_a_second_leave_changes_nothing(control_plane: Sandbox) -> None:
    leave(control_plane)
    before = control_plane.written()
    control_plane.calls()
    done = leave(control_plane)
    assert (done.returncode, done.stderr) == (0, f"{NAME}: {WORKER} is no member any more\n")
    assert verbs(control_plane) == ["get node"]
    assert control_plane.written() == before


def test_pods_that_may_not_be_moved_keep_the_node(control_plane: Sandbox) -> None:
    control_plane.write("/held", "")
    done = leave(control_plane)
    assert done.returncode == 1
    assert "cannot evict pod: disruption budget\n" in done.stderr
    assert f"kubectl uncordon {WORKER}\n" in done.stderr
    assert "delete node" not in verbs(control_plane)


def test_no_answer_of_the_api_server_is_not_taken_for_an_absent_node(control_plane: Sandbox) -> None:
    control_plane.write("/no-api", "")
    done = leave(control_plane)
    assert done.returncode == 1
    assert f"failed: looking for {WORKER}" in done.stderr
    assert verbs(control_plane) == ["get node"]


def test_a_cluster_without_cilium_has_no_node_of_its_to_delete(control_plane: Sandbox) -> None:
    control_plane.path("/cilium").unlink()
    assert leave(control_plane).returncode == 0
    assert "delete ciliumnode" not in verbs(control_plane)


def test_a_new_worker_is_waited_for_where_it_can_become_ready(control_plane: Sandbox) -> None:
    assert joined(control_plane).returncode == 0
    assert any(call.startswith(f"kubectl wait node/{WORKER} --for condition=Ready") for call in control_plane.calls())
    control_plane.path("/cilium").unlink()
    assert joined(control_plane).returncode == 0
    assert not any(call.startswith("kubectl wait") for call in control_plane.calls())


def test_a_second_look_at_a_member_changes_nothing(control_plane: Sandbox) -> None:
    joined(control_plane)
    before = control_plane.written()
    assert joined(control_plane).returncode == 0
    assert control_plane.written() == before


def test_a_worker_that_does_not_become_ready_is_reported(control_plane: Sandbox) -> None:
    control_plane.write("/not-ready", "")
    done = joined(control_plane)
    assert done.returncode == 1
    assert "timed out waiting\n" in done.stderr
    assert f"failed: waiting for {WORKER} to be ready" in done.stderr
