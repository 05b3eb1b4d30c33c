"""`./lab bench migration`: forward and back under all probes, and the study's own procedure beside it."""

from __future__ import annotations

from pathlib import Path

from cilium_lab.disruption.report.reading import read_record
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.report.text import text
from cilium_lab.disruption.run_directory import RECORDS, finished
from labctl.bench import manual as study
from labctl.bench.busy import one_core
from labctl.bench.judge import Outcome, missed, outcome, side_by_side
from labctl.bench.stack import BenchError, Stack

HOME, AWAY = "kubernetes", "cluster-pool"


def bench(stack: Stack, rounds: int, *, busy: bool, manual: bool) -> int:
    """Prints a table for each run and one for all; 1 if a staged run misses the bar."""
    stack.mode(HOME)
    stack.up("begin")
    staged: list[Outcome] = []
    with one_core(busy):
        for number in range(1, rounds + 1):
            staged.append(staged_run(stack, AWAY, f"forward {number}"))
            staged.append(staged_run(stack, HOME, f"back {number}"))
        by_hand = [tell(name, folder) for name, folder in study.there_and_back(stack)] if manual else []
    print(f"\n{side_by_side([*staged, *by_hand])}")
    wrong = [f"{run.name}: {what}" for run in staged for what in missed(run, busy=busy)]
    print("\nthe bar is " + ("missed:" if wrong else "met"))
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


def staged_run(stack: Stack, mode: str, name: str) -> Outcome:
    """One migration by `pulumi up`. Raises BenchError if it fails or leaves no record."""
    before = set(finished(RECORDS))
    stack.mode(mode)
    stack.up(name.replace(" ", "-"))
    new = [folder for folder in finished(RECORDS) if folder not in before]
    if len(new) != 1:
        raise BenchError(f"{name}: one record should be new in {RECORDS}, and {len(new)} are")
    return tell(name, new[0])


def tell(name: str, folder: Path) -> Outcome:
    """Print the whole table of a run."""
    record = read_record(folder)
    print(f"\n== {name}: {folder}\n{text(summarise(record))}", flush=True)
    found = outcome(name, record)
    for node, seconds, ratio in found.ratios:
        print(f"turn of {node}: {seconds:.1f} s, {ratio:.2f} times the sum of its parts", flush=True)
    return found
