"""The list of checks, the runner that polls them, and the commands that they run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event

import pytest

from cilium_lab.checks.catalogue import catalogue
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.runner import Check, Summary, run_checks
from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.conditions import Clock, Result, met, unmet
from cilium_lab.kube.ssh import HostError, Ssh
from tests.helpers.fake_lab import WANT, FakeLab
from tests.helpers.kubectl_stand_in import KubectlStandIn, answer


def test_the_list_holds_what_applies() -> None:
    names = [check.name for check in catalogue(WANT, FakeLab())]
    assert len(names) == len(set(names)) == 29
    bare = replace(WANT, ipam_mode="cluster-pool", hubble=False, storage_class=None, prometheus_port=None, pages={})
    assert set(names) - {check.name for check in catalogue(bare, FakeLab())} == {
        "CiliumNode and Node agree",
        "Hubble's relay reaches every node",
        "Hubble shows the flows",
        "claim bound, written and removed",
        "Prometheus scrapes Cilium",
        "further pages answer",
    }


class Time(Clock):
    """Passes only while the runner pauses."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(now=lambda: self.passed, sleep=self._pass)

    def _pass(self, seconds: float) -> None:
        self.passed += seconds


def run(*checks: Check) -> tuple[Summary, list[str], Time]:
    clock, told = Time(), list[str]()
    summary = run_checks(checks, tell=told.append, clock=clock)
    return summary, told, clock


def after(looks: int) -> Callable[[], Result]:
    left = [unmet(expected="yes", seen="no", next="wait")] * looks
    return lambda: left.pop() if left else met("yes")


def never() -> Result:
    return unmet(expected="it", seen="nothing", next="the log")


def test_the_runner_polls_until_a_condition_holds() -> None:
    summary, told, clock = run(Check("late", after(3)), Check("at once", after(0)))
    assert summary.ok
    assert clock.passed == 3.0
    assert [line.split()[0] for line in told] == ["ok", "ok"]


def test_the_runner_gives_up_at_the_limit_and_looks_at_the_rest_once() -> None:
    summary, told, clock = run(Check("first", never, 10.0), Check("second", never, 500.0), Check("third", after(0)))
    assert not summary.ok
    assert clock.passed == 10.0
    assert [outcome.result.ok for outcome in summary.outcomes] == [False, False, True]
    assert "nothing" in told[0]
    assert "expected: it" in told[0]
    assert "the log" in told[0]
    assert str(summary).startswith("1 of 3 checks hold, 10.0 s")


def test_checks_are_assessed_at_the_same_time_and_told_in_order() -> None:
    both, second = Barrier(2), Event()

    def slow() -> Result:
        both.wait(10.0)
        assert second.wait(10.0)
        return met("slow")

    def quick() -> Result:
        both.wait(10.0)
        second.set()
        return met("quick")

    summary, told, _ = run(Check("first", slow), Check("second", quick))
    assert summary.ok
    assert [line.split()[-1] for line in told] == ["slow", "quick"]


def test_checks_of_one_lane_are_never_assessed_at_the_same_time() -> None:
    inside: list[str] = []
    most: list[int] = []

    def one() -> Result:
        inside.append("in")
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return met("yes")

    assert run(*(Check(f"check {number}", one, lane="flows") for number in range(4)))[0].ok
    assert most == [1, 1, 1, 1]


def test_what_comes_behind_a_late_check_is_assessed_again() -> None:
    """What it saw while that one did not hold yet does not count."""
    ready = after(2)
    state = {"ready": False}

    def late() -> Result:
        result = ready()
        state["ready"] = result.ok
        return result

    def behind() -> Result:
        return met(f"ready {state['ready']}")

    summary, told, _ = run(Check("late", late), Check("behind", behind))
    assert summary.ok
    assert told[1].endswith("behind: ready True")


def test_no_check_is_begun_behind_one_that_does_not_hold_yet() -> None:
    begun: list[str] = []
    ready = after(1)

    def late() -> Result:
        begun.append("late")
        return ready()

    def behind() -> Result:
        begun.append("behind")
        return met("yes")

    assert run(Check("late", late, lane="flows"), Check("behind", behind, lane="flows"))[0].ok
    assert begun == ["late", "late", "behind"]


def test_a_check_that_took_all_its_time_is_not_assessed_again() -> None:
    clock, looks = Time(), list[str]()

    def long() -> Result:
        looks.append("look")
        clock.sleep(30.0)
        return never()

    summary = run_checks([Check("long", long, 30.0)], tell=looks.append, clock=clock)
    assert (looks[0], len(looks)) == ("look", 2)
    assert str(summary) == "0 of 1 checks hold, 30.0 s"


