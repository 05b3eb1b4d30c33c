"""How a node is drained, on a simulated cluster."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tests.helpers.simulated_api import SimulatedApi
from tests.helpers.simulated_cluster import SimulatedCluster
from tests.unit.rollout.test_engine import configure, desired, migrate


def test_pods_leave_a_node_one_after_the_other() -> None:
    # what starts at once elsewhere starves all others of the cores: outages of half a second were seen
    moved: list[tuple[float, str]] = []

    class Timed(SimulatedApi):
        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            if path.endswith("/eviction") or path.startswith("/apis/apps/v1/"):
                moved.append((self.cluster.now, "evicted" if path.endswith("/eviction") else "restarted"))
            return super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"), Timed(cluster))
    assert done, "\n".join(told)
    assert {how for _, how in moved} == {"evicted", "restarted"}
    assert all(later - earlier > 0.29 for (earlier, _), (later, _) in pairwise(moved)), moved
