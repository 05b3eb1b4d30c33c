"""What runs on a host for the probes: shell scripts, made from what is asked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from cilium_lab.disruption.prober import FILES, FOLDER

UNIT = "lab-probe"
STARTED = "started"
"""What `start` prints when nothing asked yet."""
_LIMIT = "20m"
"""After which a forgotten probe ends by itself."""
_NICE = -15
"""A probe that waits for the processor would tell of its own wait, not of the service's."""


def start(source: str, targets: Sequence[str]) -> str:
    """Ask from this host until `stop`, whoever goes meanwhile; a unit that asks already is left alone."""
    words = " ".join(map(quote, ("run", "-for", _LIMIT, "-out", f"{FOLDER}/host-{source}.jsonl", *targets)))
    return f"""set -eu
if systemctl is-active -q {UNIT}; then echo 'asks already'; exit 0; fi
program=$(command -v probe) || {{ echo 'no probe on the PATH: the bundle has it' >&2; exit 1; }}
mkdir -p {FOLDER}
systemd-run -q --unit {UNIT} --collect -p Nice={_NICE} "$program" {words}
echo {STARTED}
"""


def stop() -> str:
    """End the asking, when what was asked is answered."""
    return f"systemctl stop {UNIT} 2>/dev/null || true\n"


def forget() -> str:
    """End the asking, and remove all lines."""
    return f"{stop()}rm -rf {FOLDER}\n"


def host_lines(source: str) -> str:
    """Print what the host itself has asked."""
    return f"cat {FOLDER}/host-{source}.jsonl\n"


def pod_lines() -> str:
    """Print what prober pods on this node have asked."""
    return f'for file in {FOLDER}/{FILES}; do [ -e "$file" ] || continue; cat "$file"; done\n'
