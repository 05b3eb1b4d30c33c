"""One core kept busy, inside the lab, for as long as a measurement takes and never longer than two hours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import sandbox as room

_LONGEST = "7200"
_LOOP = "while :; do :; done"


@contextmanager
def one_core(wanted: bool) -> Iterator[None]:
    """Nothing at all unless it is wanted."""
    if not wanted:
        yield
        return
    words = room.command(["timeout", _LONGEST, "sh", "-c", _LOOP], Path("/"))
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
