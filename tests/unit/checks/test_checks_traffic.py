"""The checks of the data path: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

from typing import Any

import pytest

from cilium_lab.checks import traffic
from tests.helpers.fake_lab import (
    CURL,
    CURL_PODS,
    ONE,
    PODS,
    TWO,
    WANT,
    WEBPODS,
    FakeLab,
    assert_fails,
    items,
    look,
    pod,
)


def test_webpods_spread() -> None:
    assert look(traffic.webpods_spread, PODS).ok
    together = items(ONE, pod("webpod-2", "192.168.1.8", "k8s-w1"))
    assert_fails(look(traffic.webpods_spread, {WEBPODS: together}), "webpod-2 on k8s-w1")
    assert_fails(look(traffic.webpods_spread, {WEBPODS: items(ONE)}), "webpod-1")
    going = pod("webpod-2", "192.168.2.7", "k8s-w2", metadata={"deletionTimestamp": "2025-08-01T00:00:00Z"})
    assert_fails(look(traffic.webpods_spread, {WEBPODS: items(ONE, going)}), "webpod-1")


def test_service_reaches_all() -> None:
    both = "Hostname: webpod-1\nHostname: webpod-2\n" * 10
    assert look(traffic.service_reaches_all, {**PODS, "EXEC default/curl-pod": both}).ok


@pytest.mark.parametrize(
    "said",
    [
        "Hostname: webpod-1\n" * 20,
        "Hostname: webpod-1\nHostname: webpod-2\n" * 9 + "none\nnone\n",
        "Hostname: webpod-1\nHostname: webpod-2\n" * 9,
        "Hostname: webpod-1\nHostname: stranger\n" * 10,
        "",
    ],
)
def test_a_missed_backend_or_a_lost_request_fails(said: str) -> None:
    assert_fails(look(traffic.service_reaches_all, {**PODS, "EXEC default/curl-pod": said}))


def test_source_kept() -> None:
    kept = "RemoteAddr: 192.168.0.5:40312\nRemoteAddr: 192.168.0.5:40314\n"
    assert look(traffic.source_kept, {**PODS, "EXEC default/curl-pod": kept}).ok
    masqueraded = "RemoteAddr: 192.168.0.5:40312\nRemoteAddr: 172.31.1.10:40314\n"
    assert_fails(look(traffic.source_kept, {**PODS, "EXEC default/curl-pod": masqueraded}), "172.31.1.10")
    assert_fails(look(traffic.source_kept, {**PODS, "EXEC default/curl-pod": "none\nnone\n"}), "no answer")


def test_only_webpods_on_other_nodes_prove_that_the_source_is_kept() -> None:
    here = pod("webpod-1", "192.168.0.9", "k8s-cp")
    lab = FakeLab({"EXEC": "RemoteAddr: 192.168.0.5:1\n", WEBPODS: items(here, TWO), CURL_PODS: items(CURL)})
    assert traffic.source_kept(WANT, lab).ok
    assert not any("192.168.0.9" in request for request in lab.requests)
    lab = FakeLab({"EXEC": "", WEBPODS: items(here), CURL_PODS: items(CURL)})
    assert_fails(traffic.source_kept(WANT, lab))


def test_dns_answers() -> None:
    services = {
        "services/webpod": {"spec": {"clusterIP": "10.98.230.97"}},
        "services/kubernetes": {"spec": {"clusterIP": "10.96.0.1"}},
    }
    good = "webpod 10.98.230.97\nkubernetes 10.96.0.1\n"
    assert look(traffic.dns_answers, {**services, "EXEC default/curl-pod": good}).ok
    assert_fails(look(traffic.dns_answers, {**services, "EXEC default/curl-pod": "webpod\nkubernetes 10.96.0.1\n"}))
    wrong = good.replace("10.96.0.1", "10.96.0.2")
    assert_fails(look(traffic.dns_answers, {**services, "EXEC default/curl-pod": wrong}), "10.96.0.2")


SEEN = "0 0 172.31.1.20:80 172.31.1.10:41000\n0 0 [::ffff:10.10.1.200]:80 [::ffff:172.31.1.10]:41002\n"
PAGES = f"HTTP/1.0 200 OK\r\n\r\n{WANT.router_page}" * 2


def at_router(listing: str, answer: str) -> dict[str, Any]:
    return {**PODS, "SSH router .*ss -Htn": listing, "EXEC default/curl-pod": answer}


def test_router_sees_the_node() -> None:
    assert look(traffic.router_sees_the_node, at_router(SEEN * 3, PAGES)).ok


def test_another_client_of_the_router_does_not_matter() -> None:
    assert look(traffic.router_sees_the_node, at_router(SEEN + "0 0 172.31.1.20:80 172.31.0.2:5\n", PAGES)).ok


@pytest.mark.parametrize(
    ("listing", "answer", "word"),
    [
        (SEEN + "0 0 172.31.1.20:80 192.168.0.5:41004\n", PAGES, "192.168.0.5"),
        (SEEN.replace("172.31.1.10", "172.31.1.11"), PAGES, "172.31.1.11"),
        ("", PAGES, "nobody"),
        (SEEN.splitlines()[0], PAGES, "10.10.1.200 from nobody"),
        (SEEN, WANT.router_page, "1 of 2 pages"),
        (SEEN, "<h1>Another page</h1>", "0 of 2 pages"),
    ],
)
def test_a_wrong_source_or_page_fails(listing: str, answer: str, word: str) -> None:
    assert_fails(look(traffic.router_sees_the_node, at_router(listing, answer)), word)


def test_the_pod_holds_each_connection_while_the_router_looks() -> None:
    lab = FakeLab(at_router(SEEN, PAGES))
    traffic.router_sees_the_node(WANT, lab)
    held = next(request for request in lab.requests if "EXEC" in request)
    assert "telnet://172.31.1.20:80" in held
    assert "telnet://10.10.1.200:80" in held
    assert held.rstrip().endswith("wait")