def test_no_checks_are_not_a_healthy_lab() -> None:
    assert not run()[0].ok


@pytest.mark.parametrize(
    "error",
    [ApiError("GET it", 0, "no route"), HostError("k8s-w1: no route"), KeyError("items"), ValueError("not JSON")],
)
def test_a_broken_answer_is_a_condition_that_does_not_hold_yet(error: Exception) -> None:
    def broken() -> Result:
        raise error

    summary, told, _ = run(Check("broken", broken, 2.0))
    assert not summary.ok
    assert str(error.args[0]) in told[0]


def test_expectations_survive_their_json() -> None:
    assert Expectation.from_json(WANT.to_json()) == WANT
    with pytest.raises((TypeError, KeyError)):
        Expectation.from_json("{}")


# --- with the real client and the real ssh, which run stand-ins


def test_a_lab_that_is_not_right_is_reported_check_by_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server without objects, and hosts that refuse."""
    kubectl = KubectlStandIn(tmp_path, [answer(200, {"items": []})])
    (tmp_path / "ssh").write_text("#!/bin/sh\necho refused >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told: list[str] = []
    bare = replace(WANT, hubble=False, storage_class=None, prometheus_port=None, pages={})
    with KubectlApi("{}", [str(kubectl.program)], attempts=1) as api:
        listed = [replace(check, timeout=2.0) for check in catalogue(bare, Lab(api, Ssh(tmp_path / "ssh-config")))]
        summary = run_checks(listed, tell=told.append, clock=Clock(sleep=lambda _seconds: None))
    assert not summary.ok
    lines = [re.sub(r" +\d+\.\d s", " SECONDS", line) for line in "\n".join(told).splitlines()]
    refused = ", ".join(WANT.hosts)
    assert lines[:3] == [
        f"FAIL SECONDS  hosts answer ssh: {'; '.join(f'{host}: exit status 255: refused' for host in WANT.hosts)}",
        f"                expected: {refused} answer `hostname` with their name",
        "                next: is the machine running, and does the ssh config name its address and host key?",
    ]
    assert "FAIL SECONDS  nodes ready at version and address: no nodes" in lines
    assert "ok SECONDS  no kube-proxy: none among 0 pods and DaemonSets" in lines
    assert str(summary).startswith("1 of 24 checks hold")
    assert all(method == "GET" for method, _path in kubectl.requests)


def main(tmp_path: Path, *names: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The program on an API server without objects, and hosts that refuse."""
    KubectlStandIn(tmp_path, [answer(200, {"items": []})])
    (tmp_path / "ssh").write_text("#!/bin/sh\necho refused >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    files = {"expectation": WANT.to_json(), "kubeconfig": "{}", "ssh-config": ""}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words = [sys.executable, "-m", "cilium_lab.checks", *options, "--", *(tmp_path / name for name in files), *names]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    return subprocess.run(words, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True)


def test_one_check_by_a_word_of_its_name_as_a_document(tmp_path: Path) -> None:
    done = main(tmp_path, "KUBE-PROXY", options=("--json",))
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    (check,) = document["checks"]
    assert document["ok"]
    assert (check["name"], check["ok"]) == ("no kube-proxy", True)
    assert check["seen"] == "none among 0 pods and DaemonSets"


def test_the_names_alone_and_nothing_is_run(tmp_path: Path) -> None:
    done = main(tmp_path, "pod cidr", "hubble", options=("--list",))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "each node has its own pod CIDR",
        "pod addresses lie in their node's pod CIDR",
        "every pod has a route, and every other node's pod CIDR",
        "Hubble's relay reaches every node",
        "Hubble shows the flows",
    ]


def test_a_word_of_no_check_is_refused_with_the_names(tmp_path: Path) -> None:
    done = main(tmp_path, "hubble", "nothing like it")
    assert (done.returncode, done.stdout) == (2, "")
    assert "seen: 'nothing like it'" in done.stderr
    assert "Hubble shows the flows" in done.stderr


def test_without_kubectl_the_next_step_is_named(tmp_path: Path) -> None:
    files = {"expectation": WANT.to_json(), "kubeconfig": "{}", "ssh-config": ""}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words = [sys.executable, "-m", "cilium_lab.checks", *(tmp_path / name for name in files)]
    root = Path(__file__).parents[3]
    done = subprocess.run(words, cwd=root, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "next: install kubectl" in done.stderr
