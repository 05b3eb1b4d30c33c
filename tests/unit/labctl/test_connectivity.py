"""`./lab connectivity`: what it hands to Cilium's suite, what it reads from it, and whose namespaces it touches."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from labctl.command import LabError
from labctl.connectivity import command, report
from labctl.connectivity.report import WITHOUT_ENVOY, Result
from labctl.workstation import Workstation

JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" disabled="2" failures="1" time="11.5">
  <testsuite name="connectivity test" tests="4">
    <testcase name="no-policies" classname="connectivity test" status="passed" time="8.5"></testcase>
    <testcase name="client-egress" classname="connectivity test" status="failed" time="3">
      <failure message="client-egress failed" type="failure">pod-to-pod/curl-0: 1 -&gt; 2: curl timed out</failure>
    </testcase>
    <testcase name="client-egress-l7" classname="connectivity test" status="skipped" time="0">
      <skipped message="client-egress-l7 skipped"></skipped>
    </testcase>
    <testcase name="node-to-node-encryption" classname="connectivity test" status="skipped" time="0">
      <skipped message="x"></skipped>
    </testcase>
  </testsuite>
</testsuites>
"""
PRINTED = (
    "  [-] Scenario [no-policies/pod-to-pod]",
    "[=] [cilium-lab-connectivity-1] Test [no-policies] [1/4]",
    "[=] [cilium-lab-connectivity-1] Skipping test [client-egress-l7] [3/4] (skipped by user)",
    "[=] [cilium-test-1] Skipping test [node-to-node-encryption] [4/4] (Feature encryption-pod is disabled)",
)
IMAGES = {"connectivity_client": "lab/tools:1", "connectivity_echo": "lab/echo:1"}


def test_every_test_has_its_outcome_and_each_that_did_not_run_its_reason() -> None:
    assert report.results(JUNIT, PRINTED, WITHOUT_ENVOY) == [
        Result("no-policies", "passed", 8.5),
        Result("client-egress", "failed", 3.0, "pod-to-pod/curl-0: 1 -> 2: curl timed out"),
        Result("client-egress-l7", "skipped", 0.0, WITHOUT_ENVOY[0].why),
        Result("node-to-node-encryption", "skipped", 0.0, "Feature encryption-pod is disabled"),
    ]


def test_what_the_user_did_not_choose_is_told_as_that() -> None:
    found = report.results(JUNIT, PRINTED, ())
    assert found[2].said == "not chosen"


def test_the_text_names_failures_reasons_and_sums() -> None:
    text = report.text(report.results(JUNIT, PRINTED, WITHOUT_ENVOY))
    assert "FAILED client-egress\n  pod-to-pod/curl-0: 1 -> 2: curl timed out" in text
    assert f"  {WITHOUT_ENVOY[0].why}: client-egress-l7" in text
    assert text.endswith("2 of 4 tests ran in 12 s: 1 passed, 1 failed; 2 not run")


