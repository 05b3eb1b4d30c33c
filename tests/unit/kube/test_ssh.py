"""ssh as a command: pinned keys in files of the owner alone, and errors that name the host."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from cilium_lab.kube.conditions import Condition, ConditionTimeout, Result, Waiter, met
from cilium_lab.kube.ssh import HostError, Ssh, on_all, pinned

_PROGRAM = """#!/bin/sh
[ "$1" = -F ] || exit 9
host= last=
for word do host=$last last=$word; done
case $host in
  broken) echo 'no route to host' >&2; exit 255 ;;
  *) echo "$host $last"; cat "$2"; exec sh -s ;;
esac
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ssh"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_a_script_runs_on_a_host_that_the_file_names(tmp_path: Path) -> None:
    config = tmp_path / "ssh-config"
    config.write_text("Host router\n")
    assert Ssh(config)("router", "echo $((1 + 1))") == "router sh -s\nHost router\n2\n"


def test_addresses_and_pinned_keys_become_a_file_that_trusts_nothing_else() -> None:
    with pinned({"router": "172.31.1.20"}, "a key", "172.31.1.20 ssh-ed25519 A") as shell:
        folder = shell.config.parent
        said = shell("router", "true")
        for line in ("  HostName 172.31.1.20", "  User root", "  StrictHostKeyChecking yes", "  IdentitiesOnly yes"):
            assert line in said.splitlines()
        assert f'  IdentityFile "{folder / "key"}"' in said.splitlines()
        assert f'  UserKnownHostsFile "{folder / "known_hosts"}"' in said.splitlines()
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(
            ("key", "known_hosts", "config"), 0o600
        )
        assert (folder / "key").read_text() == "a key"
    assert not folder.exists()


def test_errors_name_the_host_and_give_its_own_words(tmp_path: Path) -> None:
    config = tmp_path / "ssh-config"
    config.touch()
    with pytest.raises(HostError, match="broken: exit status 255: no route to host"):
        Ssh(config)("broken", "true")
    with pytest.raises(HostError, match="router: no end within"):
        Ssh(config, timeout=0.2)("router", "exec sleep 30")
    with pytest.raises(HostError, match="broken"):
        on_all({"router": "true", "broken": "true"}, Ssh(config))


def test_scripts_on_all_hosts_end_with_the_condition_that_waits_for_them(tmp_path: Path) -> None:
    config = tmp_path / "ssh-config"
    config.touch()

    def look() -> Result:
        on_all({"router": "exec sleep 45", "k8s-cp": "exec sleep 45"}, Ssh(config))
        return met("never")

    started = time.monotonic()
    with pytest.raises(ConditionTimeout, match="no end within"):
        Waiter(lambda _: None).wait(Condition("hosts answer", look, 2.0))
    assert time.monotonic() - started < 30
