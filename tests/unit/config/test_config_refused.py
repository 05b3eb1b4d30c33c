"""Each wrong configuration through the program's own entry, as the engine hands it over: refused with nothing made."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pulumi
import pytest

from cilium_lab.config.load import NAMESPACE
from tests.helpers.bad_configs import BAD
from tests.helpers.checkout import ROOT
from tests.helpers.pulumi_recorder import record


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_a_preview_refuses_it_with_nothing_made(raw: dict[str, Any], key: str, words: str) -> None:
    told: list[str] = []

    def program() -> None:
        try:
            runpy.run_path(str(ROOT / "__main__.py"))
        except pulumi.RunError as error:
            told.append(str(error))

    given = {name: value if isinstance(value, str) else json.dumps(value) for name, value in raw.items()}
    pulumi.runtime.set_all_config({f"{NAMESPACE}:{name}": text for name, text in given.items()})
    try:
        recording = record(program, preview=True)
    finally:
        pulumi.runtime.set_all_config({})
    assert [item.token for item in recording.registered if item.token != "pulumi:pulumi:Stack"] == []
    assert len(told) == 1
    # a number where a text belongs arrives as a text: another mistake of the same option
    assert f"{NAMESPACE}:{key}: " in told[0]
    assert f"right: {NAMESPACE}:" in told[0]
