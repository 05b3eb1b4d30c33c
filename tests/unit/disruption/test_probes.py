"""The probes: what each source requests, what runs on hosts, and the record that they write to."""

from __future__ import annotations

import datetime
import json
import subprocess
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cilium_lab.config.load import parse
from cilium_lab.disruption.record import DONE, Kind, RunDirectory, finished, read_record
from cilium_lab.disruption.stages import Name, Stage
from cilium_lab.disruption.targets import POD, UNIT, Hosts, Service, parse_hosts, prober, start, targets
from cilium_lab.disruption.thresholds import THRESHOLDS
from components.workloads.probe import ECHO_PORT, PAGES_PORT, probe_manifests

NODES = {"k8s-cp": "172.31.1.10", "k8s-w1": "172.31.1.11", "k8s-w2": "172.31.1.12"}
HOSTS = Hosts(NODES, ("k8s-cp", "k8s-w1"), "router", "172.31.1.20", "10.10.1.200", "secret", "known")
SERVICE = Service("10.97.0.1", PAGES_PORT, ECHO_PORT, 31234, "10.96.0.10")
LINES = """\
{"probe":"service","at":100.5,"event":"begins","why":"http:10.97.0.1:8080@50"}
{"probe":"service","second":100,"sent":2,"failed":0,"latency_ms":[1,3],"outage_ms":20}
"""


def rates(words: tuple[str, ...], kind: str) -> float:
    return sum(float(word.rpartition("@")[2]) for word in words if word.partition("=")[2].startswith(kind))


def test_a_hundred_requests_a_second_and_more_from_inside_and_from_the_router() -> None:
    requested = targets(HOSTS, SERVICE)
    assert set(requested) == {"router", "k8s-cp", "k8s-w1", POD}
    assert sum(rates(requested[source], "http:10.97.0.1:") for source in ("k8s-cp", "k8s-w1", POD)) >= 100
    assert rates(requested["router"], "http") >= 100
    assert {word.split(":")[1] for word in requested["router"]} == set(NODES.values())
    assert rates(requested[POD], "tcp") == rates(requested[POD], "udp") == 100
    assert rates(requested[POD], "dns") > 0
    assert any("http:10.10.1.200:80@" in word for word in requested[POD])


@given(st.integers(10, 200))
def test_every_rate_leaves_some_requests_over(rate: int) -> None:
    """Enough are sent, though a source that moves or waits leaves some out; and no more than are of use."""
    requested = targets(replace(HOSTS, rate=rate), SERVICE)
    inside = [rates(requested[source], "http:10.97.0.1:") for source in ("k8s-cp", "k8s-w1", POD)]
    assert 1.5 * rate <= sum(inside) <= 1.5 * rate + 3
    assert 1.2 * rate <= rates(requested["router"], "http") <= 1.2 * rate + 3
    assert rates(requested[POD], "tcp") == rates(requested[POD], "udp") == rate


def test_a_stack_that_sets_no_rate_has_that_of_the_thresholds() -> None:
    assert parse({}).migration.probe_rate == HOSTS.rate == THRESHOLDS.rate


def test_hosts_travel_through_a_document_and_do_not_tell_the_key() -> None:
    assert parse_hosts(json.loads(json.dumps(HOSTS.render()))) == HOSTS
    assert "secret" not in repr(HOSTS)


