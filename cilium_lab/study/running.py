"""Runs the study's commands on a lab: each on its host, as root's login types it, within its time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from cilium_lab.checks.expectation import Expectation
from cilium_lab.kube.ssh import HostError, Shell
from cilium_lab.study.command import HOSTS, Command, Section, patterns
from cilium_lab.study.commands import SECTIONS

_AT_ONCE = 4
"""Commands at a time: most of them wait for an API server on the same cores."""
_SHOWN = 12
"""Lines that are printed of what a command prints; a document has them all."""
_LACKS = 90
"""The exit status for a program that the host lacks; timeout(1) ends with 124, or with 137 after a kill."""
_MARK = "=====study====="
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """What came of a command. `ok` is None where it did not run, and `why` then says why."""

    section: str
    command: Command
    ok: bool | None
    why: str
    output: str = ""
    missing: tuple[str, ...] = ()
    """The expectations that nothing in the output meets."""

    def __str__(self) -> str:
        mark = {True: "ok", False: "DIFFERS", None: "not run"}[self.ok]
        lines = [f"{self.command.host}# {self.command.typed}"]
        if self.ok is not None and self.command.instead:
            lines.append(f"    here: {self.command.instead}")
        printed = self.output.splitlines()
        lines += [f"    | {line}" for line in printed[:_SHOWN]]
        if len(printed) > _SHOWN:
            lines.append(f"    | ... {len(printed) - _SHOWN} more lines")
        lines.append(f"    {mark}: {self.command.shows}" + (f" ({self.why})" if self.why else ""))
        lines += [f"    expected: {pattern}" for pattern in self.missing]
        return "\n".join(lines)


@dataclass(frozen=True)
class Summary:
    """Every outcome, in the study's order."""

    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """True if a command ran and none differs."""
        return any(one.ok for one in self.outcomes) and not any(one.ok is False for one in self.outcomes)

    def __str__(self) -> str:
        ran = [one for one in self.outcomes if one.ok is not None]
        good = sum(one.ok is True for one in ran)
        return f"{good} of {len(ran)} commands show what the study shows, {len(self.outcomes) - len(ran)} are not run"


def sections(words: Sequence[str]) -> tuple[Section, ...]:
    """Those whose title holds one of the words, whatever their case, or all. Raises KeyError with an unknown word."""
    for word in words:
        if not any(word.lower() in section.title.lower() for section in SECTIONS):
            raise KeyError(word)
    return tuple(s for s in SECTIONS if not words or any(word.lower() in s.title.lower() for word in words))


def listed(section: Section) -> str:
    """A section as it is printed where nothing is run."""
    lines = [section.title]
    for command in section.commands:
        lines.append(f"  {command.host}# {command.typed}")
        lines.append(f"      shows: {command.shows}")
        if command.why:
            lines.append(f"      here: {command.why}")
    return "\n".join(lines)


def strange_hosts(want: Expectation) -> list[str]:
    """The hosts of the study that this lab has not, or has at another address: its commands name them."""
    have = {**want.nodes, want.router: want.router_address}
    return [f"{host} at {address}" for host, address in HOSTS.items() if have.get(host) != address]


def run(chosen: Iterable[Section], want: Expectation, shell: Shell, tell: Callable[[str], None] = print) -> Summary:
    """Run them, some at a time, and tell of each in the study's order."""
    listing = [(section.title, command) for section in chosen for command in section.commands]
    outcomes: list[Outcome] = []
    title = ""

    def outcome_of(one: tuple[str, Command]) -> Outcome:
        return _outcome(*one, want, shell)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for outcome in pool.map(outcome_of, listing):
            if outcome.section != title:
                title = outcome.section
                tell(f"\n{title}\n")
            tell(str(outcome))
            outcomes.append(outcome)
    return Summary(tuple(outcomes))


def _outcome(section: str, command: Command, want: Expectation, shell: Shell) -> Outcome:
    if not command.script:
        return Outcome(section, command, None, command.why)
    if command.mode not in ("", want.ipam_mode):
        return Outcome(section, command, None, f"it belongs to the IPAM mode {command.mode}, this is {want.ipam_mode}")
    try:
        printed, _, status = shell(command.host, script(command)).rpartition(_MARK)
    except HostError as error:
        return Outcome(section, command, False, str(error), missing=patterns(command, want))
    if int(status) == _LACKS:
        return Outcome(section, command, None, f"{command.host} has no `{command.needs}`: its artifacts lack it")
    output = _COLOUR.sub("", printed)
    missing = tuple(text for text in patterns(command, want) if not re.search(text, output, re.MULTILINE))
    failed = f"exit status {int(status)}" if int(status) else ""
    why = "; ".join(text for text in (failed, command.why) if text)
    return Outcome(section, command, not missing and not failed, why, output.rstrip("\n"), missing)


def script(command: Command) -> str:
    """Shell for the host: a login of root runs the command, within its time, and what programs keep goes with it."""
    folder = "TMPDIR XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME"
    kept = " ".join(f'{name}="$folder"' for name in folder.split())
    # Aliases are expanded as a terminal expands them; without one kubectl says that it cannot use it.
    login = f"bash -O expand_aliases -lc {shlex.quote(command.script)}"
    needs = f"command -v {command.needs} > /dev/null || {{ echo {_MARK}{_LACKS}; exit 0; }}\n" if command.needs else ""
    return f"""\
{needs}folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
{kept} timeout -k 1 {command.limit} {login} < /dev/null 2>&1
echo "{_MARK}$?"
"""


def to_json(summary: Summary) -> dict[str, object]:
    """The summary as a document: whether all that ran hold, and each command with what came of it."""
    commands = [
        {
            **described(one.section, one.command),
            "ok": one.ok,
            "why": one.why,
            "output": one.output,
            "missing": list(one.missing),
        }
        for one in summary.outcomes
    ]
    return {"ok": summary.ok, "commands": commands}


def described(section: str, command: Command) -> dict[str, object]:
    """A command as a document."""
    return {"section": section, **asdict(command)}
