"""Where the tests find Cilium's chart, which is no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cilium_lab.paths import CURRENT


def chart() -> Path:
    """The chart's folder: CILIUM_CHART, or the one that `./lab build` made; skips the test when there is neither."""
    named = os.environ.get("CILIUM_CHART")
    places = [Path(named)] if named else [CURRENT / "bundle" / "charts" / "cilium", CURRENT / "chart" / "cilium"]
    found = next((place for place in places if (place / "values.schema.json").is_file()), None)
    if found is None:
        if named:
            pytest.fail(f"CILIUM_CHART is {named}, and there is no values.schema.json")
        pytest.skip("no chart here: run ./lab build, or set CILIUM_CHART to the folder of the chart")
    return found
