"""The client of the API: through a proxy of its own, patient with a server that is busy, and never longer than told."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.kube import client
from cilium_lab.kube.client import APPLY, ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, ConditionTimeout, Waiter, met
from cilium_lab.kube.deadline import concurrently
from cilium_lab.paths import ROOT
from tests.helpers.kubectl_stand_in import KubectlStandIn, answer
from tests.helpers.migration_world import ONE

OK = answer(200, {"items": []})
THROTTLED = answer(429, "Too many requests, please try again later.\n")
BUDGET = answer(
    429,
    {
        "kind": "Status",
        "code": 429,
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "details": {"causes": [{"reason": "DisruptionBudget", "message": "web needs 2 healthy pods and has 2"}]},
    },
)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSE", 0.01)


@contextmanager
def serving(folder: Path, *answers: dict[str, Any], **options: Any) -> Iterator[tuple[KubectlApi, KubectlStandIn]]:
    kubectl = KubectlStandIn(folder, answers or (OK,))
    with KubectlApi("apiVersion: v1", (str(kubectl.program),), **options) as api:
        yield api, kubectl


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_objects_texts_and_changes(tmp_path: Path) -> None:
    with serving(tmp_path, OK, answer(200, "a log"), OK) as (api, kubectl):
        assert api.get("/api/v1/nodes") == {"items": []}
        assert api.text("/log") == "a log"
        api.send("PATCH", "/x?force=true", {"a": 1}, APPLY)
    assert kubectl.requests == [("GET", "/api/v1/nodes"), ("GET", "/log"), ("PATCH", "/x?force=true")]
    assert (kubectl.notes[-1]["body"], kubectl.notes[-1]["kind"]) == ('{"a": 1}', APPLY)


def test_a_kubeconfig_as_text_is_a_file_of_the_owner_alone_and_goes(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, kubectl):
        started = kubectl.notes[0]
        assert (started["text"], started["mode"]) == ("apiVersion: v1", "0o600")
        folder = Path(started["kubeconfig"]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
    assert not alive(started["pid"])


def test_a_kubeconfig_as_a_file_is_used_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "admin.conf"
    file.write_text("kind: Config")
    kubectl = KubectlStandIn(tmp_path, [OK])
    with KubectlApi(file, (str(kubectl.program),)) as api:
        api.get("/api/v1/nodes")
    assert kubectl.notes[0]["kubeconfig"] == str(file)
    assert file.read_text() == "kind: Config"


def test_words_before_kubectl_end_with_the_client(tmp_path: Path) -> None:
    """A program that enters a namespace stays between this one and kubectl."""
    kubectl = KubectlStandIn(tmp_path, [OK])
    wrapper = ("sh", "-c", '"$@"; exit', "sh")
    with KubectlApi("x", (*wrapper, str(kubectl.program))) as api:
        assert api.get("/api/v1/nodes") == {"items": []}
    deadline = time.monotonic() + 5
    while alive(kubectl.notes[0]["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_script_in_a_container(tmp_path: Path) -> None:
    with serving(tmp_path) as (api, kubectl):
        assert api.execute("default", "web-1", "main", "echo hello") == "hello\n"
        assert kubectl.notes[-1]["words"][:6] == ["exec", "-n", "default", "web-1", "-c", "main"]
        api.execute("default", "web-1", "", "true")
        assert "-c" not in kubectl.notes[-1]["words"][: kubectl.notes[-1]["words"].index("--")]
        with pytest.raises(ApiError, match="exit status 3: gone"):
            api.execute("default", "web-1", "main", "echo gone >&2; exit 3")


def test_a_script_whose_output_has_lost_its_end_is_run_again(tmp_path: Path) -> None:
    with serving(tmp_path) as (api, kubectl):
        (tmp_path / "cut").write_text("2")
        assert api.execute("default", "web-1", "main", "seq 100") == "".join(f"{number}\n" for number in range(1, 101))
        assert len([note for note in kubectl.notes if "words" in note]) == 3
        (tmp_path / "cut").write_text("9")
        with pytest.raises(ApiError, match="the end of what it printed did not arrive, 3 times"):
            api.execute("default", "web-1", "main", "seq 100")


def test_a_script_that_fails_is_not_run_again_and_its_mark_is_no_part_of_the_error(tmp_path: Path) -> None:
    with serving(tmp_path) as (api, kubectl):
        with pytest.raises(ApiError) as raised:
            api.execute("default", "web-1", "main", "echo half; false")
        assert str(raised.value).endswith("exit status 1: half")
        assert len([note for note in kubectl.notes if "words" in note]) == 1


def test_a_proxy_that_fails_is_reported_in_its_own_words(tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho 'error: no such host' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ApiError, match="no such host"), KubectlApi("x", (str(program),)):
        pass
    with pytest.raises(ApiError, match="install kubectl"), KubectlApi("x", (str(tmp_path / "none"),)):
        pass


def test_a_proxy_that_reports_much_still_answers(tmp_path: Path) -> None:
    """Its standard error is a pipe of 64 KiB: once that is full, a proxy whose pipe nobody reads stands still."""
    loud = answer(200, {"items": []}, errors=20_000)
    with serving(tmp_path, loud, timeout=10.0, attempts=1) as (api, _):
        for _ in range(3):
            assert api.get("/api/v1/nodes") == {"items": []}


def test_a_busy_or_restarting_server_gets_the_request_again(tmp_path: Path) -> None:
    for trouble in (THROTTLED, answer(503, "starting"), answer(502, "")):
        folder = tmp_path / str(trouble["status"])
        folder.mkdir()
        with serving(folder, trouble, trouble, OK) as (api, kubectl):
            assert api.get("/api/v1/nodes") == {"items": []}
        assert len(kubectl.requests) == 3


def test_what_no_repeat_mends_is_not_repeated(tmp_path: Path) -> None:
    missing = answer(404, {"kind": "Status", "message": 'pods "web-1" not found'})
    with serving(tmp_path, missing) as (api, kubectl):
        with pytest.raises(ApiError, match='404: pods "web-1" not found'):
            api.get("/x")
        assert len(kubectl.requests) == 1


def test_repeats_end(tmp_path: Path) -> None:
    with serving(tmp_path, THROTTLED, attempts=3) as (api, kubectl):
        with pytest.raises(ApiError, match="Too many requests"):
            api.get("/x")
        assert len(kubectl.requests) == 3


def test_a_throttled_eviction_is_repeated_and_is_no_budgets_word(tmp_path: Path) -> None:
    with serving(tmp_path, THROTTLED, THROTTLED, answer(201, {"status": "Success"})) as (api, kubectl):
        assert Cluster(api, ()).evict(ONE) is True
        assert kubectl.requests == [("POST", "/api/v1/namespaces/default/pods/web-1/eviction")] * 3
    (tmp_path / "always").mkdir()
    with (
        serving(tmp_path / "always", THROTTLED, attempts=2) as (api, _),
        pytest.raises(ApiError, match="Too many requests"),
    ):
        Cluster(api, ()).evict(ONE)


def test_an_eviction_that_a_budget_forbids_is_not_repeated(tmp_path: Path) -> None:
    with serving(tmp_path, BUDGET) as (api, kubectl):
        assert Cluster(api, ()).evict(ONE) is False
        assert len(kubectl.requests) == 1


def test_a_server_that_hangs_costs_one_timeout_not_five(tmp_path: Path) -> None:
    with serving(tmp_path, answer(200, {}, seconds=45), timeout=1.0) as (api, kubectl):
        started = time.monotonic()
        with pytest.raises(ApiError, match="no answer: nothing within"):
            api.get("/x")
        assert len(kubectl.requests) == 1
        with pytest.raises(ApiError, match="no end within"):
            api.execute("default", "web-1", "main", "exec sleep 45")
        assert time.monotonic() - started < 30


@pytest.mark.parametrize("many", [False, True])
def test_a_condition_ends_in_its_time_though_the_server_hangs(tmp_path: Path, *, many: bool) -> None:
    """Also where one assessment makes several requests, some of them in threads."""

    def whole_look() -> Any:
        cluster.observe()
        return met("never")

    def one_object() -> Any:
        api.get("/x")
        return met("never")

    with serving(tmp_path, answer(200, {"items": []}, seconds=1.5 if many else 60)) as (api, _):
        cluster = Cluster(api, ())
        started = time.monotonic()
        with pytest.raises(ConditionTimeout, match="not within 3 s") as caught:
            Waiter(lambda _: None).wait(Condition("answers", whole_look if many else one_object, 3.0))
        assert 2.9 < time.monotonic() - started < 30
        assert "no answer" in caught.value.result.seen


def test_scripts_in_threads_end_with_the_condition(tmp_path: Path) -> None:
    def agents() -> Any:
        concurrently(lambda pod: api.execute("default", pod, "main", "exec sleep 45"), ["a", "b"])
        return met("never")

    with serving(tmp_path) as (api, _):
        started = time.monotonic()
        with pytest.raises(ConditionTimeout, match="no end within"):
            Waiter(lambda _: None).wait(Condition("scripts end", agents, 2.0))
        assert time.monotonic() - started < 30


def test_an_interrupt_of_the_terminal_does_not_reach_the_proxy(tmp_path: Path) -> None:
    """The clean-up after it needs the API."""
    with serving(tmp_path) as (_, kubectl):
        assert os.getpgid(kubectl.notes[0]["pid"]) != os.getpgid(0)


_BESIDE_GRPC = """
import os, subprocess, sys, threading, time
from concurrent import futures
import grpc
from cilium_lab.kube.client import KubectlApi

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: (time.sleep(0.05), b"")[1])

