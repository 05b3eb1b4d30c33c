"""`./lab bench migration`: forward and back under all probes, and the study's own procedure by hand beside it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from cilium_lab.checks.expectation import Expectation
from cilium_lab.disruption.record import DONE, Kind, RunDirectory, finished, read_record
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.report.text import text
from cilium_lab.disruption.stages import Name
from cilium_lab.disruption.targets import Hosts
from cilium_lab.disruption.thresholds import sentence
from cilium_lab.paths import CURRENT, ROOT
from labctl.bench.judge import Outcome, missed, outcome, side_by_side
from labctl.bench.machine import Counts
from labctl.bench.stack import BenchError, Stack, busy_core
from labctl.session import Session

HOME, AWAY = "kubernetes", "cluster-pool"
_SCRIPT = Path(__file__).with_name("manual.sh")
_CHART = CURRENT / "bundle" / "charts" / "cilium"
_LONGEST = 1080.0
"""Seconds; the probe runners end after twenty minutes."""
_FLOOR = 60.0
"""Seconds for which the lab is probed while nothing goes on."""


def bench(stack: Stack, rounds: int, *, busy: bool, manual: bool) -> int:
    """Prints a table for each run and one for all; 1 if a staged run exceeds a threshold."""
    stack.mode(HOME)
    stack.up("begin")
    ranges: dict[str, str] = {}
    if manual:
        ranges[HOME] = only_range(stack.expectation())
    staged: list[Outcome] = []
    with busy_core(stack.session, busy):
        floor = floor_run(stack)
        for number in range(1, rounds + 1):
            staged.append(staged_run(stack, "ipamMode", AWAY, f"forward {number}"))
            if manual:
                ranges[AWAY] = only_range(stack.expectation())
            staged.append(staged_run(stack, "ipamMode", HOME, f"back {number}"))
        by_hand = [show(name, directory) for name, directory in _there_and_back(stack, ranges)] if manual else []
    print(f"\n{side_by_side([floor, *staged, *by_hand])}")
    return judge_all(staged, None if busy else floor)


def judge_all(runs: Sequence[Outcome], floor: Outcome | None) -> int:
    """Print which thresholds are exceeded; 1 if any is. Without a floor only failures count."""
    wrong = [f"{run.name}: {what}" for run in runs for what in missed(run, floor)]
    print(f"\nthresholds: {sentence()}\nthey are " + ("exceeded:" if wrong else "met"))
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


def staged_run(stack: Stack, option: str, value: str, name: str) -> Outcome:
    """One change of an option by `pulumi up`. Raises BenchError if it fails or leaves no record."""
    before = set(finished(stack.records))
    stack.set(option, value)
    counts = Counts.read()
    stack.up(name.replace(" ", "-"))
    load = counts.until(Counts.read())
    found = show(name, only_new(stack.records, before, name))
    print(load, flush=True)
    return found


def only_new(records: Path, before: set[Path], name: str) -> Path:
    """The one record that has been finished since `before`. Raises BenchError."""
    new = [directory for directory in finished(records) if directory not in before]
    if len(new) != 1:
        raise BenchError(f"{name}: one record should be new in {records}, and {len(new)} are")
    return new[0]


def show(name: str, directory: Path) -> Outcome:
    """Print the whole table of a run."""
    record = read_record(directory)
    print(f"\n== {name}: {directory}\n{text(summarise(record))}", flush=True)
    found = outcome(name, record)
    for node, seconds, ratio in found.ratios:
        print(f"rollout of {node}: {seconds:.1f} s, {ratio:.2f} times the sum of its indispensable steps", flush=True)
    return found


def floor_run(stack: Stack) -> Outcome:
    """A minute of probes in which nothing is changed. Raises BenchError."""
    print(f"the noise floor: {_FLOOR:.0f} s of probes with nothing going on", flush=True)
    directory = RunDirectory.new(stack.records, Kind.FLOOR)
    document = _document(stack.session, stack.expectation())
    _probes(stack.session, "begin", directory, document)
    counts = Counts.read()
    time.sleep(_FLOOR)
    print(counts.until(Counts.read()), flush=True)
    _probes(stack.session, "end", directory, document)
    directory.end(DONE)
    return show("floor", directory.path)


def only_range(expected: Expectation) -> str:
    """The pod range of the lab's mode, as the stack has it. Raises BenchError where there are several."""
    if len(expected.pod_ranges) != 1:
        raise BenchError(
            f"the procedure by hand knows one pod range, and {expected.ipam_mode} has {', '.join(expected.pod_ranges)}"
            "\n  next: one range in clusterPool.cidrs, or no --manual"
        )
    return expected.pod_ranges[0]


