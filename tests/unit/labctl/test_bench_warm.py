"""What `./lab bench up` makes of its times."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labctl.bench import warm
from labctl.bench.warm import Row
from labctl.embedded import Embedded
from tests.helpers.fake_lab import WANT


def test_the_middle_of_all_rounds_counts() -> None:
    row = Row("preview", (9.0, 4.0, 5.0), 5.0, 2.0, "empty")
    assert (row.median, row.exceeded) == (5.0, False)
    assert row.cells() == ("preview", "5.0 s", "4.0 to 9.0 s", "2.50 x empty", "limit 5.0 s")
    assert Row("preview", (5.1,), 5.0).cells() == ("preview", "5.1 s", "", "", "limit 5.0 s, exceeded")


@pytest.mark.parametrize(("lab", "code"), [(3.9, 0), (4.1, 1)])
def test_a_preview_is_judged_by_the_empty_program_of_the_same_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, lab: float, code: int
) -> None:
    """The empty program takes two seconds: the lab may take four."""
    now = 0.0

    def pulumi(_session: Embedded, folder: Path, *words: str) -> None:
        nonlocal now
        now += 0.0 if "stack" in words[:1] else lab if folder == warm.ROOT else 2.0

    def run(*_words: str) -> None:
        nonlocal now
        now += 3.0

    def by_hand(_session: Embedded, what: str, *_words: str) -> None:
        nonlocal now
        now += {"look": 1.0, "check": 1.5}[what]

    monkeypatch.setattr(warm, "_pulumi", pulumi)
    monkeypatch.setattr(warm, "_lab", run)
    monkeypatch.setattr(warm, "_by_hand", by_hand)
    monkeypatch.setattr(Embedded, "refresh_if_changed", lambda _session: None)
    monkeypatch.setattr("labctl.bench.warm.time.monotonic", lambda: now)
    monkeypatch.setattr("labctl.bench.warm.sandbox.pid", lambda: 1)
    session = Embedded(tmp_path)
    session.temporary.mkdir()
    session.expectation.write_text(WANT.to_json())
    assert warm.bench(session, 3, again=False) == code
    printed = capsys.readouterr().out
    assert f"preview, nothing to do       {lab:.1f} s" in printed
    assert "3.0 s  3.0 to 3.0 s  2.00 x by hand" in printed
    assert list(session.temporary.iterdir()) == []


@pytest.mark.parametrize("failing", ["wait pod", "logs", "none"])
def test_by_hand_leaves_no_claim_behind(tmp_path: Path, failing: str) -> None:
    """Whatever fails meanwhile; and every wait has a limit."""
    for name in ("virsh", "helm", "ssh"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    notes = tmp_path / "calls"
    refuse = f'case "$*" in "{failing}"*) exit 1 ;; esac'
    (tmp_path / "kubectl").write_text(f'#!/bin/sh\necho "$*" >> {notes}\n{refuse}\n')
    for name in ("virsh", "helm", "ssh", "kubectl"):
        (tmp_path / name).chmod(0o755)
    script = Path(warm.__file__).with_name("by-hand.sh")
    words = [script, "check", "debug:1", "ssh-config", "router"]
    done = subprocess.run(words, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True)
    calls = notes.read_text().splitlines()
    assert (done.returncode == 0) == (failing == "none")
    assert "delete pod,pvc bench-by-hand --ignore-not-found --wait --timeout=90s" in calls
    assert calls.index("apply -f -") < calls.index(
        "delete pod,pvc bench-by-hand --ignore-not-found --wait --timeout=90s"
    )
    assert all("--timeout=90s" in call for call in calls if "wait" in call)
