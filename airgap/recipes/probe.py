"""The measuring tool that every host of a bundle has: `probe run` and `probe serve`."""

from __future__ import annotations

from airgap.builder.part import Part, Workspace
from airgap.paths import MODULES


def _probe(ws: Workspace) -> None:
    ws.go_build("probe", {"probe": "."})


PARTS = (Part("probe", _probe, inputs=(MODULES / "probe",), cost=5),)
