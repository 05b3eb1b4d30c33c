"""./lab report and python -m cilium_lab.disruption.report."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from labctl import reporting, venv
from tests.helpers.recorded_migration import probe, write
from tests.unit.labctl.test_cli import lab

ROOT = Path(__file__).parents[3]
LINES = {"router": probe("service", "http:10.97.1.2:80@100")}
MET = "Within the thresholds: none of 1800 requests failed"


def module(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cilium_lab.disruption.report", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_page_and_its_plots_are_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "record", LINES)
    done = module(folder, tmp_path / "out.html", "--svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert MET in done.stdout
    assert f"page: {tmp_path / 'out.html'}" in done.stdout
    assert (tmp_path / "out.html").read_text().startswith("<!doctype html>")
    plots = sorted(path.name for path in tmp_path.glob("*.svg"))
    assert plots == ["out-timeline-narrow.svg", "out-timeline.svg"]


def test_a_rollout_of_settings_is_told_as_one(tmp_path: Path) -> None:
    done = module(write(tmp_path / "record", LINES, to="kubernetes"), "--text")
    assert done.stdout.startswith("settings in kubernetes, rollout of nodes of 2026-01-01")


@pytest.mark.parametrize("words", [[], ["--text", "out.html"], ["--svg"], ["--svg", "--text"]])
def test_half_a_command_is_refused(tmp_path: Path, words: list[str]) -> None:
    done = module(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give OUT.html, or --text alone" in done.stderr


def test_a_folder_without_a_record(tmp_path: Path) -> None:
    done = module(tmp_path, "--text")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not the folder of a migration" in done.stderr


def test_lab_report_shows_the_newest_run(tmp_path: Path) -> None:
    """By the machine's own Python, which has no more than its library."""
    for stamp, mode in (("20260101T100000.000Z", "multi-pool"), ("20260102T100000.000Z", "cluster-pool")):
        write(tmp_path / "state" / "migrations" / stamp, LINES, to=mode)
    done = lab(tmp_path, "report", "--text")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("kubernetes -> cluster-pool, staged migration of 2026-01-01 10:00:00 UTC")
    assert MET in done.stdout
    assert not (tmp_path / "cache").exists()


def test_each_stack_has_records_of_its_own(tmp_path: Path) -> None:
    for folder, mode in (("migrations", "multi-pool"), ("migrations-lab", "cluster-pool")):
        write(tmp_path / "state" / folder / "20260101T100000.000Z", LINES, to=mode)
    for words, mode in (([], "multi-pool"), (["--stack=embedded"], "multi-pool"), (["--stack", "lab"], "cluster-pool")):
        assert lab(tmp_path, "report", "--text", *words).stdout.startswith(f"kubernetes -> {mode}, staged"), words
    other = lab(tmp_path, "report", "--text", "--stack", "other")
    assert (other.returncode, other.stdout) == (1, "")
    assert "no migration has been recorded in" in other.stderr
    assert "/migrations-other\n" in other.stderr


def test_lab_report_takes_a_folder_from_where_the_caller_is(tmp_path: Path) -> None:
    write(tmp_path / "record", LINES)
    assert MET in lab(tmp_path, "report", "record", "--text").stdout


def test_without_a_record_the_next_thing_to_do_is_printed(tmp_path: Path) -> None:
    done = lab(tmp_path, "report")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lab report: no migration has been recorded in ")
    assert "next: change ipamMode, and pulumi up" in done.stderr


@pytest.mark.parametrize("words", [["a", "b"], ["--html"], ["--text", "--svg"]])
def test_a_wrong_call_shows_the_usage(tmp_path: Path, words: list[str]) -> None:
    done = lab(tmp_path, "report", *words)
    usage, error = done.stderr.splitlines()
    assert (done.returncode, done.stdout, usage) == (
        2,
        "",
        "usage: ./lab report [-h] [--stack NAME] [--text | --svg] [FOLDER]",
    )
    assert words[-1] in error


def test_the_page_lies_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, ...]] = []

    def environment(pins: tuple[str, ...]) -> Path:
        made.append(pins)
        return Path(sys.prefix)

    monkeypatch.setattr(venv, "environment", environment)
    words: Sequence[str] = [str(write(tmp_path, LINES))]
    assert reporting.report(words) == 0
    assert made == [venv.REPORT]
    assert (tmp_path / "report.html").stat().st_size > 10_000
