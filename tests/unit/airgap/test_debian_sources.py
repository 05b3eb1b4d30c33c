"""Which Debian mirror a tree is made from, and what must not remain in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.builder.recipe import BuildError
from airgap.recipes.debian import Source, choose, parse_deb822, parse_list, trim

DEB822 = """\
Types: deb
# the archive as it was on one day
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://mirror.example/off
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# a comment
deb [arch=amd64 signed-by=/etc/keys/k.gpg] http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main non-free
deb http://vendor.example/apt stable contrib
deb-src http://mirror.example/debian bookworm main
"""


def test_deb822_stanzas_become_one_source_per_suite() -> None:
    key = "/usr/share/keyrings/archive.gpg"
    assert list(parse_deb822(DEB822)) == [
        Source("http://mirror.example/debian", "bookworm", key),
        Source("http://mirror.example/debian", "bookworm-updates", key),
    ]


def test_one_line_sources_keep_their_key_and_need_main() -> None:
    assert list(parse_list(ONE_LINE)) == [
        Source("http://mirror.example/debian", "bookworm", "/etc/keys/k.gpg"),
        Source("http://mirror.example/security", "bookworm-security", ""),
    ]


def test_a_source_is_written_as_it_was_read() -> None:
    for source in parse_list(ONE_LINE):
        assert list(parse_list(source.line())) == [source]


def test_the_release_comes_first_and_others_are_left_out() -> None:
    sources = [
        Source("u", "bookworm-security", ""),
        Source("u", "trixie", ""),
        Source("u", "bookworm", ""),
    ]
    assert [source.suite for source in choose(sources)] == ["bookworm", "bookworm-security"]


@pytest.mark.parametrize("suites", [[], ["trixie"], ["bookworm-security"]])
def test_a_machine_without_the_release_is_told_what_was_found(suites: list[str]) -> None:
    with pytest.raises(BuildError, match=f"found {suites[0] if suites else 'nothing'}"):
        choose([Source("u", suite, "") for suite in suites])


def test_trimming_leaves_licences_and_no_trace_of_the_mirror(tmp_path: Path) -> None:
    gone = [
        "etc/apt/sources.list",
        "etc/resolv.conf",
        "etc/machine-id",
        "etc/ssh/ssh_host_ed25519_key",
        "etc/shadow-",
        "var/lib/apt/lists/mirror.example_debian_Packages",
        "var/log/bootstrap.log",
        "usr/share/doc/bash/README",
        "usr/share/man/man1/bash.1.gz",
    ]
    kept = ["etc/shadow", "etc/ssh/sshd_config", "usr/share/doc/bash/copyright", "var/lib/dpkg/status"]
    for name in (*gone, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "usr/share/doc/bash/examples").mkdir()
    trim(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(kept)
    assert not (tmp_path / "usr/share/doc/bash/examples").exists()
