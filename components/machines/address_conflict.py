"""Finds another machine at the address of a host that does not run yet."""

from __future__ import annotations

import socket
from pathlib import Path

_LIMIT = 4.0
"""Seconds. The kernel gives up resolving a hardware address after three."""
_ARP = Path("/proc/net/arp")


class AddressConflict(Exception):
    """Another machine answers at a host's address; the text names its hardware address and what to do."""


def check_address(host: str, address: str, mac: str) -> None:
    """Raises `AddressConflict` if anything answers at the address; `mac` is the one that the host will have.

    Tries SSH's port: a refused connection is an answer as well. A firewall may drop it, but not the request for the
    hardware address, which only a machine on the same network sees, as the hypervisor does.
    """
    seen = answer(address)
    neighbour = neighbours(_ARP.read_text()).get(address, "")
    if not seen and neighbour not in ("", mac):
        seen = "no answer"
    if seen:
        raise AddressConflict(
            f"{host}: before its machine is started: the address is in use\n"
            f"  expected: no machine at {address}\n"
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
