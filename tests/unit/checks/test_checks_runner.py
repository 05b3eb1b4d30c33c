"""The list of checks, the runner that polls them, and the commands that they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.checks.catalogue import catalogue
from cilium_lab.checks.check import Check, Result, failed, passed
from cilium_lab.checks.context import CommandError, ShellContext
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.runner import run_checks
from tests.helpers.fake_lab import (
    WANT,
    FakeLab,
)


def test_the_list_holds_what_applies() -> None:
    names = [check.name for check in catalogue(WANT)]
    assert len(names) == len(set(names)) == 20
    bare = replace(WANT, ipam_mode="cluster-pool", hubble=False, storage_class=None, prometheus_port=None, pages={})
    assert set(names) - {check.name for check in catalogue(bare)} == {
        "CiliumNode and Node agree",
        "Hubble shows the flows",
        "claim bound, written and removed",
        "Prometheus scrapes Cilium",
        "further pages answer",
    }


@dataclass
class Clock:
    now: float = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(*checks: Check) -> tuple[Any, list[str], Clock]:
    clock, told = Clock(), list[str]()
    summary = run_checks(checks, FakeLab(), tell=told.append, clock=clock.read, sleep=clock.sleep)
    return summary, told, clock


def after(looks: int) -> Callable[[Any], Result]:
    left = [failed(expected="yes", seen="no", hint="wait")] * looks
    return lambda _context: left.pop() if left else passed("yes")


def never(_context: Any) -> Result:
    return failed(expected="it", seen="nothing", hint="the log")


def test_the_runner_polls_until_a_condition_holds() -> None:
    summary, told, clock = run(Check("late", after(3)), Check("at once", after(0)))
    assert summary.ok
    assert clock.now == 3.0
    assert [line.split()[0] for line in told] == ["ok", "ok"]


def test_the_runner_gives_up_at_the_limit_and_looks_at_the_rest_once() -> None:
    summary, told, clock = run(Check("first", never, 10.0), Check("second", never, 500.0), Check("third", after(0)))
    assert not summary.ok
    assert clock.now == 10.0
    assert [outcome.result.ok for outcome in summary.outcomes] == [False, False, True]
    assert "nothing" in told[0]
    assert "expected: it" in told[0]
    assert "the log" in told[0]
    assert summary.table().splitlines()[-1].startswith("1 of 3 checks hold")


def test_no_checks_are_not_a_healthy_lab() -> None:
    assert not run()[0].ok


@pytest.mark.parametrize("error", [CommandError("no route to host"), KeyError("items"), ValueError("not JSON")])
def test_a_broken_answer_is_a_condition_that_does_not_hold_yet(error: Exception) -> None:
    def broken(_context: Any) -> Result:
        raise error

    summary, told, _ = run(Check("broken", broken, 2.0))
    assert not summary.ok
    assert str(error.args[0]) in told[0]


def test_expectations_survive_their_json() -> None:
    assert Expectation.from_json(WANT.to_json()) == WANT
    with pytest.raises((TypeError, KeyError)):
        Expectation.from_json("{}")


@pytest.fixture
def shell(tmp_path: Path) -> ShellContext:
    program = tmp_path / "kubectl"
    program.write_text(
        '#!/bin/sh\ncase $1 in env) echo "$KUBECONFIG";; cat) cat;; slow) exec sleep 5;;\n'
        '*) echo "no $1" >&2; exit 3;; esac\n'
    )
    program.chmod(0o755)
    return ShellContext(tmp_path / "config", tmp_path / "ssh", kubectl_program=str(program), timeout=0.5)


def test_commands_get_kubeconfig_and_input(shell: ShellContext) -> None:
    assert shell.kubectl("env").strip() == str(shell.kubeconfig)
    assert shell.kubectl("cat", stdin="words") == "words"


def test_a_prefix_goes_before_the_command(shell: ShellContext) -> None:
    assert replace(shell, prefix=("env", "KUBECONFIG=other")).kubectl("env").strip() == "other"


@pytest.mark.parametrize(
    ("argument", "words"), [("bad", "ended with 3: no bad"), ("slow", "did not end within"), ("", "ended with 3")]
)
def test_a_command_that_fails_says_which_and_why(shell: ShellContext, argument: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        shell.kubectl(argument)


def test_a_command_that_is_not_there_is_told(shell: ShellContext) -> None:
    with pytest.raises(CommandError, match="cannot be started"):
        replace(shell, kubectl_program="/nonexistent/kubectl").kubectl("get")
