"""The scan finds a secret that was planted in each of the places it looks at, and in each form."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.secret_scan import Arguments, Scanner, Secret, private_keys

_TEXT = 'abc"def/0123456789+planted'
_KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPlantedPlantedPlanted\nshort\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def scanner() -> Scanner:
    return Scanner([Secret("planted", _TEXT)])


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_it_is_found_as_it_is_as_json_and_anywhere_in_base64(scanner: Scanner, before: str, after: str) -> None:
    text = f"{before}{_TEXT}{after}"
    for form in (text.encode(), json.dumps({"key": text}).encode(), base64.b64encode(text.encode())):
        assert scanner.names(form) == {"planted"}, form


def test_nothing_is_found_where_nothing_is(scanner: Scanner) -> None:
    for form in (b"", _TEXT[:-1].encode(), base64.b64encode(_TEXT[::-1].encode())):
        assert scanner.names(form) == set()


@pytest.mark.parametrize("text", [_KEY, json.dumps(_KEY), f"before {_KEY} after"])
def test_the_lines_of_private_keys_are_secrets(text: str) -> None:
    assert list(private_keys("there", text)) == [
        Secret("private key in there", "MC4CAQAwBQYDK2VwBCIEIPlantedPlantedPlanted")
    ]


def test_public_keys_are_none() -> None:
    assert list(private_keys("there", _KEY.replace("PRIVATE", "PUBLIC"))) == []


@pytest.mark.parametrize(
    ("mode", "allowed", "found"), [(0o600, True, False), (0o600, False, True), (0o640, True, True), (0o644, True, True)]
)
def test_a_file_may_hold_it_only_where_it_belongs_and_for_its_owner_alone(
    scanner: Scanner, tmp_path: Path, mode: int, allowed: bool, found: bool
) -> None:
    planted = tmp_path / "below" / "file"
    planted.parent.mkdir()
    planted.write_text(f"word {_TEXT} word")
    planted.chmod(mode)
    (tmp_path / "link").symlink_to(planted)
    told = scanner.files(tmp_path, lambda path: allowed and path == Path("below/file"))
    assert told == ([f"{planted} (mode {mode:o}): planted"] if found else [])


def test_what_a_folder_shares_with_a_cache_is_the_caches(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text(_TEXT)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "layer").hardlink_to(tmp_path / "cache")
    assert scanner.files(tmp_path / "lab", lambda _path: False) == []


def test_it_is_found_in_the_arguments_of_a_process_that_lives_a_second(scanner: Scanner) -> None:
    with Arguments() as arguments:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(1)", _TEXT], check=True)
        time.sleep(0.3)
    assert scanner.names(b"\n".join(arguments.seen)) == {"planted"}


@pytest.mark.parametrize("secrets", [[], [Secret("short", "abc")]])
def test_a_scan_that_could_find_nothing_or_anything_is_refused(secrets: list[Secret]) -> None:
    with pytest.raises(ValueError, match=r"find nothing|by chance"):
        Scanner(secrets)
