"""The table of the study's commands: complete, safe and bounded; and what becomes of each on a lab."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cilium_lab.checks.expectation import Expectation
from cilium_lab.kube.ssh import HostError
from cilium_lab.study import running
from cilium_lab.study.command import HOSTS, Command, Section, patterns
from cilium_lab.study.commands import SECTIONS
from cilium_lab.study.running import Outcome, run, script, sections, strange_hosts, to_json
from tests.helpers.fake_lab import WANT
from tools.study_table import study_table

ROOT = Path(__file__).parents[3]
EVERY = [(section.title, command) for section in SECTIONS for command in section.commands]
POOLED = replace(WANT, ipam_mode="cluster-pool", pod_ranges=("192.168.0.0/16", "172.20.0.0/16"))
_CHANGING = re.compile(
    r"\b(?:apply|create|delete|patch|taint|restart|upgrade|install|cordon|drain|edit|scale|label|annotate)\b"
    r"|\bip (?:link|route|addr) (?:add|del)|modprobe|sysctl \S+=|systemctl|(?<![0-9&])> */(?!dev/null)"
)


def test_what_does_not_run_as_the_study_types_it_has_a_reason() -> None:
    assert len({section.title for section in SECTIONS}) == len(SECTIONS)
    for _, command in EVERY:
        assert command.host in HOSTS
        assert command.shows
        if not command.script or command.instead:
            assert command.why, command.typed
        assert not (command.instead and not command.expect), command.typed


@pytest.mark.parametrize("want", [WANT, POOLED])
def test_every_expectation_is_a_pattern_that_an_empty_answer_does_not_meet(want: Expectation) -> None:
    for _, command in EVERY:
        for pattern in patterns(command, want):
            assert "<pod" not in pattern
            assert not re.search(pattern, "", re.MULTILINE), pattern


def test_nothing_that_runs_changes_the_lab_or_goes_on_for_ever() -> None:
    for _, command in EVERY:
        assert not _CHANGING.search(command.script), command.script
        assert "while true" not in command.script
        assert not re.search(r"\bhubble observe -f\b", command.script)
        if re.search(r"\btcpdump\b", command.script):
            assert re.search(r"timeout \d+ tcpdump .* -c \d+", command.script), command.script
    assert _CHANGING.search("kubectl delete pod curl-pod")
    assert _CHANGING.search("echo x > /tmp/file")


def test_values_follow_the_lab() -> None:
    command = Command("ip route", "routes", (r"^<pod>/<mask> via", r"<mode>"))
    assert re.search(patterns(command, WANT)[0], "192.168.7.0/24 via")
    assert not re.search(patterns(command, POOLED)[0], "192.168.7.0/24 via")
    assert re.search(patterns(command, POOLED)[0], "172.20.7.0/24 via")
    assert patterns(command, POOLED)[1] == r"cluster\-pool"
    with pytest.raises(KeyError):
        patterns(replace(command, expect=("<unknown>",)), WANT)


def outcome(command: Command, answer: str | HostError, want: Expectation = WANT) -> Outcome:
    def shell(host: str, script: str) -> str:
        assert host == command.host
        assert command.script in script.replace("'\"'\"'", "'")
        if isinstance(answer, HostError):
            raise answer
        return answer

    told: list[str] = []
    (found,) = run([Section("Title", (command,))], want, shell, told.append).outcomes
    assert told == ["\nTitle\n", str(found)]
    return found


def said(text: str, status: int = 0) -> str:
    return f"{text}=====study====={status}\n"


PLAIN = Command("kubectl get po", "pods", ("^one$", "^two$"))


def test_a_command_holds_if_every_expectation_is_met() -> None:
    found = outcome(PLAIN, said("one\ntwo\n"))
    assert (found.ok, found.output, found.missing) == (True, "one\ntwo", ())
    assert "ok: pods" in str(found)


def test_colours_are_left_out() -> None:
    found = outcome(PLAIN, said("\x1b[35mone\x1b[0m\n\x1b[1;36mtwo\x1b[0m\n"))
    assert (found.ok, found.output) == (True, "one\ntwo")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (said("one\n"), "expected: ^two$"),
        (said("one\ntwo\n", 1), "exit status 1"),
        (said("one\ntwo\n", 124), "exit status 124"),
        (HostError("k8s-cp: no end within 30 s"), "no end within 30 s"),
    ],
)
def test_a_command_differs(answer: str | HostError, word: str) -> None:
    found = outcome(PLAIN, answer)
    assert found.ok is False
    assert "DIFFERS" in str(found)
    assert word in str(found)


def test_what_does_not_run_says_why() -> None:
    def refuse(host: str, script: str) -> str:
        raise AssertionError(f"nothing may run on {host}: {script}")

    for command, word in (
        (replace(PLAIN, expect=(), why="it changes the lab"), "it changes the lab"),
        (replace(PLAIN, mode="cluster-pool"), "belongs to the IPAM mode cluster-pool"),
    ):
        (found,) = run([Section("Title", (command,))], WANT, refuse, lambda _line: None).outcomes
        assert found.ok is None
        assert word in str(found)
    lacks = outcome(replace(PLAIN, needs="cilium"), said("", 90))
    assert (lacks.ok, lacks.why) == (None, "k8s-cp has no `cilium`: its artifacts lack it")


def test_a_summary_is_good_only_if_something_ran_and_nothing_differs() -> None:
    def summary(*results: bool | None) -> running.Summary:
        return running.Summary(tuple(Outcome("Title", PLAIN, ok, "") for ok in results))

    assert summary(True, None).ok
    assert not summary(None).ok
    assert not summary(True, False).ok
    assert str(summary(True, False, None)) == "1 of 2 commands show what the study shows, 1 are not run"
    assert to_json(summary(True, None))["ok"] is True


def test_long_output_is_cut_where_a_person_reads_it() -> None:
    found = outcome(PLAIN, said("one\ntwo\n" + "more\n" * 20))
    assert str(found).count("| more") == 10
    assert "| ... 10 more lines" in str(found)
    assert found.output.count("more") == 20


@pytest.fixture
def login(tmp_path: Path) -> Callable[[Command], str]:
    """Runs a command's script in a login that has an alias, with a folder for temporary files of its own."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    (home / ".bash_profile").write_text(f"alias k='echo kubectl'\nPATH={tmp_path}:$PATH\n")

    def run_script(command: Command) -> str:
        environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
        done = subprocess.run(
            ["sh", "-s"], input=script(command), capture_output=True, text=True, env=environment, timeout=20, check=True
        )
        assert list(temporary.iterdir()) == []
        return done.stdout

    return run_script


