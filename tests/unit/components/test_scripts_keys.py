"""Keys of a new epoch on a host that runs: new-key.sh makes them, give-keys.sh brings them to a real sshd."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from components.machines.files import File, pack
from components.machines.identity import key_files
from components.machines.keys import Pair, read_pairs
from components.machines.rotation import keys_bundle
from tests.helpers.script_sandbox import SCRIPTS, Sandbox, needs_root

ADDRESS = "127.0.0.1"
_SSHD = """
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
SetEnv PATH=/stand-ins:/usr/bin:/bin
"""


def new_key(epoch: int, earlier: str = "", comment: str = "k8s-w1") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PULUMI_COMMAND_STDOUT": earlier}
    words = [SCRIPTS / "local" / "new-key.sh", comment, str(epoch)]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def epochs(count: int) -> Sequence[Pair]:
    """The pairs after so many epochs, the newest first."""
    printed = ""
    for epoch in range(1, count + 1):
        printed = new_key(epoch, printed).stdout.removesuffix("\n")  # the plugin takes one line feed off
    return read_pairs(printed)


# --- new-key.sh


def test_every_epoch_puts_its_pair_before_the_earlier_ones() -> None:
    first = new_key(1).stdout.strip()
    second = new_key(2, first).stdout.strip()
    fourth = new_key(4, second).stdout.strip()
    assert [pair["epoch"] for pair in json.loads(fourth)] == [4, 2, 1]
    assert json.loads(fourth)[1:] == json.loads(second)
    assert json.loads(second)[1:] == json.loads(first)
    assert len({pair.private for pair in read_pairs(fourth)}) == 3


def test_a_run_in_the_same_epoch_changes_no_key() -> None:
    second = new_key(2, new_key(1).stdout.strip()).stdout
    assert new_key(2, second.strip(), comment="another").stdout == second


def test_keys_are_never_changed_back() -> None:
    done = new_key(2, new_key(3).stdout.strip())
    assert done.returncode != 0
    assert "expected: 3 or more" in done.stderr
    assert "seen: 2" in done.stderr
    assert "pulumi config set keyEpoch 4" in done.stderr
    assert "PRIVATE" not in done.stderr


def test_the_pair_of_a_lab_from_before_there_were_epochs_stays() -> None:
    old = '{"private": "-----BEGIN\\nx\\n-----END\\n", "public": "ssh-ed25519 AAAA k8s-w1"}'
    kept = read_pairs(new_key(1, old).stdout)
    assert kept == [Pair("-----BEGIN\nx\n-----END\n", "ssh-ed25519 AAAA k8s-w1")]
    assert list(read_pairs(new_key(2, old).stdout))[1:] == kept


# --- give-keys.sh, install-keys.sh and revoke-old-keys.sh


class Host:
    """A sandbox with sshd in it: it has been given the keys of some epoch."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._daemon: subprocess.Popen[str] | None = None
        sandbox.run("usermod", "--password", "*", "root")  # sshd without PAM refuses locked accounts
        sandbox.write("/sshd_config", _SSHD)
        sandbox.write("/run/sshd/.keep", "")
        sandbox.stand_in("systemctl", "kill -HUP $(cat /run/sshd.pid)")
        self.root = f"{sandbox.folder}/root"

    def born(self, user: Pair, own: Pair) -> None:
        for path, file in key_files(user.public, own.private, own.public).items():
            self.sandbox.write(f"/{path}", file.text, file.mode)
        self.sandbox.path("/root/.ssh").chmod(0o700)

    def start(self) -> None:
        self._daemon = self.sandbox.start("/usr/sbin/sshd", "-D", "-e", "-f", "/sshd_config")
        for _ in range(100):
            if self.sandbox.path("/run/sshd.pid").exists():
                return
            time.sleep(0.05)
        raise AssertionError("sshd did not start")

    def stop(self) -> None:
        if self._daemon:  # what was started is nsenter, whose end would leave sshd with the pipes
            self.sandbox.run("sh", "-c", "kill $(cat /run/sshd.pid)")
            self._daemon.communicate()

    def give(self, users: Sequence[Pair], hosts: Sequence[Pair], seconds: int = 5) -> subprocess.CompletedProcess[str]:
        bundle = keys_bundle(ADDRESS, users, hosts)
        return self.sandbox.run("local/give-keys.sh", ADDRESS, str(seconds), stdin=bundle)

    def opens(self, user: Pair, own: Pair) -> bool:
        """Whether that user key gets in while that host key is expected."""
        self.sandbox.write("/try/key", user.private, 0o600)
        self.sandbox.write("/try/known_hosts", f"{ADDRESS} {own.public}\n")
        options = [
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=/try/known_hosts",
        ]
        words = [word for option in options for word in ("-o", option)]
        return (
            self.sandbox.run("ssh", "-F", "none", "-i", "/try/key", *words, f"root@{ADDRESS}", "true").returncode == 0
        )

    def only(self, user: Pair) -> subprocess.CompletedProcess[str]:
        return self.sandbox.run("host/revoke-old-keys.sh", stdin=user.public)


