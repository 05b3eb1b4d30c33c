"""Check that Hubble sees what the pods do."""

from __future__ import annotations

import json
from typing import Any

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import agents, in_agent, in_pod
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.traffic import CURL_POD, curl_pod

_LAST = 200
# Hubble's own socket: it shows the flows of this node without the relay.
_SOCKET = "unix:///var/run/cilium/hubble.sock"


def hubble_shows_flows(want: Expectation, context: Context) -> Result:
    """curl-pod asks a name, a webpod and the router; its node's Hubble shows the three flows as forwarded."""
    in_pod(context, CURL_POD, f"curl -s -m 3 http://webpod/ http://{want.router_address}/ >/dev/null || true")
    agent = agents(context)[curl_pod(context).node]
    source = f"--server {_SOCKET} --from-pod default/{CURL_POD}"
    observe = f"hubble observe {source} --verdict FORWARDED --last {_LAST}"
    flows = parse_flows(in_agent(context, agent, f"{observe} -o json"))
    shown = {
        "DNS": any(port(flow) == 53 for flow in flows),
        "webpod": any(
            port(flow) == 80 and flow.get("destination", {}).get("pod_name", "").startswith("webpod-") for flow in flows
        ),
        "the router": any(
            port(flow) == 80 and flow.get("IP", {}).get("destination") == want.router_address for flow in flows
        ),
    }
    missing = [name for name, there in shown.items() if not there]
    if missing:
        return failed(
            expected=f"forwarded flows from {CURL_POD} to {', '.join(shown)}",
            seen=f"{len(flows)} flows, none to {' or '.join(missing)}",
            hint=f"`{observe}` in the agent {agent}",
        )
    return passed(f"{len(flows)} flows, among them to {', '.join(shown)}")


def parse_flows(text: str) -> list[dict[str, Any]]:
    """The flows in the lines of `hubble observe -o json`; lines about lost events carry none."""
    return [answer["flow"] for line in text.splitlines() if line.strip() and "flow" in (answer := json.loads(line))]


def port(flow: dict[str, Any]) -> int:
    """The destination port of a TCP or UDP flow, else 0."""
    layers: dict[str, dict[str, int]] = flow.get("l4", {})
    return next((layer.get("destination_port", 0) for layer in layers.values()), 0)