@pytest.mark.parametrize(
    ("junit", "why"),
    [
        ("", "no JUnit file"),
        ("<testsuites/>", "no test ran"),
        ('<testsuites><testcase name="a"><skipped/></testcase></testsuites>', "no test ran"),
    ],
)
def test_a_suite_that_judged_nothing_is_no_success(junit: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        report.results(junit, (), ())


def test_progress_is_read_from_the_line_that_begins_a_test() -> None:
    assert [report.begun(line) for line in PRINTED] == [None, ("no-policies", 1, 4), None, None]
    assert command.progress(("no-policies", 2, 6), 125.0) == "  2:05  2 of 6, no-policies; about 4 min left"


def test_the_outside_of_the_suite_is_the_router() -> None:
    words = command.words(IMAGES, ["10.10.1.200", "10.10.2.200"], ["dns"], WITHOUT_ENVOY)
    assert words[:2] == ["outside=10.10.1.200", "farther=10.10.2.200"]
    options = dict(zip(words[2:-1:2], words[3::2], strict=False))
    assert options["--external-cidr"] == "10.10.0.0/22"
    assert (options["--external-ip"], options["--external-other-ip"]) == ("10.10.1.200", "10.10.2.200")
    assert (options["--curl-image"], options["--json-mock-image"]) == ("lab/tools:1", "lab/echo:1")
    assert words[-4:] == ["--test", "dns", "--test", f"!{WITHOUT_ENVOY[0].pattern}"]


# --- the script on the control plane, with programs that record how they are called

KUBECTL = """#!/bin/bash
echo "kubectl $*" >> calls
case "$*" in
"get namespace -l "*) echo "$MINE" ;;
"get namespace "*) case " $THERE " in *" $3 "*) echo "namespace/$3" ;; esac ;;
*image*) echo coredns:1 ;;
*clusterIP*) echo 10.96.0.7 ;;
esac
[ "$1" != apply ] || cat >> calls
"""
CILIUM = """#!/bin/bash
echo "cilium $*" >> calls
exit "${STATUS:-0}"
"""
MINE = "app.kubernetes.io/managed-by=cilium-lab-connectivity"


def run_suite(folder: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    for name, text in {"kubectl": KUBECTL, "cilium": CILIUM}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    script = Path(command.__file__).with_name("suite.sh")
    whole: Mapping[str, str] = {"PATH": f"{folder}:/usr/bin:/bin", "MINE": "", "THERE": "", **environment}
    words = ["bash", script, "outside=10.10.1.200", "farther=10.10.2.200", "--test", "dns"]
    done = subprocess.run(words, cwd=folder, env=whole, capture_output=True, text=True)
    return done, (folder / "calls").read_text().splitlines()


def test_the_suite_runs_between_two_cleanings(tmp_path: Path) -> None:
    done, calls = run_suite(tmp_path)
    assert done.returncode == 0, done.stderr
    removed = [number for number, call in enumerate(calls) if call.startswith("kubectl delete namespace -l")]
    (suite,) = (number for number, call in enumerate(calls) if call.startswith("cilium connectivity test"))
    assert removed[0] < suite < removed[-1]
    assert "--dns-test-server-image coredns:1 --hubble-server 10.96.0.7:80" in calls[suite]
    assert "--external-target outside.cilium-lab-outside.svc.cluster.local." in calls[suite]
    assert 'endpoints: [{addresses: ["10.10.2.200"]}]' in calls


def test_namespaces_go_also_when_the_suite_fails(tmp_path: Path) -> None:
    done, calls = run_suite(tmp_path, STATUS="1")
    assert done.returncode == 1
    assert calls[-1] == f"kubectl delete namespace -l {MINE} --ignore-not-found --timeout=180s"


@pytest.mark.parametrize("name", ["cilium-lab-outside", "cilium-lab-connectivity-1"])
def test_a_namespace_of_somebody_elses_is_left_alone(tmp_path: Path, name: str) -> None:
    done, calls = run_suite(tmp_path, THERE=name)
    assert done.returncode == 1
    assert f"expected: no namespace {name}" in done.stderr
    assert all(call.startswith("kubectl get") for call in calls)


def test_what_an_interrupted_run_has_left_is_no_obstacle(tmp_path: Path) -> None:
    name = "cilium-lab-connectivity-1"
    done, _calls = run_suite(tmp_path, THERE=name, MINE=name)
    assert done.returncode == 0, done.stderr


# --- the command, with hosts that are folders


SSH = """#!/bin/bash
host=$5 line=$6
echo "$host: ${line:0:60}" >> calls
case $line in
*is-active*) echo "${RUNNING:-inactive}" ;;
*"cat /run/"*) [ ! -e report ] || cat report; rm -f report ;;
*systemd-run*) cat > /dev/null; rm -f report; [ -z "$WRITES" ] || cp junit report; echo said; exit "${STATUS:-0}" ;;
*) cat > /dev/null ;;
esac
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab whose hosts an ssh stands for; an earlier run has left its report there."""
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "junit").write_text(
        JUNIT.replace("failed", "passed").replace("<failure", "<x").replace("/failure", "/x")
    )
    (tmp_path / "report").write_text(JUNIT)
    want = {
        "router": "router",
        "control_plane": "k8s-cp",
        "router_addresses": ["172.31.1.20", "10.10.1.2", "10.10.2.2"],
    }
    (tmp_path / "expectation.json").write_text(json.dumps(want))
    session = Workstation("lab")
    session.folder = tmp_path
    monkeypatch.setattr(Workstation, "__enter__", lambda _self: session)
    monkeypatch.setattr(Workstation, "__exit__", lambda *_: None)
    monkeypatch.setattr(Workstation, "refresh", lambda _self: {"images": IMAGES})
    monkeypatch.setattr(Workstation, "kubectl", lambda _self, *_words: {"items": []})
    monkeypatch.setattr(command, "find", lambda _name: session)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_suite_wrote_is_shown(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WRITES", "1")
    assert command.connectivity(["--json", "--junit", "out.xml"]) == 0
    assert [one["outcome"] for one in json.loads(capsys.readouterr().out)] == ["passed", "passed", "skipped", "skipped"]
    assert (lab / "out.xml").exists()
    assert (lab / "calls").read_text().splitlines()[-1].startswith('router: bash -c "$(cat)" outside.sh stop')


def test_an_earlier_run_s_report_does_not_stand_for_one_that_wrote_none(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS", "1")
    with pytest.raises(LabError, match="no JUnit file"):
        command.connectivity([])


def test_a_suite_that_ended_badly_without_a_failed_test_is_no_success(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS", "1")
    monkeypatch.setenv("WRITES", "1")
    with pytest.raises(LabError, match="exit status 1 without a failed test"):
        command.connectivity([])


def test_a_second_suite_at_the_same_time_is_refused_before_anything(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNING", "active")
    with pytest.raises(LabError, match="no other suite on this lab"):
        command.connectivity([])
    assert len((lab / "calls").read_text().splitlines()) == 1


def test_a_folder_that_is_not_there_is_told_before_the_suite_runs(lab: Path) -> None:
    with pytest.raises(LabError, match=r"a folder for out/x\.xml"):
        command.connectivity(["--junit", "out/x.xml"])
    assert not (lab / "calls").exists()
