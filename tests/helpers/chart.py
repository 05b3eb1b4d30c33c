"""Where the tests find Cilium's chart, which is no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cilium_lab.config.versions import CILIUM
from cilium_lab.paths import CURRENT


def chart(version: str = CILIUM) -> Path:
    """The chart's folder of a release: the one that CILIUM_CHART names, for the study's, or the one that `./lab build`
    made; skips the test when there is neither."""
    named = os.environ.get("CILIUM_CHART") if version == CILIUM else None
    built = CURRENT / "bundle" / "charts" if version == CILIUM else CURRENT / f"chart-{version}"
    place = Path(named) if named else built / "cilium"
    if not (place / "values.schema.json").is_file():
        if named:
            pytest.fail(f"CILIUM_CHART is {named}, and there is no values.schema.json")
        pytest.skip(f"no chart of {version} here: run ./lab build, or set CILIUM_CHART to the folder of the study's")
    return place
