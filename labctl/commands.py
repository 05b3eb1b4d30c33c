"""The commands of `./lab`. Each takes its arguments and returns an exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from airgap import prerequisites
from airgap.builder.builder import Builder, Built
from airgap.builder.report import Progress, table
from airgap.recipes import BUNDLE, RECIPES, TOOLCHAIN, VIRTUAL_MACHINES
from cilium_lab.paths import ROOT, STATE
from labctl import doctor as machine
from labctl import session, status_page, venv, workstation
from labctl.figures import Figures
from sandbox import sandbox as room

_VERIFY = (session.EXPECTATION, session.KUBECONFIG, session.SSH_CONFIG)


def up(arguments: Sequence[str]) -> int:
    """Build, open the room, bring the stack up, check it; prints what each took."""
    figures = Figures()
    _open(figures)
    with figures.part("healing"):
        code = session.heal("up")
    if code:
        return code
    with figures.sampling_memory():
        with figures.part("pulumi up"):
            code = session.run(session.pulumi("up", "--yes", "--stack", session.STACK, *arguments))
        if code:
            return code
        session.forget_interrupted()
        session.save_access()
        with figures.part("checks"):
            code = verify([])
    print(figures.table())
    if code == 0:
        print("\nNext: ./lab status   ./lab kubectl get pods -A -o wide   ./lab shell   ./lab destroy")
    return code


def _open(figures: Figures) -> None:
    """Build what is missing, open the room, and make the stack known; what is there already is left as it is."""
    with figures.part("prerequisites"):
        prerequisites.install()
        emulated = session.wants_virtual_machines()
        if emulated:
            prerequisites.install(prerequisites.VIRTUAL_MACHINES)
    with figures.part("building"):
        built = _build([*TOOLCHAIN, *BUNDLE, *(VIRTUAL_MACHINES if emulated else ())])
        venv.link_program_environment()
    if any(part.fresh for part in built):
        print(table(built))
    with figures.part("opening the room"):
        if room.start():
            shutil.rmtree(session.TEMPORARY, ignore_errors=True)
        session.prepare()


def _open_if_closed() -> None:
    """Open the room and start its hosts; one that does not start is told, and is no obstacle to looking why."""
    if room.pid() is None:
        _open(Figures())
        session.heal("up")


def build(arguments: Sequence[str]) -> int:
    """Build the named artifacts, or all that a lab needs."""
    prerequisites.install()
    print(table(_build(arguments or [*TOOLCHAIN, *BUNDLE])))
    return 0


def clean(_arguments: Sequence[str]) -> int:
    """Remove artifacts that no recipe names any more. Not while the lab runs: its hosts use them."""
    if room.pid() is not None:
        print("lab clean: the lab is running, and its hosts use what might be removed. First: ./lab destroy")
        return 1
    cleaned = Builder(RECIPES, Progress()).clean()
    print(f"{len(cleaned.removed)} outdated folders removed")
    if cleaned.busy:
        print(f"left to a build that runs: {', '.join(cleaned.busy)}")
    return 0


def destroy(arguments: Sequence[str]) -> int:
    """pulumi destroy, then close the room. `--force` skips Pulumi and forgets the stack, for a lab beyond repair."""
    if "--force" in arguments:
        room.stop()
        subprocess.run(["rm", "-rf", "--one-file-system", STATE], check=True)
        session.forget_salt()
        return 0
    if STATE.exists():
        _open(Figures())  # what a stack has left without its room is removed in the same way
        words = session.pulumi("destroy", "--yes", "--stack", session.STACK, *arguments)
        code = session.heal("destroy") or session.run(words)
        if code:
            return code
        room.stop()
    for path in session.ACCESS_FILES:
        path.unlink(missing_ok=True)
    for folder in (STATE / "hosts", STATE / "migrations", STATE / "bench", session.TEMPORARY):
        shutil.rmtree(folder, ignore_errors=True)
    session.forget_salt()
    print("the lab is gone; what was built stays in the cache")
    return 0


def verify(arguments: Sequence[str]) -> int:
    """Every check of the running lab, in the room; with `--stack NAME` of one that plain Pulumi has brought up."""
    if arguments:
        if len(arguments) != 2 or arguments[0] != "--stack":
            print("usage: ./lab verify [--stack NAME]", file=sys.stderr)
            return 2
        return workstation.verify(arguments[1])
    python = ROOT / ".venv" / "bin" / "python"
    return session.run([python, "-m", "cilium_lab.checks", *_VERIFY], folder=ROOT)


def status(_arguments: Sequence[str]) -> int:
    """What runs and what it uses."""
    print(status_page.text())
    return 0 if room.pid() is not None else 3


def pulumi(arguments: Sequence[str]) -> int:
    """pulumi inside the room, for this project; the room is opened when it is not."""
    _open_if_closed()
    session.release_dead_locks()
    return session.replace(session.pulumi(*arguments))


def kubectl(arguments: Sequence[str]) -> int:
    """kubectl inside the room."""
    return session.replace(["kubectl", *arguments])


def ssh(arguments: Sequence[str]) -> int:
    """ssh to a host of the lab, with its pinned key."""
    if not arguments:
        print("usage: ./lab ssh HOST [COMMAND...]", file=sys.stderr)
        return 2
    session.refresh_access()
    return session.replace(["ssh", "-F", session.SSH_CONFIG, *arguments])


def shell(arguments: Sequence[str]) -> int:
    """A shell inside the room, or a command line for one; the room is opened when it is not."""
    _open_if_closed()
    program = os.environ.get("SHELL", "/bin/bash")
    return session.replace([program, "-c", " ".join(arguments)] if arguments else [program])


def doctor(_arguments: Sequence[str]) -> int:
    """What the machine offers; 1 when no stack fits."""
    report = machine.examine()
    print(report.text())
    return 0 if report.fits else 1


def test(arguments: Sequence[str]) -> int:
    """The tests, by pytest; `unit`, `engine`, `cluster` and `vm` choose, other words go to pytest."""
    prerequisites.install()
    kinds = [word for word in arguments if word in ("unit", "engine", "cluster", "vm")]
    others = [word for word in arguments if word not in kinds]
    if kinds != ["unit"]:
        _build([*TOOLCHAIN, *BUNDLE, *(VIRTUAL_MACHINES if "vm" in kinds else ())])
    venv.link_program_environment()
    environment = venv.environment(venv.TESTS)
    folders = [f"tests/{kind}" for kind in kinds or ("unit", "engine", "cluster")]
    path = f"{environment / 'bin'}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    words = [environment / "bin" / "python", "-m", "pytest", *folders, *others]
    return subprocess.run(words, cwd=ROOT, env={**os.environ, "PATH": path}).returncode


def _build(wanted: Sequence[str]) -> list[Built]:
    return Builder(RECIPES, Progress()).build(wanted)
