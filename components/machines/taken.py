"""Whether somebody has the address of a host that is not there yet."""

from __future__ import annotations

import socket
from pathlib import Path

_LIMIT = 4.0
"""Seconds. The kernel gives up asking for a hardware address after three."""
_ARP = Path("/proc/net/arp")


class AddressTaken(Exception):
    """Another machine answers where a host is about to be; the text says who and what to do."""


def refuse_taken(host: str, address: str, mac: str) -> None:
    """Raises `AddressTaken` if anything answers at the address; `mac` is the one that the host will have.

    Asked on SSH's port: also a refusal is an answer. A firewall may keep quiet, but not about its hardware address.
    That one is only seen from a machine on the same network, as the hypervisor is.
    """
    seen = answer(address)
    neighbour = neighbours(_ARP.read_text()).get(address, "")
    if not seen and neighbour not in ("", mac):
        seen = "it keeps quiet"
    if seen:
        raise AddressTaken(
            f"{host}: before its machine is started: the address is taken\n"
            f"  expected: nobody at {address}\n"
            f"  seen: {seen}{f', hardware address {neighbour}' if neighbour else ''}\n"
            f"  next: find that machine (ip neigh show {address}), or give {host} another address in hosts[].address"
        )


def answer(address: str) -> str:
    """What a connection to SSH's port of the address meets; empty for silence."""
    try:
        with socket.create_connection((address, 22), _LIMIT):
            return "something answers on port 22"
    except ConnectionRefusedError:
        return "something refuses a connection to port 22"
    except OSError:  # no such host, no route, no answer in time
        return ""


def neighbours(table: str) -> dict[str, str]:
    """Address -> hardware address, of /proc/net/arp's complete entries (flag 0x2 of ATF_COM, linux/if_arp.h)."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[0]: row[3] for row in rows if len(row) > 3 and int(row[2], 16) & 0x2}
