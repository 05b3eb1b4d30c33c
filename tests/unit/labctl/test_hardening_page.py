"""The page on hardening is what its sources say."""

from __future__ import annotations

from pathlib import Path

from labctl.cis.exceptions import ACCEPTED
from tools.hardening_table import counts, hardening_table

PAGE = Path(__file__).parents[3] / "docs" / "hardening.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == hardening_table(), "python3 -m tools.hardening_table > docs/hardening.md"


def test_the_page_tells_of_no_failure_without_a_reason() -> None:
    after = counts("after")
    most = {host: sum(row["fail"] for row in sections.values()) for host, sections in after.items()}
    assert max(most.values()) <= len(ACCEPTED)
