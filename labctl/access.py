"""The files that let people and checks into a lab, made of its stack's outputs; each is its owner's alone."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KUBECONFIG, SSH_CONFIG, EXPECTATION = "kubeconfig", "ssh-config", "expectation.json"
SSH_KEY, KNOWN_HOSTS = "ssh-key", "ssh-known-hosts"


def write(folder: Path, outputs: Mapping[str, Any]) -> None:
    """Write all of them; `outputs` are those of `pulumi stack output --json --show-secrets`."""
    _write_private(folder / KUBECONFIG, outputs["kubeconfig"])
    _write_private(folder / KNOWN_HOSTS, outputs["sshKnownHosts"])
    # the output names the files where a person would keep them; here they lie beside the configuration
    config = outputs["sshConfig"].replace("~/.ssh/cilium-lab/key", str(folder / SSH_KEY))
    _write_private(folder / SSH_CONFIG, config.replace("~/.ssh/cilium-lab/known_hosts", str(folder / KNOWN_HOSTS)))
    expectation = outputs["expectation"]
    _write_private(folder / EXPECTATION, expectation if isinstance(expectation, str) else json.dumps(expectation))
    _write_private(folder / SSH_KEY, outputs["sshKey"])  # the last: its time is that of them all


def outdated(folder: Path, state: Path) -> bool:
    """Whether the files are missing or older than the stack's state: a plain `pulumi up` may have changed the keys."""
    key = folder / SSH_KEY
    return not key.exists() or (state.exists() and state.stat().st_mtime > key.stat().st_mtime)


def _write_private(path: Path, text: str) -> None:
    """Replaced as a whole: another ./lab may be reading it."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    Path(fresh).replace(path)
