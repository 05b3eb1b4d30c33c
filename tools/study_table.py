"""Makes docs/study.md: every command of the study that this lab answers in another way, with the reason.

python3 -m tools.study_table > docs/study.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from cilium_lab.study.command import Command
from cilium_lab.study.commands import SECTIONS
from cilium_lab.tables import markdown

_HEAD = """\
<!-- Made by tools/study_table.py from cilium_lab/study/commands.py; change it there. -->
# The study's commands on this lab

`./lab study` prints the study's commands section by section, `./lab study --run` runs them where the study types them
and compares what comes with what the study shows:

```sh
./lab study                        # all sections
./lab study --run hubble routing   # two of them, run on the lab that is up
./lab study --run --json           # one document
```

Commands run in a login of root, each within its time; none changes the lab. Of {all} commands {typed} run as they are
typed, {instead} run in another form, and {left} do not run. What belongs to one IPAM mode runs in that mode alone, and
`cilium` needs a bundle that has it. Below is every command that the lab answers in another way than the study, or that
runs in another form, with the reason.
"""
_WAYS = {"typed": "as typed", "instead": "in another form", "left": "not run"}


def way(command: Command) -> str:
    """Whether it runs as it is typed, in another form, or not at all."""
    return "left" if not command.script else "instead" if command.instead else "typed"


def study_table() -> str:
    """The file's whole text."""
    ways = [way(command) for section in SECTIONS for command in section.commands]
    return _HEAD.format(all=len(ways), **{name: ways.count(name) for name in _WAYS}) + "".join(_sections())


def _sections() -> Iterator[str]:
    for section in SECTIONS:
        rows = [
            (f"`{' ; '.join(command.typed.splitlines())}`", command.host, _WAYS[way(command)], command.why)
            for command in section.commands
            if command.why
        ]
        if rows:
            yield f"\n## {section.title}\n\n{markdown(('the study types', 'on', 'runs', 'why'), rows)}"


if __name__ == "__main__":
    sys.stdout.write(study_table())
