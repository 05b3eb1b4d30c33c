"""lib.sh, which every script on a host shares, run by bash."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from components.machines.files import File, pack
from tests.helpers.script_sandbox import NAME, SCRIPTS, Sandbox, needs_root

pytestmark = needs_root


def library(sandbox: Sandbox, text: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script that begins as all of them do."""
    sandbox.write("/scripts/host/test.sh", f'#!/bin/bash\n. "$(dirname "$0")/lib.sh"\n{text}\n', 0o755)
    return sandbox.run("host/test.sh", stdin=stdin)


def test_progress_goes_to_standard_error_with_the_hosts_name(sandbox: Sandbox) -> None:
    done = library(sandbox, "say so many words")
    assert (done.stdout, done.stderr) == ("", f"{NAME}: so many words\n")


def test_an_error_says_what_was_expected_what_was_seen_and_what_next(sandbox: Sandbox) -> None:
    done = library(sandbox, "fail 'the step' 'this' 'that' 'do so'; echo not reached")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"{NAME}: test.sh failed: the step\n  expected: this\n  seen: that\n  next: do so\n"


def test_a_file_is_written_once_with_its_mode(sandbox: Sandbox) -> None:
    put = "if put /etc/lab/new/file 640; then echo changed; else echo same; fi"
    assert library(sandbox, put, "text\n").stdout == "changed\n"
    path = sandbox.path("/etc/lab/new/file")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("text\n", 0o640)
    before = path.stat().st_mtime_ns
    assert library(sandbox, put, "text\n").stdout == "same\n"
    assert path.stat().st_mtime_ns == before
    assert library(sandbox, put, "more\n").stdout == "changed\n"
    assert path.read_text() == "more\n"
    assert list(sandbox.path("/tmp").iterdir()) == []


@pytest.mark.parametrize("use", ["put /etc/lab/file || true", "if put /etc/lab/file; then :; fi"])
def test_a_file_that_cannot_be_written_ends_the_script(sandbox: Sandbox, use: str) -> None:
    sandbox.path("/etc/lab").write_text("a file where a folder should be")
    done = library(sandbox, f"{use}; echo not reached", "text\n")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "test.sh failed: writing /etc/lab/file" in done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.rglob("*.sh")), ids=lambda path: path.name)
def test_no_script_puts_a_file_from_behind_a_pipe(script: Path) -> None:
    # put ends the script when it fails; behind a pipe it would end a subshell, and the script would go on
    assert "| put " not in script.read_text()


def test_a_condition_is_polled_until_it_holds(sandbox: Sandbox) -> None:
    done = library(sandbox, 'until_true 10 "it is there" test -e /tmp/flag & sleep 0.5; touch /tmp/flag; wait $!')
    assert done.returncode == 0, done.stderr


def test_a_condition_that_never_holds_is_named_with_the_commands_last_words(sandbox: Sandbox) -> None:
    sandbox.stand_in("probe", "echo not yet >&2; exit 3")
    begun = time.monotonic()
    done = library(sandbox, "until_true 1 'the probe is green' probe --all")
    assert 1 < time.monotonic() - begun < 10
    assert done.returncode == 1
    assert "waiting for: the probe is green" in done.stderr
    assert "expected: true within 1 s" in done.stderr
    assert "seen: not yet (probe --all)" in done.stderr
    assert len(sandbox.calls()) >= 3


def test_a_condition_that_hangs_counts_as_time(sandbox: Sandbox) -> None:
    sandbox.stand_in("probe", "sleep 0.9; exit 1")
    begun = time.monotonic()
    library(sandbox, "until_true 2 'it answers' probe")
    assert time.monotonic() - begun < 6


def test_what_a_quiet_command_prints_is_shown_only_when_it_fails(sandbox: Sandbox) -> None:
    sandbox.stand_in("tool", 'echo out; echo "words of the tool" >&2; exit "$1"')
    done = library(sandbox, "quietly 'the tool' 'mend it' tool 0 all; echo reached")
    assert (done.stdout, done.stderr) == ("reached\n", "")
    done = library(sandbox, "quietly 'the tool' 'mend it' tool 4; echo not reached")
    assert done.returncode == 1
    assert "not reached" not in done.stdout
    assert "words of the tool\n" in done.stderr
    assert "failed: the tool" in done.stderr
    assert "next: mend it" in done.stderr
    assert list(sandbox.path("/tmp").iterdir()) == []


def test_a_bundle_of_files_is_unpacked_where_only_root_can_read(sandbox: Sandbox) -> None:
    files = pack({"key": File("secret\n"), "sub/page": File("all may\n", 0o644)})
    assert library(sandbox, "unpack /run/bundle", files).returncode == 0
    folder = sandbox.path("/run/bundle")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "key").read_text() == "secret\n"
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert (folder / "sub" / "page").stat().st_mode & 0o777 == 0o644


def test_a_damaged_bundle_of_files_fails(sandbox: Sandbox) -> None:
    done = library(sandbox, "unpack /run/bundle; echo not reached", pack({"key": File("x")})[:100])
    assert done.returncode != 0
    assert done.stdout == ""


def test_steps_wait_for_an_earlier_one(sandbox: Sandbox) -> None:
    sandbox.write("/first.sh", "#!/bin/bash\n. /scripts/host/lib.sh\nalone\necho has it\nsleep 1\n", 0o755)
    first = sandbox.start("/first.sh")
    assert first.stdout is not None
    assert first.stdout.readline() == "has it\n"
    begun = time.monotonic()
    assert library(sandbox, "alone; echo mine").stdout == "mine\n"
    assert time.monotonic() - begun > 0.5
    assert first.wait() == 0
    first.communicate()


def test_the_first_failing_command_ends_a_script(sandbox: Sandbox) -> None:
    for failing in ("false", "false | true", "echo $unset_variable"):
        done = library(sandbox, f"{failing}\necho not reached")
        assert done.returncode != 0
        assert "not reached" not in done.stdout
