"""The files that let people and checks into a lab, made of its stack's outputs; each is its owner's alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

KUBECONFIG, SSH_CONFIG, EXPECTATION = "kubeconfig", "ssh-config", "expectation.json"
SSH_KEY, KNOWN_HOSTS = "ssh-key", "ssh-known-hosts"


def write(folder: Path, outputs: Mapping[str, str]) -> None:
    """Write all of them; `outputs` are those of `pulumi stack output --json --show-secrets`."""
    _write_private(folder / KUBECONFIG, outputs["kubeconfig"])
    _write_private(folder / SSH_KEY, outputs["sshKey"])
    _write_private(folder / KNOWN_HOSTS, outputs["sshKnownHosts"])
    # the output names the files where a person would keep them; here they lie beside the configuration
    config = outputs["sshConfig"].replace("~/.ssh/cilium-lab/key", str(folder / SSH_KEY))
    _write_private(folder / SSH_CONFIG, config.replace("~/.ssh/cilium-lab/known_hosts", str(folder / KNOWN_HOSTS)))
    _write_private(folder / EXPECTATION, outputs["expectation"])


def outdated(folder: Path, state: Path) -> bool:
    """Whether the stack's state is newer than the files: a plain `pulumi up` may have changed the keys since."""
    key = folder / SSH_KEY
    return key.exists() and state.exists() and state.stat().st_mtime > key.stat().st_mtime


def _write_private(path: Path, text: str) -> None:
    """Replaced as a whole: another ./lab may be reading it."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    Path(fresh).replace(path)
