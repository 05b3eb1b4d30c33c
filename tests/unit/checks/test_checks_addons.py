"""The checks of Hubble, storage and pages: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import flows, pages, storage
from cilium_lab.checks.context import CommandError
from tests.helpers.fake_lab import (
    PODS,
    WANT,
    FakeLab,
    agent_pods,
    assert_fails,
    items,
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
        "get pods.*k8s-app=cilium": agent_pods(*WANT.nodes),
        "exec curl-pod": "",
        "exec.*cilium-k8s-cp.*hubble observe": "\n".join(lines) + "\n",
    }


def test_hubble_shows_flows() -> None:
    lost = json.dumps({"lost_events": {"num_events_lost": "3"}})
    assert look(flows.hubble_shows_flows, observed(lost, DNS_FLOW, WEB_FLOW, ROUTER_FLOW)).ok


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
    assert_fails(look(flows.hubble_shows_flows, observed(*lines)), word)


def claims(phase: str = "Bound", storage_class: str = "local-path", said: str = "written and read back\n") -> Any:
    return {
        "delete pod,pvc": "",
        "create -f": "",
        "wait pod/check-storage": "",
        "get pvc": {"spec": {"volumeName": "pvc-1", "storageClassName": storage_class}, "status": {"phase": phase}},
        "logs check-storage": said,
        "get pv": items(),
    }


def test_claim_is_written_and_nothing_is_left() -> None:
    lab = FakeLab(claims())
    assert storage.claim_is_written(WANT, lab).ok
    order = [command.split()[1] for command in lab.asked]
    # Removed before (a killed run may have left something) and after.
    assert order == ["delete", "create", "wait", "get", "logs", "delete", "get"]


def test_the_claim_names_no_class_because_there_is_a_default_one() -> None:
    lab = FakeLab(claims())
    storage.claim_is_written(WANT, lab)
    created = next(command for command in lab.asked if "create" in command)
    objects = json.loads(created[created.index("{") :])["items"]
    claim = next(item for item in objects if item["kind"] == "PersistentVolumeClaim")
    assert "storageClassName" not in claim["spec"]


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        (claims(phase="Pending"), "Pending"),
        (claims(storage_class="other"), "other"),
        (claims(said=""), "nothing"),
    ],
)
def test_a_claim_that_is_not_bound_or_written_fails(answers: dict[str, Any], word: str) -> None:
    assert_fails(look(storage.claim_is_written, answers), word)


def test_what_the_check_made_goes_even_if_it_fails() -> None:
    lab = FakeLab({**claims(), "wait pod/check-storage": CommandError("timed out")})
    with pytest.raises(CommandError):
        storage.claim_is_written(WANT, lab)
    assert "delete" in lab.asked[-1]


def test_a_volume_that_stays_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_REMOVE_LIMIT", 0)
    left = {**claims(), "get pv": items({"metadata": {"name": "pvc-1"}})}
    assert_fails(look(storage.claim_is_written, {"get pvc": left["get pvc"], **left}), "still there")


def up(**jobs: int) -> dict[str, Any]:
    rows = [{"metric": {"job": job.replace("_", "-")}, "value": [0, "1"]} for job, n in jobs.items() for _ in range(n)]
    return {"data": {"result": rows}}


ALL_UP = up(cilium_agent=3, hubble=3, cilium_operator=1, prometheus=1)


def test_prometheus_has_targets() -> None:
    good = {"ssh router .*/-/ready": "200\n200\n200\n", "ssh router .*query=up": ALL_UP}
    assert look(pages.prometheus_has_targets, good).ok
    without = {**good, "ssh router .*query=up": up(cilium_agent=3, cilium_operator=1)}
    assert look(pages.prometheus_has_targets, without, replace(WANT, hubble=False)).ok


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
        look(pages.prometheus_has_targets, {"ssh router .*/-/ready": codes, "ssh router .*query=up": answer}), word
    )


def test_a_target_that_is_down_does_not_count() -> None:
    down = json.loads(json.dumps(ALL_UP))
    down["data"]["result"][0]["value"][1] = "0"
    answers = {"ssh router .*/-/ready": "200\n200\n200\n", "ssh router .*query=up": down}
    assert_fails(look(pages.prometheus_has_targets, answers), "cilium-agent 2")


def test_pages_answer() -> None:
    assert look(pages.pages_answer, {"ssh router .*30003": "200\n"}).ok
    assert_fails(look(pages.pages_answer, {"ssh router .*30003": "503\n"}), "hubble-ui 503")
