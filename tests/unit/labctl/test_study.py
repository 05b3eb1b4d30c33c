"""`./lab study` without a lab: the commands as lines and as a document."""

from __future__ import annotations

import json

import pytest

from cilium_lab.study.commands import SECTIONS
from labctl import cli


def test_every_command_is_printed_in_the_studys_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study"]) == 0
    printed = capsys.readouterr().out
    places = [printed.index(f"{section.title}\n") for section in SECTIONS]
    assert places == sorted(places)
    for section in SECTIONS:
        for command in section.commands:
            assert f"{command.host}# {command.typed}\n" in printed
            assert f"shows: {command.shows}\n" in printed


def test_one_section_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study", "--json", "masquerading"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["section"] for one in listed} == {"Masquerading"}
    assert any("ping -c 4 172.31.1.20" in one["typed"] for one in listed)


def test_an_unknown_section_is_refused_with_the_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study", "--run", "nothing like it"]) == 2
    said = capsys.readouterr().err
    assert "seen: 'nothing like it'" in said
    assert all(section.title in said for section in SECTIONS)
