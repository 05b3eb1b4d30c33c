"""The finder of private words: what it finds, and what only looks like one."""

from __future__ import annotations

import pytest

from tools.language import EARLIER, ROOT, findings, tracked


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the longest gap, gap_ms, and gaps", ["gap", "gap", "gap"]),
        ("a node's block, blocks_of, trim_the_blocks", ["block", "block", "block"]),
        (".a{display:block;gap:12px} i{display:inline-block}", []),
        ("trim_blocks=True, blocked, blocking", []),
        ("4 renumber", ["renumber"]),
    ],
)
def test_words_are_found_and_css_is_not(text: str, names: list[str]) -> None:
    assert [finding.word.name for finding in findings("a.py", text)] == names


def test_names_of_earlier_versions_are_spared_where_they_are_read_alone() -> None:
    for path, names in EARLIER.items():
        content = (ROOT / path).read_text()
        assert {finding.word.name for finding in findings("elsewhere.py", content)} >= set(names), path
        assert not {finding.word.name for finding in findings(path, content)} & set(names), path


def test_the_repository_has_no_private_word() -> None:
    texts = dict(tracked(ROOT))
    assert len(texts) > 400
    assert [str(finding) for path, content in texts.items() for finding in findings(path, content)] == []