def test_aliases_of_a_login_work_quotes_stay_and_no_file_does(login: Callable[[Command], str]) -> None:
    typed = Command("k get 'a b' \"$(echo c)\"; echo words > $TMPDIR/file; cat $XDG_CACHE_HOME/file; cat", "it", ("x",))
    assert login(typed) == said("kubectl get a b c\nwords\n")


def test_a_command_ends_with_its_time_and_its_status_is_told(login: Callable[[Command], str]) -> None:
    assert login(Command("echo so far; sleep 9", "it", ("x",), limit=1)) == said("so far\n", 124)
    assert login(Command("echo wrong >&2; exit 3", "it", ("x",))) == said("wrong\n", 3)


def test_a_program_that_the_host_lacks_is_told(login: Callable[[Command], str]) -> None:
    assert login(Command("surely-not-here view", "it", ("x",), needs="surely-not-here")) == said("", 90)
    assert login(Command("echo here", "it", ("x",), needs="cat")) == said("here\n")


def test_hosts_of_another_name_or_address_are_told() -> None:
    assert strange_hosts(WANT) == []
    moved = replace(WANT, nodes={**WANT.nodes, "k8s-w1": "172.31.1.99"}, router="gateway")
    assert strange_hosts(moved) == ["k8s-w1 at 172.31.1.11", "router at 172.31.1.20"]


def test_sections_go_by_words_of_their_titles() -> None:
    assert sections(()) == SECTIONS
    assert [section.title for section in sections(["HUBBLE", "routing"])] == ["Hubble", "Routing"]
    with pytest.raises(KeyError, match="nothing like it"):
        sections(["hubble", "nothing like it"])


def program(tmp_path: Path, want: Expectation, *words: str) -> subprocess.CompletedProcess[str]:
    """The program with hosts whose every command prints a webpod's name."""
    answer = "Hostname: webpod-1\\n=====study=====0\\n"
    (tmp_path / "ssh").write_text(f"#!/bin/sh\ncat > /dev/null\nprintf '{answer}'\n")
    (tmp_path / "ssh").chmod(0o755)
    for name, text in {"expectation": want.to_json(), "ssh-config": ""}.items():
        (tmp_path / name).write_text(text)
    files = (tmp_path / "expectation", tmp_path / "ssh-config")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = [sys.executable, "-m", "cilium_lab.study", "--", *files, *(word for word in words if word[0] != "-")]
    line[3:3] = [word for word in words if word[0] == "-"]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_program_tells_each_command_and_ends_with_1_where_one_differs(tmp_path: Path) -> None:
    done = program(tmp_path, WANT, "sample application", "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] is False
    by_command = {one["typed"]: one for one in document["commands"]}
    assert by_command["kubectl exec -it curl-pod -- curl webpod | grep Hostname"]["ok"] is True
    assert by_command["kubectl get endpointslices -l app=webpod"]["ok"] is False
    assert by_command["cat << EOF | kubectl apply -f -"]["ok"] is None


def test_the_program_refuses_other_hosts_and_unknown_sections(tmp_path: Path) -> None:
    done = program(tmp_path, WANT, "nothing like it")
    assert done.returncode == 2
    assert "seen: 'nothing like it'" in done.stderr
    assert "Masquerading" in done.stderr
    done = program(tmp_path, replace(WANT, router="gateway"))
    assert done.returncode == 1
    assert "seen: no router at 172.31.1.20" in done.stderr
    done = program(tmp_path, replace(WANT, kubernetes_range=""))
    assert "an earlier version" in done.stderr


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/study.md").read_text() == study_table(), "python3 -m tools.study_table > docs/study.md"
