"""The request on standard input: what it holds, and what is wrong with one that is none."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest

from cilium_lab.rollout.request import Canary, Desired, Limits, RequestError, parse, render


def test_the_request_round_trips_and_tells_what_is_wrong() -> None:
    desired = Desired(
        "cluster-pool", (IPv4Network("172.20.0.0/16"),), IPv4Network("192.168.0.0/16"), 24,
        {"nodes": IPv4Network("172.31.0.0/20")}, False, False, ("a/b",), "delete", ("c/d",),
        Canary("x", ("u",), ("n",), "e/f"), Limits(agent=5.0),
    )  # fmt: skip
    request = parse(json.dumps({**render(desired), "kubeconfig": "secret"}))
    assert (request.desired, request.kubeconfig) == (desired, "secret")
    for text in ("", "[]", "{}", json.dumps({**render(desired), "kubeconfig": "x", "limits": {"nope": 1}})):
        with pytest.raises(RequestError):
            parse(text)
