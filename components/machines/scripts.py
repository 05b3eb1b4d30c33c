"""The scripts that run on hosts, and where a host keeps them.

A script lies in a folder named after its own content, so that a command's text changes exactly when the script
does: Pulumi then runs that step again, and no other.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from components.machines.files import File, pack

_SOURCE = Path(__file__).parents[1] / "scripts" / "host"
_LIBRARY = "lib.sh"
HOME = "/usr/local/lib/cilium-lab"


def remote_path(script: str) -> str:
    """Where the script lies on every host. FileNotFoundError for a script that does not exist."""
    return f"{HOME}/{_digest(script)}/{script}"


@functools.cache
def all_scripts() -> str:
    """Every script with its library, packed for `HOME`."""
    library = File((_SOURCE / _LIBRARY).read_text(), 0o644)
    files: dict[str, File] = {}
    for path in sorted(_SOURCE.glob("*.sh")):
        if path.name != _LIBRARY:
            folder = _digest(path.name)
            files |= {f"{folder}/{path.name}": File(path.read_text(), 0o755), f"{folder}/{_LIBRARY}": library}
    return pack(files)


@functools.cache
def _digest(script: str) -> str:
    content = (_SOURCE / script).read_bytes() + (_SOURCE / _LIBRARY).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]
