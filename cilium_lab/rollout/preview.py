"""What a preview tells about a migration before anything happens: one quick look at the live cluster."""

from __future__ import annotations

from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.preflight import describe, nodes_to_move, outages, refusals
from cilium_lab.rollout.request import Desired

_SECONDS = 5.0
"""A cluster that does not answer within this is told as such: a preview must not hang on it."""


def foresee(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """What the next run would do to pods, or why it would refuse; empty if it has nothing to do."""
    now = snapshot.configured
    if now is None:
        return ()
    same = now.mode == desired.mode and (desired.mode == "kubernetes" or set(desired.pools) <= set(now.pools))
    if same and not nodes_to_move(desired, snapshot):
        return ()
    found = refusals(desired, snapshot)
    if found:
        return (f"the change to {desired.mode} would be refused:", *(f"  - {refusal}" for refusal in found))
    return (describe(desired, snapshot), *(f"  note: {line}" for line in outages(desired, snapshot)))


def look_ahead(desired: Desired, kubeconfig: str) -> tuple[str, ...]:
    """The same of the cluster that the kubeconfig names. Agents are not asked, so that it takes no longer than that."""
    try:
        with KubectlApi(kubeconfig, attempts=1, timeout=_SECONDS) as api:
            return foresee(desired, Cluster(api, desired.masqueraded_not).snapshot())
    except ApiError as error:
        return (f"what a migration would do to pods cannot be told, the cluster does not answer: {error}",)