def _there_and_back(stack: Stack, ranges: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """(name, directory of the record) of each way; `ranges` is mode -> pod range. Raises BenchError."""
    for name, way, modes in (("by hand", "there", (HOME, AWAY)), ("by hand, back", "back", (AWAY, HOME))):
        yield name, by_hand(stack, f"manual-{way}", modes, [_SCRIPT, way, _CHART, modes[1], ranges[modes[1]]])
    for node, routes in _dead_routes(stack.session, ranges[AWAY]).items():
        print(f"left on {node} by the procedure by hand, and removed: {'; '.join(routes)}", flush=True)


def _dead_routes(session: Session, pod_range: str) -> dict[str, list[str]]:
    """Remove the routes into a range in which no pod has an address any more; what they were, by node.

    An agent removes a peer's route when the CiliumNode loses the pod CIDR. One that was down when the CiliumNode was
    deleted is never notified, and a staged migration is stopped by such a route: another node may get that pod CIDR.
    """
    script = f"ip -4 route show root {pod_range} | while read -r to rest; do ip route del $to; echo $to $rest; done"
    nodes = [node["metadata"]["name"] for node in session.kubectl("get", "nodes")["items"]]
    found = {node: session.output(["ssh", "-F", session.ssh_config, node, script]).splitlines() for node in nodes}
    return {node: routes for node, routes in found.items() if routes}


def by_hand(
    stack: Stack, name: str, modes: tuple[str, str], words: Sequence[str | Path], reasons: Sequence[str] = ()
) -> Path:
    """Run a procedure under all probes: a command whose lines "STEP NAME" tell where it is. The record's directory.

    `modes` are the IPAM modes before and after it, `reasons` what it is for besides. Raises BenchError if it fails.
    """
    directory = RunDirectory.new(stack.records, Kind.MANUAL)
    directory.change(*modes, reasons)
    session = stack.session
    document = _document(session, stack.expectation())
    _probes(session, "begin", directory, document)
    log = stack.folder / f"{name}.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            session.command(words, Path("/")),
            env=session.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
        try:
            follow(process, directory, stream)
        finally:
            process.kill()
    code = process.wait()
    _probes(session, "end", directory, document)
    directory.end(DONE if code == 0 else f"exit status {code}")
    if code:
        raise BenchError(f"the procedure by hand ({name}) ended with {code}: {log}")
    return directory.path


def follow(process: subprocess.Popen[str], directory: RunDirectory, log: TextIO) -> None:
    """Turn the script's STEP lines into events, and copy all lines to the log. Raises BenchError after _LONGEST."""
    assert process.stdout is not None
    limit = time.monotonic() + _LONGEST
    step, since = "", time.monotonic()
    for line in process.stdout:
        log.write(line)
        log.flush()
        if line.startswith("STEP "):
            now = time.monotonic()
            if step:
                directory.event(step, "", Name.DONE, now - since, "")
            step, since = line.removeprefix("STEP ").strip(), now
            if step != "end":
                directory.event(step, "", Name.BEGINS, 0.0, "")
        if time.monotonic() > limit:
            raise BenchError(f"the manual procedure takes longer than {_LONGEST:.0f} s")
    process.wait()


def _probes(session: Session, what: str, directory: RunDirectory, document: str) -> None:
    words = session.command([session.python, "-m", "cilium_lab.disruption", what, directory.path], ROOT)
    done = subprocess.run(words, env=session.environment(), input=document, text=True, capture_output=True)
    if done.returncode:
        raise BenchError(f"the probes ({what}): {done.stderr.strip()[-600:]}")


def _document(session: Session, expected: Expectation) -> str:
    """How to log in to the lab, from the files that `./lab ssh` and `./lab kubectl` use."""
    workers = [name for name in expected.nodes if name != expected.control_plane]
    hosts = Hosts(
        nodes=expected.nodes,
        inside=(expected.control_plane, *workers[:1]),
        router=expected.router,
        router_address=expected.router_address,
        behind=expected.router_study_address,
        key=session.ssh_key.read_text(),
        known_hosts=session.known_hosts.read_text(),
    )
    return json.dumps({"kubeconfig": session.kubeconfig.read_text(), "hosts": hosts.render()})
