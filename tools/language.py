"""Finds words of a private language where the field has a standard one: python3 -m tools.language [FOLDER]

Prints a line per finding (file, line, word, the word to use) and a count per word. Exit status 1 if there are findings.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = (".py", ".sh", ".go", ".md", ".j2", ".yaml")
NOT_READ = re.compile(r"tools/language\.py|tests/unit/test_language\.py|cilium_lab/config/chart_types/v\w+\.py")
"""The lists themselves, and generated files whose words are the chart's."""

EARLIER = {
    "CHANGELOG.md": ("parts",),
    # a changed library makes every step on running hosts run again, and a preview that does not know their results yet
    # shows all objects of the cluster as replaced
    "components/scripts/host/lib.sh": ("parts",),
    "sandbox/enter.sh": ("room",),
    "sandbox/sandbox.py": ("room",),
    "sandbox/sysctl.py": ("room",),
    "tests/unit/sandbox/test_sandbox.py": ("room",),
    "cilium_lab/disruption/probe_lines.py": ("gap",),
    "cilium_lab/disruption/record.py": ("block",),
    "tests/unit/disruption/test_report_reading.py": ("gap", "block", "renumber"),
}
"""Where words stand in names that earlier versions wrote to files, which are still read."""
OTHER_SENSE = {"block": (".go",)}
"""Word -> suffixes of files in which it is the field's own: PEM blocks and block devices."""


@dataclass(frozen=True)
class Word:
    """A pattern that should not occur, and what stands instead."""

    name: str
    pattern: re.Pattern[str]
    instead: str


def _word(name: str, pattern: str, instead: str) -> Word:
    return Word(name, re.compile(pattern, re.IGNORECASE), instead)


WORDS = (
    _word("road", r"\broads?\b", "migration, run"),
    _word(
        "turn",
        r"\b(?:its|their|node'?s|nodes'|a|the|own|in|whose) turns?\b|\bturns\b|\bturn_|\bclass Turn\b",
        "node rollout",
    ),
    _word("emptying", r"\bempty(?:ing)\b|\bemptied\b|\bempties\b", "drain"),
    _word("made anew", r"\banew\b|\bmade again\b|\bmakes? (?:\w+ )?again\b", "re-created"),
    _word("room", r"(?<!-)\brooms?\b|\broom_|_room\b|\broomy\b", "capacity, sandbox"),
    _word("foresight", r"\bforesight\b|\bforete\w+|\blook_ahead\b|\blooks? ahead\b", "preview"),
    _word("refusal", r"\brefusals?\b|\.passing\b|\bpassing=", "preflight failure, transient"),
    _word("verdict", r"(?<!--)(?<!\()(?<!\{)\bverdicts?\b|_verdict\b", "result"),
    _word("gate", r"(?<!feature )(?<!feature-)\bgates?\b|\b_gates\b", "condition"),
    _word("hear", r"\bhears?\b|\bheard\b", "on_event"),
    _word(
        "block",
        r"(?<!display:)(?<!inline-)\bblocks?\b(?!ed|ing)|\b_?blocks?_|(?<!\btrim)(?<!\bf)_blocks?\b",
        "pod CIDR",
    ),
    _word("adopt", r"\badopt(?:s|ed|ion|ing)?\b", "switch mode"),
    _word("reserve", r"\breserves?\b", "add CIDR"),
    _word("retire", r"\bretire[sd]?\b", "drop CIDR"),
    _word("renumber", r"\brenumber\w*", "move node"),
    _word("masqueraded_not", r"\bmasqueraded_not\b", "non-masquerade CIDRs"),
    _word("ask", r"\bask(?:s|ed|ing)?\b", "probe, request, query"),
    _word("gap", r"\bgaps?\b(?!:\d)|_gaps?\b|\bgap_", "outage"),
    _word("the bar", r"\bthe bar\b", "thresholds"),
    _word("owned", r"\bowned (?:keys|values|by the program)\b|\bOWNED\b", "reserved values"),
    _word("leftovers", r"\bleft[- ]?overs?\b|_leftover\b|\bleftover_", "orphans"),
    _word("taken", r"\b(?:is|address|addresses|name) taken\b|\bAddressTaken\b|\brefuse_taken\b", "address conflict"),
    _word("key table", r"\bkey[ _-]table\b", "schema"),
    _word(
        "key scripts", r"\btake-keys\b|\btrust\.sh\b|\bonly-keys\.sh\b", "install-keys, open-firewall, revoke-old-keys"
    ),
    _word("parts", r"(?<!\.)\bparts\b|\bclass Part\b|\bPart\(", "recipes, artifacts"),
    _word(
        "personification",
        r"\bkeeps? quiet\b|\bnobody (?:waits|wants|looks|needs)\b|\blets? (?:nobody|whom)\b",
        "plain words",
    ),
)


@dataclass(frozen=True)
class Finding:
    """A private word on a line (counted from 1) of a file."""

    path: str
    line: int
    text: str
    word: Word

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r}: {self.word.instead}"


def findings(path: str, content: str) -> Iterator[Finding]:
    """Every private word in a text."""
    for number, line in enumerate(content.splitlines(), 1):
        for word in WORDS:
            if word.name not in EARLIER.get(path, ()) and not path.endswith(OTHER_SENSE.get(word.name, ())):
                for match in word.pattern.finditer(line):
                    yield Finding(path, number, match[0], word)


def tracked(root: Path) -> Iterator[tuple[str, str]]:
    """Path and content of each text that people of this project write."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = root / name
        if (path.suffix in SUFFIXES or name == "lab") and not NOT_READ.fullmatch(name) and path.is_file():
            yield name, path.read_text()


def main() -> int:
    """See above."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    found = [finding for name, content in tracked(root) for finding in findings(name, content)]
    for finding in found:
        print(finding)
    counted = Counter(finding.word.name for finding in found)
    for name, count in counted.most_common():
        print(f"{count:6} {name}")
    print(f"{len(found)} private words")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
