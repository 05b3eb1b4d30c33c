"""Where the builder's inputs and results live."""

from __future__ import annotations

from cilium_lab.paths import CACHE, ROOT

MODULES = ROOT / "airgap" / "modules"
"""The project's Go modules: each pins one program, or is one."""
PARTS = CACHE / "parts"
LOGS = CACHE / "logs"
