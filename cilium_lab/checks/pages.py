"""Checks of the add-ons' pages, asked for from the router: a machine outside the cluster."""

from __future__ import annotations

import json
from collections import Counter

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation

# The jobs of components/addons/prometheus.py that read Cilium.
_AGENT_JOBS = ("cilium-agent", "hubble")
_OPERATOR_JOB = "cilium-operator"


def prometheus_has_targets(want: Expectation, context: Context) -> Result:
    """Prometheus answers on the NodePort of every node and scrapes each agent, the operator and Hubble."""
    port = want.prometheus_port
    urls = [f"http://{address}:{port}/-/ready" for address in want.nodes.values()]
    codes = status_codes(context, want.router, urls)
    query = f"http://{want.nodes[want.control_plane]}:{port}/api/v1/query?query=up"
    answer = json.loads(context.ssh(want.router, f"curl -s -m 5 '{query}'"))
    up = Counter(row["metric"]["job"] for row in answer["data"]["result"] if row["value"][1] == "1")
    jobs = _AGENT_JOBS if want.hubble else _AGENT_JOBS[:1]
    complete = all(up[job] == len(want.nodes) for job in jobs) and up[_OPERATOR_JOB] >= 1
    seen = ", ".join(f"{job} {count}" for job, count in sorted(up.items())) or "no target is up"
    if codes != ["200"] * len(urls) or not complete:
        wanted = ", ".join([*(f"{job} {len(want.nodes)}" for job in jobs), f"{_OPERATOR_JOB} 1"])
        return failed(
            expected=f"status 200 on port {port} of every node; up: {wanted}",
            seen=f"status {', '.join(codes)}; up: {seen}",
            hint=f"http://{want.nodes[want.control_plane]}:{port}/targets",
        )
    return passed(f"port {port} of {len(urls)} nodes; up: {seen}")


def pages_answer(want: Expectation, context: Context) -> Result:
    """Every further page answers with status 200."""
    codes = dict(zip(want.pages, status_codes(context, want.router, list(want.pages.values())), strict=True))
    if any(code != "200" for code in codes.values()):
        return failed(
            expected="status 200 from " + ", ".join(want.pages.values()),
            seen=", ".join(f"{name} {code}" for name, code in codes.items()),
            hint="the pods and Services behind these NodePorts",
        )
    return passed(", ".join(f"{name} {url}" for name, url in want.pages.items()))


def status_codes(context: Context, host: str, urls: list[str]) -> list[str]:
    """The HTTP status of each URL as seen from `host`, 000 if there is no answer within 5 s."""
    commands = [f"curl -s -o /dev/null -m 5 -w '%{{http_code}}\\n' '{url}' || true" for url in urls]
    return context.ssh(host, "; ".join(commands)).split()
