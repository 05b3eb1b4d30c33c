"""The life of the stack embedded: build what is missing, open the sandbox, bring the lab up; and take it all down."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airgap import prerequisites
from airgap.builder.report import table
from airgap.recipes import BUNDLE, TOOLCHAIN, VIRTUAL_MACHINES
from cilium_lab.config.versions import CILIUM, KUBERNETES, kubernetes_release_name, release_name
from cilium_lab.paths import CURRENT, STATE
from labctl import scenarios, source, unchanged, venv
from labctl.command import parser, split
from labctl.embedded import (
    EMBEDDED,
    Embedded,
    wanted_kubernetes,
    wanted_release,
    wants_virtual_machines,
)
from labctl.figures import Figures
from labctl.status import pages
from sandbox import sandbox


def up(arguments: Sequence[str]) -> int:
    """Build what is missing, bring the lab up, check it, print times and memory.

    This is the stack embedded. Words go to `pulumi up`: ./lab up --skip-preview
    """
    options, words = split(arguments, valued=(*source.OPTIONS, "--scenario"))
    made = parser(up, "[--help] [--scenario NAME] [--from SOURCE] [--mirror URL] [--registry HOST[/PATH]] [WORD...]")
    source.add_options(made)
    made.add_argument("--scenario", metavar="NAME", help=f"another datapath: {', '.join(scenarios.names())}")
    given = made.parse_args(options)
    session = Embedded()
    if given.scenario:
        scenarios.take(session, given.scenario)
    return bring_up(session, words, given)


def bring_up(session: Embedded, words: Sequence[str] = (), given: argparse.Namespace | None = None) -> int:
    """`./lab up`; `words` go to `pulumi up`, `given` are the options that choose a source."""
    figures = Figures()
    open_sandbox(session, figures, given)
    with figures.step("healing"):
        code = session.heal("up")
    if code:
        return code
    # words may leave something undone, so that the next `up` has to be previewed again
    same = not words and unchanged.since_last_up(session.folder, session.fingerprint())
    read = session.fingerprint(state=False)
    with figures.sampling_memory():
        code, outputs = update_unchanged(session, figures) if same else _update(session, figures, words)
    if outputs is None:
        return code
    print(figures.table())
    if code == 0:
        if not words and session.fingerprint(state=False) == read:  # nothing was changed meanwhile
            unchanged.note(session.folder, session.fingerprint())
        print(f"\n{ending(outputs)}")
    return code


def _update(session: Embedded, figures: Figures, words: Sequence[str]) -> tuple[int, Mapping[str, Any] | None]:
    """`pulumi up`, then every check; an exit status, and the stack's outputs unless the update failed.

    Where there is nothing yet, a preview has nothing to compare with: the program itself refuses bad input.
    """
    skipped = () if session.has_resources else ("--skip-preview",)
    with figures.step("pulumi up"):
        code = session.run(session.pulumi("up", "--yes", *skipped, "--stack", EMBEDDED, *words))
    if code:
        return code, None
    session.forget_interrupted()
    return _check(session, figures)


def _check(session: Embedded, figures: Figures) -> tuple[int, Mapping[str, Any]]:
    outputs = session.refresh()
    with figures.step("checks"):
        return session.check(), outputs


def update_unchanged(session: Embedded, figures: Figures) -> tuple[int, Mapping[str, Any] | None]:
    """The same where the update will find nothing to do: without a preview, and the checks beside it.

    Their results count only if it has changed nothing meanwhile; else they are run again.
    """
    session.refresh_if_changed()
    before = session.resources()
    with ThreadPoolExecutor(1) as beside:
        checking = beside.submit(session.check_beside)
        with figures.step("pulumi up"):
            code = session.run(session.pulumi("up", "--yes", "--skip-preview", "--stack", EMBEDDED))
        if code:
            return code, None
        if session.resources() != before:
            checking.result()
            return _check(session, figures)
        outputs = session.refresh()
        with figures.step("checks"):
            code, printed = checking.result()
        print(printed, end="", flush=True)
    return code, outputs


def ending(outputs: Mapping[str, Any]) -> str:
    """What can be done with a lab that has come up, as its outputs say: pages, ways in, what to try."""
    return "\n".join(["The lab is up.", *pages(outputs), *outputs["next"], "remove: ./lab destroy"])


def open_sandbox(session: Embedded, figures: Figures, given: argparse.Namespace | None = None) -> None:
    """Make what is missing, open the sandbox, and make the stack known; what is there already is left as it is.

    `given` are the options that choose a source.
    """
    with figures.step("prerequisites"):
        prerequisites.install()
        emulated = wants_virtual_machines()
        if emulated:
            prerequisites.install(prerequisites.VIRTUAL_MACHINES)
    release, kubernetes = wanted_release(), wanted_kubernetes()
    with figures.step("building"):
        further = [] if release == CILIUM else [release_name(release)]
        further += [] if kubernetes == KUBERNETES else [kubernetes_release_name(kubernetes)]
        wanted = [*TOOLCHAIN, *BUNDLE, *(VIRTUAL_MACHINES if emulated else ()), *further]
        with ThreadPoolExecutor(1) as beside:  # pip waits for the network, and most recipes for a core
            environment = beside.submit(venv.environment, venv.PROGRAM)
            built = source.make(wanted, given)
            environment.result()
        venv.link_program_environment()
    if any(artifact.fresh for artifact in built):
        print(table(built))
    with figures.step("opening the sandbox"):
        _start(session)
        session.prepare()


def _start(session: Embedded) -> None:
    if sandbox.start():
        shutil.rmtree(session.temporary, ignore_errors=True)


def destroy(arguments: Sequence[str]) -> int:
    """Remove the lab and everything that it made on this machine.

    This is the stack embedded; another one goes by `pulumi destroy --stack NAME`. Words go to `pulumi destroy`. What
    was built stays in the cache.
    """
    options, words = split(arguments, "--force")
    made = parser(destroy, "[--help] [--force] [WORD...]")
    made.add_argument("--force", action="store_true", help="skip Pulumi and forget the stack: a lab beyond repair")
    session = Embedded()
    if made.parse_args(options).force:
        sandbox.stop()
        session.forget_salt()
        subprocess.run(["rm", "-rf", "--one-file-system", STATE], check=True)
        return 0
    if session.has_resources:
        _open_to_destroy(session)
        # nobody answers a preview here, and it takes as long as a preview of an `up`
        command = session.pulumi("destroy", "--yes", "--skip-preview", "--stack", EMBEDDED, *words)
        code = session.heal("destroy") or session.run(command)
        if code:
            return code
    if STATE.exists():
        sandbox.stop()
    session.forget()
    print("the lab is gone; what was built stays in the cache")
    return 0


def _open_to_destroy(session: Embedded) -> None:
    """Open the sandbox with Pulumi's toolchain and the program's environment, which are made where they are missing.

    What a stack has left without its sandbox is removed in the same way. No host is started for it: a destroy talks
    to none (components/machines/machine.py).
    """
    prerequisites.install()
    if not all((CURRENT / artifact).exists() for artifact in TOOLCHAIN):
        source.make(TOOLCHAIN)
    venv.link_program_environment()
    _start(session)
    session.prepare()
