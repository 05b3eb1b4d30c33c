"""Stack files for the stack embedded beside the usual one: `./lab up --scenario NAME`, each combination of datapaths.

A scenario is copied into the state, so `./lab pulumi config set` changes that copy and no file of the checkout; with a
state of its own (CILIUM_LAB_STATE) it runs beside other labs.
"""

from __future__ import annotations

from cilium_lab.paths import ROOT
from labctl.command import LabError
from labctl.embedded import Embedded

FOLDER = ROOT / "scenarios"


def names() -> list[str]:
    """All that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def take(session: Embedded, name: str) -> None:
    """Let the state's lab be of this scenario. One that is up keeps its file, with what was set since.

    Raises LabError for a name that is none, and where a lab of another stack file is up.
    """
    if name not in names():
        raise LabError(expected=f"one of the scenarios {', '.join(names())}", seen=name, next="--scenario NAME")
    target = session.scenario_file(name)
    if session.has_resources:
        if session.stack_file == target:
            return
        raise LabError(
            expected=f"no lab in this state, or one of the scenario {name}",
            seen=f"a lab of {session.stack_file}",
            next="./lab destroy, or a state of its own: CILIUM_LAB_STATE=FOLDER ./lab up --scenario " + name,
        )
    session.forget_scenario()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.touch(mode=0o600)
    target.write_text((FOLDER / f"{name}.yaml").read_text())
