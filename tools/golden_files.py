"""Makes tests/golden/lab/: what the stack `lab` tells its machines at their first boot, and kubeadm on them.

python3 -m tools.golden_files

A difference to these files is a change of what users get; look at it before committing it. Keys are placeholders.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from cilium_lab.config.load import parse
from components.kubernetes.documents import init_documents, join_documents, to_yaml
from components.machines.cloud_init import network_config, user_data

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "lab"
USER_KEY = "ssh-ed25519 AAAAuser cilium-lab"
HOST_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nplaceholder\n-----END OPENSSH PRIVATE KEY-----"
HOST_PUBLIC_KEY = "ssh-ed25519 AAAAhost"


def golden_files() -> dict[str, str]:
    """Text by file name, for the four machines of the study."""
    stack = yaml.safe_load((ROOT / "Pulumi.lab.yaml").read_text())["config"]
    lab = parse({key.removeprefix("cilium-lab:"): value for key, value in stack.items()})
    files = {"kubeadm-init.yaml": to_yaml(*init_documents(lab))}
    for host in lab.topology.hosts:
        files[f"{host.name}.user-data"] = user_data(host, USER_KEY, HOST_KEY, f"{HOST_PUBLIC_KEY} {host.name}")
        files[f"{host.name}.network-config"] = network_config(host, lab.topology)
    for host in lab.topology.workers:
        files[f"kubeadm-join.{host.name}.yaml"] = to_yaml(*join_documents(lab, host))
    return files


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    files = golden_files()
    for old in GOLDEN.iterdir():
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (GOLDEN / name).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
