"""Whether an address is in use: by a connection to 127.0.0.77, and from a table as the kernel prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.machines import address_conflict
from components.machines.address_conflict import AddressConflict, check_address, neighbours

TABLE = """\
IP address       HW type     Flags       HW address            Mask     Device
172.31.1.20      0x1         0x2         de:ad:be:ef:00:01     *        lab-nodes
172.31.1.21      0x1         0x0         00:00:00:00:00:00     *        lab-nodes
"""
MAC = "52:54:00:1f:01:14"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "arp").write_text(TABLE)
    monkeypatch.setattr(address_conflict, "_ARP", tmp_path / "arp")


def test_neighbours_are_those_that_have_answered() -> None:
    assert neighbours(TABLE) == {"172.31.1.20": "de:ad:be:ef:00:01"}


def test_a_refusal_is_an_answer() -> None:
    with pytest.raises(AddressConflict) as raised:  # this machine refuses, or runs an sshd and answers
        check_address("router", "127.0.0.77", MAC)
    text = str(raised.value)
    for words in ("router", "expected: no machine at 127.0.0.77", "port 22", "next: "):
        assert words in text


def test_a_silent_neighbour_is_seen_by_its_hardware_address(table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_conflict, "answer", lambda _address: "")
    with pytest.raises(AddressConflict, match=r"no answer, hardware address de:ad:be:ef:00:01"):
        check_address("router", "172.31.1.20", MAC)


def test_silence_and_the_hosts_own_stale_entry_are_no_obstacle(table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_conflict, "answer", lambda _address: "")
    check_address("router", "172.31.1.20", "de:ad:be:ef:00:01")
    check_address("router", "172.31.1.21", MAC)
