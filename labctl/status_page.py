"""What `./lab status` says."""

from __future__ import annotations

import subprocess

from labctl import session
from sandbox import sandbox as room


def text() -> str:
    """A few lines: the room, the hosts, the nodes, memory, where to look next."""
    number = room.pid()
    if number is None:
        return "the lab is not running. Next: ./lab up"
    lines = [f"room       open, its PID 1 is {number} on this machine"]
    memory = room.memory_bytes()
    if memory is not None:
        lines.append(f"memory     {memory / 2**30:.2f} GiB")
    lines.append("hosts")
    lines += _indented(["virsh", "-q", "-c", "lxc:///system", "list", "--all"])
    if session.KUBECONFIG.exists():
        lines.append("nodes")
        lines += _indented(["kubectl", "get", "nodes", "-o", "wide", "--request-timeout=5s"])
        lines.append("pages")
        lines += _indented(session.pulumi("stack", "output", "pages", "--stack", session.STACK))
    return "\n".join(lines)


def _indented(argv: list[str]) -> list[str]:
    try:
        printed = session.output(argv)
    except subprocess.CalledProcessError as error:
        printed = f"({' '.join(argv[:3])} ended with {error.returncode})"
    return [f"  {line}" for line in printed.splitlines() if line.strip()]
