"""The checks of Hubble, storage and pages: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import addons, agents
from cilium_lab.kube.client import JSON, ApiError
from cilium_lab.kube.deadline import time_limit
from tests.helpers.fake_lab import (
    AGENT_PODS,
    GONE,
    PODS,
    WANT,
    FakeLab,
    agent_pods,
    assert_fails,
    look,
)


def flow(destination: str, destination_port: int, name: str = "", protocol: str = "TCP") -> str:
    return json.dumps(
        {
            "flow": {
                "IP": {"source": "192.168.0.5", "destination": destination},
                "l4": {protocol: {"destination_port": destination_port}},
                "destination": {"pod_name": name} if name else {},
            }
        }
    )


DNS_FLOW = flow("192.168.2.3", 53, "coredns-1", "UDP")
WEB_FLOW = flow("192.168.1.7", 80, "webpod-1")
ROUTER_FLOW = flow("172.31.1.20", 80)


def observed(*lines: str) -> dict[str, Any]:
    return {
        **PODS,
        AGENT_PODS: agent_pods(*WANT.nodes),
        "EXEC default/curl-pod": "",
        "EXEC kube-system/cilium-k8s-cp hubble observe": "\n".join(lines) + "\n",
    }


def test_hubble_shows_flows() -> None:
    lost = json.dumps({"lost_events": {"num_events_lost": "3"}})
    assert look(agents.hubble_shows_flows, observed(lost, DNS_FLOW, WEB_FLOW, ROUTER_FLOW)).ok


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((DNS_FLOW, WEB_FLOW), "the router"),
        ((DNS_FLOW, ROUTER_FLOW), "webpod"),
        ((WEB_FLOW, ROUTER_FLOW), "DNS"),
        ((DNS_FLOW, flow("192.168.1.7", 8080, "webpod-1"), ROUTER_FLOW), "webpod"),
        ((), "0 flows"),
    ],
)
def test_a_flow_that_hubble_does_not_show_fails(lines: tuple[str, ...], word: str) -> None:
    assert_fails(look(agents.hubble_shows_flows, observed(*lines)), word)


POD, CLAIM = (
    "/api/v1/namespaces/default/pods/check-storage",
    "/api/v1/namespaces/default/persistentvolumeclaims/check-storage",
)


class StorageLab(FakeLab):
    """A provisioner: what is applied is there, and is as `answers` says, until it is deleted."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__({"DELETE": {}, "PATCH": {}, **answers})
        self.there: set[str] = set()

    def get(self, path: str) -> dict[str, Any]:
        if path in (POD, CLAIM) and path not in self.there:
            self.requests.append(f"GET {path}")
            raise GONE
        return super().get(path)

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        answer = super().send(method, path, body, kind)
        if method == "PATCH":
            self.there.add(path.partition("?")[0])
        elif path not in self.there:
            raise GONE
        else:
            self.there.remove(path)
        return answer


def claims(
    phase: str = "Bound",
    storage_class: str = "local-path",
    said: str = "written and read back\n",
    ended: str = "Succeeded",
) -> Any:
    return {
        f"GET {POD}/log": said,
        f"GET {POD}": {"status": {"phase": ended}},
        f"GET {CLAIM}": {
            "spec": {"volumeName": "pvc-1", "storageClassName": storage_class},
            "status": {"phase": phase},
        },
        "GET /api/v1/persistentvolumes/pvc-1": GONE,
    }


def test_claim_is_written_and_nothing_is_left() -> None:
    lab = StorageLab(claims())
    assert addons.claim_is_written(WANT, lab).ok
    order = [" ".join(request.split()[:2]).partition("?")[0] for request in lab.requests]
    removed = [f"DELETE {POD}", f"DELETE {CLAIM}", f"GET {CLAIM}", f"GET {POD}"]
    # Removed before (a killed run may have left something) and after.
    assert order == [
        *removed,
        f"PATCH {CLAIM}",
        f"PATCH {POD}",
        f"GET {POD}",
        f"GET {CLAIM}",
        f"GET {POD}/log",
        *removed,
        "GET /api/v1/persistentvolumes/pvc-1",
    ]


def test_what_may_not_be_removed_is_no_success() -> None:
    with pytest.raises(ApiError, match="forbidden"):
        addons.claim_is_written(WANT, StorageLab({"DELETE": ApiError("DELETE it", 403, "forbidden"), **claims()}))


