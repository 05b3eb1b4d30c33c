"""Programs that run where the lab can be reached: pulumi, kubectl, ssh, and a shell for all others."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from labctl import venv
from labctl.command import Run, add_stack, parser, split
from labctl.embedded import EMBEDDED, Embedded
from labctl.figures import Figures
from labctl.lifecycle import open_sandbox
from labctl.session import Session
from labctl.stacks import find
from sandbox import sandbox


def _parse(run: Run, arguments: Sequence[str], usage: str) -> tuple[str | None, list[str]]:
    """The stack that is named before the program's own words, and these."""
    options, words = split(arguments)
    made = parser(run, f"[--help] [--stack NAME] {usage}")
    add_stack(made)
    return made.parse_args(options).stack, words


def kubectl(arguments: Sequence[str]) -> int:
    """Run kubectl inside the lab: ./lab kubectl get pods -A"""
    stack, words = _parse(kubectl, arguments, "[WORD...]")
    with find(stack) as session:
        session.refresh_if_changed()
        return session.become(["kubectl", *words])


def ssh(arguments: Sequence[str]) -> int:
    """Log in to a host or run a command there: ./lab ssh router ip -br a"""
    stack, words = _parse(ssh, arguments, "HOST [COMMAND...]")
    if not words:
        print("usage: ./lab ssh [--help] [--stack NAME] HOST [COMMAND...]", file=sys.stderr)
        return 2
    with find(stack) as session:
        session.refresh_if_changed()
        return session.become(["ssh", "-F", session.ssh_config, *words])


def pulumi(arguments: Sequence[str]) -> int:
    """Run pulumi inside the lab: ./lab pulumi config set ipamMode cluster-pool

    The stack may be named before or among Pulumi's own words. The sandbox is opened when it is not.
    """
    stack, words = _parse(pulumi, arguments, "[WORD...]")
    with find(stack or _named(words), otherwise=EMBEDDED) as session:
        _open(session)
        if isinstance(session, Embedded):
            session.release_dead_locks()
        return session.become(session.pulumi(*words))


def _named(words: Sequence[str]) -> str | None:
    """The stack that Pulumi's own words name."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("--stack", "-s"):
            return following or None
        if word.startswith("--stack="):
            return word.partition("=")[2]
    return None


def shell(arguments: Sequence[str]) -> int:
    """A shell inside the lab, with pulumi, kubectl, hubble and the rest on the PATH.

    Words are a command line for it. The sandbox is opened when it is not.
    """
    stack, words = _parse(shell, arguments, "[WORD...]")
    with find(stack, otherwise=EMBEDDED) as session:
        _open(session)
        if not isinstance(session, Embedded):
            session.refresh()
        program = os.environ.get("SHELL", "/bin/bash")
        return session.become([program, "-c", " ".join(words)] if words else [program])


def _open(session: Session) -> None:
    """Open the sandbox and start its hosts; one that does not start is told, and is no obstacle to looking why."""
    if not isinstance(session, Embedded):
        return
    if sandbox.pid() is None:
        open_sandbox(session, Figures())
        session.heal("up")
    else:  # another version of the checkout may have other requirements
        venv.link_program_environment()