server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Handler(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/b")
for _ in range(3):
    threading.Thread(target=lambda: [call(b"") for _ in range(2000)], daemon=True).start()
call(b"")
for _ in range(5):
    if sys.argv[1] == "fork":
        subprocess.run(["true"], preexec_fn=lambda: None)
    else:
        with KubectlApi("apiVersion: v1", (sys.argv[1],)) as api:
            api.get("/api")
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""


def test_a_program_whose_threads_call_grpc_gets_no_line_about_fork(tmp_path: Path) -> None:
    """As in a preview, where Pulumi's threads run beside the client."""

    def printed(argument: str) -> str:
        words = [sys.executable, "-c", _BESIDE_GRPC, argument]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout + done.stderr

    assert "fork" in printed("fork")  # what a fork prints
    assert printed(str(KubectlStandIn(tmp_path, (OK,)).program)) == ""


def test_the_proxy_ends_with_a_program_that_is_killed(tmp_path: Path) -> None:
    kubectl = KubectlStandIn(tmp_path, (OK,))
    script = (
        "import os, sys\nfrom cilium_lab.kube.client import KubectlApi\n"
        "api = KubectlApi('x', (sys.argv[1],)).__enter__()\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(kubectl.program)], cwd=ROOT, check=False, timeout=60)
    proxy = kubectl.notes[0]["pid"]
    end = time.monotonic() + 10
    while alive(proxy) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(proxy)
