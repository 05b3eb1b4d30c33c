"""Where things live: the checkout, the cache (can be rebuilt) and the state (cannot).

The cache and the state lie outside the checkout, so that a fresh clone finds what an earlier one built.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable)
    return Path(value) if value else Path.home() / fallback


CACHE = Path(os.environ.get("CILIUM_LAB_CACHE") or _xdg("XDG_CACHE_HOME", ".cache") / "cilium-lab")
STATE = Path(os.environ.get("CILIUM_LAB_STATE") or _xdg("XDG_STATE_HOME", ".local/state") / "cilium-lab")

CURRENT = CACHE / "current"
"""Symbolic links to the artifacts that this checkout's recipes made: `current/bundle`, `current/rootfs`, ..."""