@pytest.fixture
def host(sandbox: Sandbox) -> Iterator[Host]:
    made = Host(sandbox)
    yield made
    made.stop()


@needs_root
def test_new_keys_are_taken_beside_the_old_one_which_ends_last(host: Host) -> None:
    users, own = epochs(2), epochs(2)
    host.born(users[1], own[1])
    host.start()
    assert host.opens(users[1], own[1])
    done = host.give(users, own)
    assert done.returncode == 0, done.stderr
    assert host.opens(users[0], own[0])
    assert host.opens(users[1], own[0]), "the old user key must work until all hosts have the new one"
    assert not host.opens(users[0], own[1]), "the host still shows its old key"
    assert host.only(users[0]).returncode == 0
    assert host.opens(users[0], own[0])
    assert not host.opens(users[1], own[0])


@needs_root
def test_a_host_with_todays_keys_is_left_alone(host: Host) -> None:
    users, own = epochs(1), epochs(1)
    host.born(users[0], own[0])
    host.start()
    before = host.sandbox.written()
    host.sandbox.calls()
    assert host.give(users, own).returncode == 0
    assert host.only(users[0]).returncode == 0
    assert host.sandbox.calls() == []
    ignored = ("/root/.ssh/known_hosts", "/run")
    assert {k: v for k, v in host.sandbox.written().items() if not k.startswith(ignored)} == before


@needs_root
@pytest.mark.parametrize("done", ["nothing", "user key", "public half", "host key"])
def test_a_change_that_was_killed_anywhere_is_finished_by_the_next(host: Host, done: str) -> None:
    users, own = epochs(3), epochs(3)  # one epoch was missed altogether
    host.born(users[2], own[2])
    host.start()
    steps = ["nothing", "user key", "public half", "host key"].index(done)
    if steps >= 1:
        host.sandbox.write("/root/.ssh/authorized_keys", f"{users[1].public}\n{users[2].public}\n", 0o600)
    if steps >= 2:
        host.sandbox.write("/etc/ssh/ssh_host_ed25519_key.pub", f"{own[1].public}\n")
    if steps >= 3:
        host.sandbox.write("/etc/ssh/ssh_host_ed25519_key", own[1].private, 0o600)
    given = host.give(users, own)
    assert given.returncode == 0, given.stderr
    assert host.opens(users[0], own[0])


@needs_root
def test_a_strange_host_is_told_nothing(host: Host) -> None:
    users, own = epochs(2), epochs(2)
    stranger = epochs(1)[0]
    host.born(users[1], stranger)
    host.start()
    done = host.give(users, own, seconds=1)
    assert done.returncode != 0
    assert "giving the host its keys failed" in done.stderr
    assert "one of 2 host keys is shown, one of 2 user keys fits" in done.stderr
    assert "Host key verification failed" in done.stderr
    assert "PRIVATE" not in done.stderr
    assert users[0].public not in host.sandbox.path("/root/.ssh/authorized_keys").read_text()


def test_private_keys_travel_in_private_files_alone(tmp_path: Path) -> None:
    users, own = epochs(2), epochs(3)
    bundle = keys_bundle("172.31.1.11", users, own)
    subprocess.run(f"base64 -d | tar -x -C {tmp_path}", shell=True, input=bundle, text=True, check=True)
    found = {path.name: path for path in tmp_path.iterdir()}
    assert found.keys() == {"user-00", "user-01", "known_hosts", "known_hosts-now", "for-host"}
    assert found["user-00"].read_text() == users[0].private
    assert found["known_hosts"].read_text().splitlines() == [f"172.31.1.11 {pair.public}" for pair in own]
    assert {path.stat().st_mode & 0o077 for path in found.values()} == {0}
    assert found["for-host"].read_text() == pack(
        {
            "authorized_key": File(f"{users[0].public}\n"),
            "ssh_host_ed25519_key": File(own[0].private),
            "ssh_host_ed25519_key.pub": File(f"{own[0].public}\n", 0o644),
        }
    )
