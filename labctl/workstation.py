"""Checks of a stack that plain Pulumi has brought up, on a workstation with KVM: without a room and a state of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cilium_lab.paths import ROOT
from labctl import access

PYTHON = ROOT / ".venv" / "bin" / "python"
"""Pulumi makes it (Pulumi.yaml, runtime.options.virtualenv)."""


def verify(stack: str) -> int:
    """Run every check; the exit status is theirs, or 1 where there is no such lab.

    What the checks need is removed when they have ended.
    """
    words = ["pulumi", "--cwd", str(ROOT), "stack", "output", "--json", "--show-secrets", "--stack", stack]
    try:
        asked = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return _refuse("pulumi on the PATH", "none", "install it, or use the embedded stack: ./lab up")
    outputs = json.loads(asked.stdout) if asked.returncode == 0 else {}
    if "expectation" not in outputs:
        seen = asked.stderr.strip()[-500:] or "outputs without it"
        return _refuse(f"a lab's outputs from `{' '.join(words)}`", seen, f"pulumi up --stack {stack}")
    with tempfile.TemporaryDirectory(prefix="cilium-lab-") as name:
        folder = Path(name)  # mode 0700
        access.write(folder, outputs)
        files = [folder / access.EXPECTATION, folder / access.KUBECONFIG, folder / access.SSH_CONFIG]
        return subprocess.run([PYTHON, "-m", "cilium_lab.checks", *files], cwd=ROOT, check=False).returncode


def _refuse(expected: str, seen: str, step: str) -> int:
    print(f"lab verify: expected: {expected}\n  seen: {seen}\n  next: {step}", file=sys.stderr)
    return 1
