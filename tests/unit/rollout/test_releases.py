"""From which release of Cilium to which a live cluster can go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cilium_lab.config.versions import CILIUM_RELEASES
from cilium_lab.kube.objects import Release, Snapshot
from cilium_lab.rollout.preflight import fixed
from cilium_lab.rollout.preview import preview
from cilium_lab.rollout.releases import running, too_far
from tests.helpers.migration_world import BACK, agent, world

STUDY, PATCHED, SECOND, THIRD, FOURTH = CILIUM_RELEASES


def at(helm: str, **agents: str) -> Snapshot:
    """A cluster whose Helm has deployed that release, and whose agents run it, but for those named: k8s_w1=VERSION."""
    snapshot = world()
    pods = tuple(one for one in snapshot.pods if one.labels.get("k8s-app") != "cilium")
    for node in snapshot.nodes:
        version = agents.get(node.name.replace("-", "_"), helm)
        image = {"name": "cilium-agent", "image": f"quay.io/cilium/cilium:v{version}"}
        pods += (replace(agent(node.name), spec={"containers": [{"name": "config", "image": "x:v9.9.9"}, image]}),)
    return replace(snapshot, release=Release(helm, {}), pods=pods)


def step(wanted: str, snapshot: Snapshot) -> str:
    return ": ".join(too_far(replace(BACK, chart=wanted), snapshot) or ())


def test_the_release_of_helm_and_of_every_agent_is_known() -> None:
    snapshot = at(SECOND, k8s_w2=STUDY)
    assert dict(running(snapshot)) == {
        "Helm's release": SECOND,
        **{f"the agent of {node.name}": SECOND for node in snapshot.nodes if node.name != "k8s-w2"},
        "the agent of k8s-w2": STUDY,
    }


def test_an_image_by_digest_tells_its_release_by_its_tag_and_one_without_tells_none() -> None:
    snapshot = at(SECOND)
    (first, *rest) = (one for one in snapshot.pods if one.labels.get("k8s-app") == "cilium")
    by_digest = {"name": "cilium-agent", "image": "quay.io/cilium/cilium:v1.18.1@sha256:ab"}
    without = {"name": "cilium-agent", "image": "registry.local/cilium:mine"}
    for container, version in ((by_digest, "1.18.1"), (without, None)):
        pods = (replace(first, spec={"containers": [container]}), *rest)
        assert running(replace(snapshot, pods=pods)).get(f"the agent of {first.node}") == version


@pytest.mark.parametrize(
    ("now", "wanted"),
    [(STUDY, STUDY), (STUDY, PATCHED), (PATCHED, STUDY), (STUDY, SECOND), (FOURTH, THIRD)],
)
def test_one_minor_release_up_or_back_is_a_step(now: str, wanted: str) -> None:
    assert step(wanted, at(now)) == ""


@pytest.mark.parametrize(
    ("now", "wanted", "between"),
    [(STUDY, THIRD, SECOND), (STUDY, FOURTH, SECOND), (FOURTH, SECOND, THIRD)],
)
def test_a_larger_step_is_refused_with_the_release_between(now: str, wanted: str, between: str) -> None:
    told = step(wanted, at(now))
    assert f"versions.cilium {now} -> {wanted} cannot be done in one step" in told
    assert f"set versions.cilium to {between}, run `pulumi up`" in told


def test_a_release_between_that_is_not_in_the_table_goes_by_its_minor() -> None:
    assert "set versions.cilium to 1.21.x" in step("1.22.0", at(FOURTH))


def test_an_agent_that_an_unfinished_upgrade_has_left_counts() -> None:
    told = step(THIRD, at(SECOND, k8s_w2=STUDY))
    assert f"the agent of k8s-w2 is of {STUDY}" in told
    assert step(STUDY, at(SECOND, k8s_w2=STUDY)) == ""  # the way back is one step for all


def test_a_new_cluster_has_no_step() -> None:
    assert step(FOURTH, replace(world(), pods=())) == ""


def test_the_preview_refuses_it_before_anything_has_changed() -> None:
    snapshot = at(STUDY)
    wanted = replace(BACK, chart=FOURTH, values={"debug": {"enabled": True}})
    assert [failure.transient for failure in fixed(wanted, snapshot)] == [False]
    found = preview(wanted, snapshot)
    assert found.refused
    assert "one minor release at a time" in "\n".join(found.lines)