def test_a_unit_that_runs_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "systemd-run").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/started\n')
    (tmp_path / "mkdir").write_text("#!/bin/sh\n")
    (tmp_path / "probe").write_text("#!/bin/sh\n")
    for program in tmp_path.iterdir():
        program.chmod(0o755)

    def run() -> str:
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(
            ["sh", "-s"], input=start("router", ("a=http:h:1@5",)), text=True, capture_output=True, env=path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run() == "runs already\n"
    assert not (tmp_path / "started").exists()
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 3\n")
    assert run() == "started\n"
    words = (tmp_path / "started").read_text().split()
    assert words[:6] == ["-q", "--unit", UNIT, "--collect", "-p", "Nice=-15"]
    assert words[6:10] == [str(tmp_path / "probe"), "run", "-for", "20m"]
    assert words[10:] == ["-out", "/var/lib/cilium-lab/probe/host-router.jsonl", "a=http:h:1@5"]


def test_the_probed_workload_keeps_answering_while_a_node_is_drained() -> None:
    deployment, service, budget = probe_manifests()
    spec = deployment["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    labels = spec["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    assert container["lifecycle"]["preStop"]["httpGet"]["path"] == "/leave"
    assert pod["terminationGracePeriodSeconds"] > float(container["args"][-1].removesuffix("s")) > 0
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert {(port["protocol"], port["port"]) for port in service["spec"]["ports"]} == {
        ("TCP", PAGES_PORT),
        ("TCP", ECHO_PORT),
        ("UDP", ECHO_PORT),
    }


def test_a_forgotten_prober_ends_and_a_moved_one_overlaps_with_its_successor() -> None:
    spec = prober(("a=http:h:1@5",), "2026-01-01T00:20:00Z")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert container["args"][:3] == ["run", "-until", "2026-01-01T00:20:00Z"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


class Times:
    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        self.now += datetime.timedelta(seconds=1.5)
        return self.now


def test_a_record_is_kept_line_by_line(tmp_path: Path) -> None:
    directory = RunDirectory.new(tmp_path, Kind.STAGED, now=Times())
    directory.change("kubernetes", "cluster-pool", ["MTU unset -> 1400"])
    directory.event(Stage.MOVE_NODE, "k8s-w1", Name.BEGINS, 0.0, "why")
    directory.addresses("before", {"k8s-w1": {}})
    directory.lines("pod", LINES)
    assert directory.path.name == "20260101T100001.500Z"
    assert not finished(tmp_path)
    directory.change("cluster-pool", "kubernetes")  # reversed: it still came from where it began
    directory.addresses("before", {})
    directory.addresses("after", {"k8s-w2": {}})
    directory.end(DONE)
    assert directory.run == {
        "kind": "staged",
        "from": "kubernetes",
        "to": "kubernetes",
        "reasons": ["MTU unset -> 1400"],
        "begun": "2026-01-01T10:00:01.500Z",
        "ended": "2026-01-01T10:00:04.500Z",
        "outcome": "done",
    }
    events = [json.loads(line) for line in (directory.path / "events.jsonl").read_text().splitlines()]
    assert [(event["time"], event["stage"], event["node"], event["what"], event["detail"]) for event in events] == [
        ("2026-01-01T10:00:03.000Z", "4 move-node", "k8s-w1", "begins", "why")
    ]
    assert json.loads((directory.path / "addresses.json").read_text()) == {
        "before": {"k8s-w1": {}},
        "after": {"k8s-w2": {}},
    }
    assert finished(tmp_path) == [directory.path]
    assert len(read_record(directory.path).probe_runs) == 1


def test_only_a_young_record_without_an_end_is_continued(tmp_path: Path) -> None:
    times = Times()
    assert RunDirectory.unfinished(tmp_path, Kind.STAGED, times) is None
    directory = RunDirectory.new(tmp_path, Kind.STAGED, now=times)
    found = RunDirectory.unfinished(tmp_path, Kind.STAGED, times)
    assert found is not None
    assert found.path == directory.path
    assert RunDirectory.unfinished(tmp_path, Kind.MANUAL, times) is None
    times.now += datetime.timedelta(seconds=2)
    RunDirectory.new(tmp_path, Kind.FLOOR, now=times)  # one of another kind hides none
    again = RunDirectory.unfinished(tmp_path, Kind.STAGED, times)
    assert again is not None
    assert again.path == directory.path
    times.now += datetime.timedelta(hours=1)
    assert RunDirectory.unfinished(tmp_path, Kind.STAGED, times) is None
    times.now -= datetime.timedelta(hours=1)
    directory.end(DONE)
    assert RunDirectory.unfinished(tmp_path, Kind.STAGED, times) is None
