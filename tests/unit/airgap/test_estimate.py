"""How long a build will take, how much of it is done, and the lines that tell it."""

from __future__ import annotations

import io
import json
import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.builder import builder
from airgap.builder.builder import Builder
from airgap.builder.estimate import Limits, Work, fraction, left, speed
from airgap.builder.recipe import Recipe, Transfer, Workspace
from airgap.builder.report import Progress


def work(**recipes: tuple[float, str]) -> Work:
    """Recipe -> (expected seconds, names of what it needs)."""
    seconds = {name: seconds for name, (seconds, _) in recipes.items()}
    return Work(seconds, {name: frozenset(needs.split()) for name, (_, needs) in recipes.items()})


def builds(count: int) -> Limits:
    return Limits(count, 4)


def test_two_at_a_time_and_the_longest_chain_first() -> None:
    made = work(a=(10, ""), b=(10, ""), c=(10, ""), last=(30, "c"))
    assert left(made, (), {}, builds(2)) == 40  # c first, though it comes after a and b; they go on beside it
    assert left(made, (), {}, builds(1)) == 60


def test_downloads_wait_for_no_core() -> None:
    made = Work(dict.fromkeys("abcdef", 10.0), {name: frozenset() for name in "abcdef"}, frozenset("cdef"))
    assert left(made, (), {}, Limits(1, 2)) == 20
    assert left(made, (), {}, Limits(2, 4)) == 10


def test_what_runs_takes_what_it_has_not_taken_yet_and_never_nothing() -> None:
    made = work(a=(100, ""), b=(20, "a"))
    assert left(made, (), {"a": 40}, builds(2)) == 80
    assert left(made, ("a",), {}, builds(2)) == 20
    assert left(made, (), {"a": 300}, builds(2)) == 50  # it takes longer than expected: a tenth of that is added


def test_what_needs_a_failed_recipe_never_starts() -> None:
    assert left(work(a=(100, "broken"), b=(20, "")), (), {}, builds(2)) == 20


@st.composite
def works(draw: st.DrawFn) -> Work:
    names = [f"r{number}" for number in range(draw(st.integers(0, 8)))]
    seconds = {name: draw(st.floats(0, 1000)) for name in names}
    needs = {name: frozenset(draw(st.sets(st.sampled_from(names[:i])))) if i else frozenset[str]()
             for i, name in enumerate(names)}  # fmt: skip
    return Work(seconds, needs)


@given(works(), st.integers(1, 4))
def test_no_time_is_shorter_than_the_work_on_all_hands_or_longer_than_on_one(made: Work, hands: int) -> None:
    total = sum(made.seconds.values())
    seconds = left(made, (), {}, builds(hands))
    assert total / hands - 1e-6 <= seconds <= total + 1e-6


@given(works(), st.data())
def test_the_fraction_grows_from_nothing_to_all(made: Work, data: st.DataObject) -> None:
    names = list(made.seconds)
    order = data.draw(st.permutations(names))
    seen = [fraction(made, order[:count], {}) for count in range(len(order) + 1)]
    assert seen == sorted(seen)
    assert all(-1e-9 <= one <= 1 + 1e-9 for one in seen)
    if sum(made.seconds.values()):
        assert seen[0] == 0
    assert seen[-1] == pytest.approx(1)


def test_the_machines_speed_is_judged_by_what_is_over_once_that_is_enough() -> None:
    made = work(a=(10, ""), b=(100, ""), c=(100, ""))
    assert speed(made, {"a": 40}) == 1.0
    assert speed(made, {"b": 200}) == 2.0
    assert speed(made, {"b": 2000}) == 4.0  # one that hung says little about the others
    assert made.at(2.0).seconds["c"] == 200


# --- what is printed


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def after(seconds: float, stream: io.StringIO, pause: float = 0.0) -> str:
    """The line of progress that has built one of three recipes, and builds the second one for so many seconds.

    `pause` are real seconds that a terminal gets to be drawn on.
    """
    now = 0.0
    progress = Progress(stream, lambda: now)
    made = work(one=(40, ""), two=(100, ""), three=(60, ""))
    with progress.building(made, 5, builds(1)):
        progress.started("one", Transfer())
        now = 40.0
        progress.finished("one", 40.0, 5_000_000)
        progress.started("two", Transfer())
        now += seconds
        time.sleep(pause)
        return progress.line()


def test_a_log_is_told_what_there_is_to_build_and_for_how_long() -> None:
    stream = io.StringIO()
    after(20, stream)
    assert stream.getvalue().splitlines() == [
        "  0:00  artifacts: 3 to build, 5 in the cache, about 3 min",
        "  0:00  building one (about 40 s)",
        "  0:40  [1/3] one: 40 s, 5.0 MB",
        "  0:40  building two (about 100 s)",
    ]


def test_the_line_tells_how_far_it_is() -> None:
    assert after(50, io.StringIO()) == "1 of 3, 45 %, about 110 s left; two 50 s"


def test_a_download_tells_what_it_has_received(tmp_path: Path) -> None:
    """A folder that grows, as an image does, or a file."""
    transfer = Transfer()
    progress = Progress(io.StringIO())
    made = Work({"image": 10.0, "two": 10.0}, {"image": frozenset(), "two": frozenset()}, frozenset({"image"}))
    with progress.building(made, 0, Limits(2, 4)):
        progress.started("image", transfer)
        assert progress.line().endswith("; image 0 s")
        transfer.into = tmp_path / "not there yet"
        assert progress.line().endswith("; image 0 MB")
        (tmp_path / "blob").write_bytes(bytes(3_000_000))
        transfer.into, transfer.total = tmp_path, 12_000_000
        assert progress.line().endswith("; image 3 of 12 MB")


def test_a_log_in_which_nothing_happens_is_told_how_far_it_is() -> None:
    stream = io.StringIO()
    after(50, stream, pause=1.3)
    assert stream.getvalue().splitlines()[4:] == ["  1:30  1 of 3, 45 %, about 110 s left; two 50 s"]


def test_a_terminal_has_a_line_that_moves_and_is_gone_at_the_end() -> None:
    stream = Screen()
    after(20, stream, pause=1.3)
    assert "\r\x1b[K  1:00  1 of 3, 30 %, about 2 min left; two 20 s\r\x1b[K" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_nothing_to_build_tells_nothing() -> None:
    stream = io.StringIO()
    with Progress(stream).building(work(), 41, builds(2)):
        pass
    assert stream.getvalue() == ""


def test_a_recipe_is_expected_to_take_as_long_as_under_its_last_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as long as one whose name only begins with the same words."""
    monkeypatch.setattr(builder, "ARTIFACTS", tmp_path)
    for number, (name, seconds) in enumerate((("a-0123456789abcdef", 900), ("a-fedcba9876543210", 70),
                                              ("a-b-0123456789abcdef", 5))):  # fmt: skip
        record = tmp_path / f"{name}.json"
        record.write_text(json.dumps({"seconds": seconds, "cost": 150}))
        os.utime(record, (number, number))
    stream = io.StringIO()
    recipes = (Recipe("a", _fails, cost=300), Recipe("new", _fails, cost=33))
    monkeypatch.setattr(builder, "LOGS", tmp_path / "logs")
    with pytest.raises(builder.BuildError):
        Builder(recipes, Progress(stream)).build(["a", "new"])
    told = re.findall(r"building (\w+) \(about (.*)\)", stream.getvalue())
    assert sorted(told) == [("a", "2 min"), ("new", "33 s")]  # its cost has doubled; two begin at once


def _fails(_ws: Workspace) -> None:
    raise builder.BuildError("no")
