"""What `./lab bench up` makes of its times."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.bench import warm
from labctl.bench.warm import Row
from labctl.embedded import Embedded


def test_the_middle_of_all_rounds_counts() -> None:
    row = Row("preview", (9.0, 4.0, 5.0), 5.0, 2.0)
    assert (row.median, row.exceeded) == (5.0, False)
    assert row.cells() == ("preview", "5.0 s", "4.0 to 9.0 s", "2.50 x", "limit 5.0 s")
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

    monkeypatch.setattr(warm, "_pulumi", pulumi)
    monkeypatch.setattr(warm, "_lab", run)
    monkeypatch.setattr("labctl.bench.warm.time.monotonic", lambda: now)
    monkeypatch.setattr("labctl.bench.warm.sandbox.pid", lambda: 1)
    session = Embedded(tmp_path)
    session.temporary.mkdir()
    assert warm.bench(session, 3, again=False) == code
    assert f"preview, nothing to do       {lab:.1f} s" in capsys.readouterr().out
    assert list(session.temporary.iterdir()) == []
