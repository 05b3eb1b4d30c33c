"""The probes in the whole lab: what comes before what, and where the key may go."""

from __future__ import annotations

import functools
import json

from tests.helpers.pulumi_recorder import Recording
from tests.helpers.recorded_lab import PRIVATE_KEY, record_lab


@functools.cache
def lab(*, probe: bool) -> Recording:
    return record_lab("embedded", migration={"probe": probe})


def test_the_workload_is_there_on_request_alone_and_before_the_preflight() -> None:
    names = ("probe-deployment", "probe-service", "probe-poddisruptionbudget")
    assert not {*names, "probe"} & lab(probe=False).by_name().keys()
    found = lab(probe=True).by_name()
    before = {urn.rpartition("::")[2] for urn in found["migration-preflight"].request.dependencies}
    assert set(names) <= before
    assert any(name.startswith("k8s-w2-") for name in before)
    # it is declared before there is a network, so its pods are not waited for; its end is
    annotations = found["probe-deployment"].inputs["metadata"]["annotations"]
    assert annotations == {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}


def test_the_preflight_and_the_migration_know_the_hosts() -> None:
    for name in ("migration-preflight", "migration-run"):
        stdin = lab(probe=True).by_name()[name].request.object["stdin"]
        document = json.loads(stdin["value"])
        assert document["hosts"]["nodes"] == {"k8s-cp": "172.31.1.10", "k8s-w1": "172.31.1.11", "k8s-w2": "172.31.1.12"}
        assert document["hosts"]["inside"] == ["k8s-cp", "k8s-w1"]
        assert (document["hosts"]["router"], document["hosts"]["behind"]) == ("router", "10.10.1.200")
        assert document["hosts"]["key"] == PRIVATE_KEY
        assert document["hosts"]["knownHosts"].count("ssh-ed25519") == 4
        assert "hosts" not in json.loads(lab(probe=False).by_name()[name].request.object["stdin"]["value"])
