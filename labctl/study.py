"""`./lab study`: the study's commands in its order, and what they show on this lab."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cilium_lab.paths import ROOT
from cilium_lab.study.running import described, listed, sections
from labctl.command import add_stack, parser
from labctl.stacks import find


def study(arguments: Sequence[str]) -> int:
    """The study's commands section by section; with --run each on its host, and what came of it.

    Commands that would change the lab or never end run in another form, or not at all: docs/study.md lists them with
    their reasons. The exit status is 1 if one shows something else than the study, 2 if no section has such a title.
    """
    made = parser(study)
    add_stack(made)
    made.add_argument("--run", action="store_true", help="on the running lab, within a minute")
    made.add_argument("--json", action="store_true", help="one document")
    made.add_argument("sections", metavar="SECTION", nargs="*", help="words of titles: ./lab study hubble")
    given = made.parse_args(arguments)
    try:
        chosen = sections(given.sections)
    except KeyError as error:
        titles = "\n    ".join(section.title for section in sections(()))
        print(f"expected: words of a section's title\n  seen: {error}\n  next: one of\n    {titles}", file=sys.stderr)
        return 2
    if given.run:
        with find(given.stack) as session:
            session.refresh()
            options = ["--json"] if given.json else []
            words = [*options, session.expectation, session.ssh_config, *given.sections]
            return session.run([session.python, "-m", "cilium_lab.study", *words], folder=ROOT)
    if given.json:
        print(json.dumps([described(s.title, command) for s in chosen for command in s.commands], indent=1))
    else:
        print("\n\n".join(listed(section) for section in chosen))
    return 0