def test_the_claim_names_no_class_because_there_is_a_default_one() -> None:
    lab = StorageLab(claims())
    addons.claim_is_written(WANT, lab)
    created = next(request for request in lab.requests if request.startswith(f"PATCH {CLAIM}"))
    claim = json.loads(created[created.index("{") :])
    assert claim["kind"] == "PersistentVolumeClaim"
    assert "storageClassName" not in claim["spec"]


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        (claims(phase="Pending"), "Pending"),
        (claims(storage_class="other"), "other"),
        (claims(said=""), "nothing"),
        (claims(ended="Failed"), "phase Failed"),
    ],
)
def test_a_claim_that_is_not_bound_or_written_fails(answers: dict[str, Any], word: str) -> None:
    assert_fails(addons.claim_is_written(WANT, StorageLab(answers)), word)


def test_a_pod_that_does_not_end_in_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addons, "_WRITE_LIMIT", 0.0)
    lab = StorageLab(claims(ended="Pending"))
    assert_fails(addons.claim_is_written(WANT, lab), "phase Pending")
    assert not lab.there


def test_what_the_check_made_goes_even_if_it_fails() -> None:
    lab = StorageLab({f"GET {POD}$": ApiError("GET pod", 500, "timed out"), **claims()})
    with pytest.raises(ApiError):
        addons.claim_is_written(WANT, lab)
    assert not lab.there


def test_the_clean_up_has_time_left_within_the_checks_own() -> None:
    lab = StorageLab(claims(ended="Pending"))
    begun = time.monotonic()
    with time_limit(addons._REMOVE_LIMIT + 1.0):  # pyright: ignore[reportPrivateUsage] - how long a clean-up may take
        assert_fails(addons.claim_is_written(WANT, lab), "phase Pending")
    assert time.monotonic() - begun < 5
    assert not lab.there


def test_a_volume_that_stays_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addons, "_REMOVE_LIMIT", 0.0)
    left = {**claims(), "GET /api/v1/persistentvolumes/pvc-1": {"metadata": {"name": "pvc-1"}}}
    assert_fails(addons.claim_is_written(WANT, StorageLab(left)), "still there")


def up(**jobs: int) -> dict[str, Any]:
    rows = [{"metric": {"job": job.replace("_", "-")}, "value": [0, "1"]} for job, n in jobs.items() for _ in range(n)]
    return {"data": {"result": rows}}


ALL_UP = up(cilium_agent=3, hubble=3, cilium_operator=1, prometheus=1)


def test_prometheus_has_targets() -> None:
    good = {"SSH router .*/-/ready": "200\n200\n200\n", "SSH router .*query=up": ALL_UP}
    assert look(addons.prometheus_has_targets, good).ok
    without = {**good, "SSH router .*query=up": up(cilium_agent=3, cilium_operator=1)}
    assert look(addons.prometheus_has_targets, without, replace(WANT, hubble=False)).ok


@pytest.mark.parametrize(
    ("codes", "answer", "word"),
    [
        ("200\n000\n200\n", ALL_UP, "000"),
        ("200\n200\n200\n", up(cilium_agent=2, hubble=3, cilium_operator=1), "cilium-agent 2"),
        ("200\n200\n200\n", up(cilium_agent=3, cilium_operator=1), "cilium-agent 3"),
        ("200\n200\n200\n", up(cilium_agent=3, hubble=3), "hubble 3"),
        ("200\n200\n200\n", up(), "no target is up"),
    ],
)
def test_prometheus_without_answer_or_target_fails(codes: str, answer: dict[str, Any], word: str) -> None:
    assert_fails(
        look(addons.prometheus_has_targets, {"SSH router .*/-/ready": codes, "SSH router .*query=up": answer}), word
    )


def test_a_target_that_is_down_does_not_count() -> None:
    down = json.loads(json.dumps(ALL_UP))
    down["data"]["result"][0]["value"][1] = "0"
    answers = {"SSH router .*/-/ready": "200\n200\n200\n", "SSH router .*query=up": down}
    assert_fails(look(addons.prometheus_has_targets, answers), "cilium-agent 2")


def test_pages_answer() -> None:
    assert look(addons.pages_answer, {"SSH router .*30003": "200\n"}).ok
    assert_fails(look(addons.pages_answer, {"SSH router .*30003": "503\n"}), "hubble-ui 503")
