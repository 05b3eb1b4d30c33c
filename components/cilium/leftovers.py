"""Removes the records of a Helm run that was killed before it could end, or before Pulumi could note it.

Helm keeps one Secret for each revision of a release. Killed in the middle it leaves one that says `pending-...`, and
from then on it refuses every further run of that release; killed after the end but before Pulumi's note, Pulumi would
install a release that is there already, which Helm refuses too. The records can be taken away: the objects that the
chart made stay as they are and bear the release's name, by which Helm takes them over.
"""

from __future__ import annotations

import os
import subprocess
import tempfile

import pulumi

_PENDING = "status in (pending-install, pending-upgrade, pending-rollback)"


def without_leftover_release(name: str, namespace: str, kubeconfig: pulumi.Output[str]) -> pulumi.ResourceHookBinding:
    """Hooks for a release: all its records go before it is created, those of unfinished runs before it is updated."""

    async def before_create(_args: pulumi.ResourceHookArgs) -> None:
        _forget(f"owner=helm,name={name}", namespace, await _value(kubeconfig))

    async def before_update(_args: pulumi.ResourceHookArgs) -> None:
        _forget(f"owner=helm,name={name},{_PENDING}", namespace, await _value(kubeconfig))

    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook(f"without-leftover-release-{name}", before_create)],
        before_update=[pulumi.ResourceHook(f"without-unfinished-release-{name}", before_update)],
    )


async def _value(output: pulumi.Output[str]) -> str:
    value = await output.future()
    if not value:
        raise RuntimeError("the kubeconfig is not known, so it can't be seen whether Helm was interrupted")
    return value


def _forget(selector: str, namespace: str, kubeconfig: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="cilium-lab-") as file:  # mode 0600
        file.write(kubeconfig)
        file.flush()
        words = ["kubectl", "delete", "secret", "--namespace", namespace, "--selector", selector]
        done = subprocess.run(
            [*words, "--output=name"],
            env={**os.environ, "KUBECONFIG": file.name},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"looking for records of an interrupted Helm: {' '.join(words)}: {done.stderr.strip()}")
    removed = [line for line in done.stdout.splitlines() if line.startswith("secret/")]  # else: No resources found
    if removed:
        pulumi.log.warn(f"Helm was interrupted; its records are removed: {' '.join(removed)}")
