"""The thresholds are one table: what is judged by it, and what README says of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cilium_lab.disruption.thresholds import (
    THRESHOLDS,
    Criterion,
    failed_requests,
    longest_outage,
    over_the_floor,
    own_wait,
    resets,
    sentence,
    slowest_p99,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("at", "met"),
    [
        (failed_requests(0, 9), True),
        (failed_requests(1, 9), False),
        (longest_outage(THRESHOLDS.outage_ms - 0.1, "dns from pod"), True),
        (longest_outage(THRESHOLDS.outage_ms, "dns from pod"), False),
        (slowest_p99(THRESHOLDS.p99_ms - 0.1, ""), True),
        (slowest_p99(THRESHOLDS.p99_ms, ""), False),
        (slowest_p99(None, ""), False),
        (own_wait(THRESHOLDS.waited_ms - 0.1, ""), True),
        (own_wait(THRESHOLDS.waited_ms, ""), False),
        (over_the_floor("p99", 30.0, 20.0, 1.5), True),
        (over_the_floor("p99", 30.1, 20.0, 1.5), False),
        (over_the_floor("p99", 0.0, 0.0, 1.5), False),
        (resets(0), True),
        (resets(1), False),
    ],
)
def test_each_criterion_is_met_below_its_threshold_alone(at: Criterion, met: bool) -> None:
    assert at.met is met


def test_a_criterion_in_words() -> None:
    assert str(longest_outage(512.0, "dns from pod")) == "longest outage: 512 ms (dns from pod), wanted < 500 ms"
    assert str(slowest_p99(None, "")) == "slowest p99: no answer, wanted < 250 ms"


def test_the_sentence_has_every_figure_of_a_staged_migration() -> None:
    words = sentence(
        replace(
            THRESHOLDS,
            outage_ms=61.0,
            outage_floor=6.2,
            waited_ms=63.0,
            p99_ms=64.0,
            p99_floor=6.5,
            ratio=6.6,
            seconds=67.0,
        )
    )
    assert re.findall(r"\b6\d|6\.\d", words) == ["61", "6.2", "63", "64", "6.5", "6.6", "67"]


def test_the_readme_has_these_thresholds() -> None:
    assert sentence() in " ".join((ROOT / "README.md").read_text().split())
