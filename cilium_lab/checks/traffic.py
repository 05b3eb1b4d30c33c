"""Checks of the data path inside the cluster: spread, Service, DNS and source addresses."""

from __future__ import annotations

import re
from collections import Counter

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import Pod, get_object, in_pod, ready_pods
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation

WEBPOD = "app=webpod"
CURL_POD = "curl-pod"
CLUSTER_DOMAIN = "svc.cluster.local"

# With two backends chosen at random, one of them is missed once in half a million times.
_REQUESTS = 20


def webpods_spread(_want: Expectation, context: Context) -> Result:
    """Two webpods, each on a node of its own."""
    pods = ready_pods(context, WEBPOD)
    nodes = {pod.node for pod in pods}
    seen = ", ".join(f"{pod.name} on {pod.node}" for pod in pods) or "no ready webpod"
    if len(pods) < 2 or len(nodes) != len(pods):
        return failed(
            expected="at least two ready webpods on different nodes",
            seen=seen,
            hint="`kubectl describe pod -l app=webpod`: anti-affinity, room on the nodes, readiness",
        )
    return passed(seen)


def service_reaches_all(_want: Expectation, context: Context) -> Result:
    """curl-pod asks the Service by name: no request fails, and every webpod gets some."""
    ask = "curl -s -m 2 http://webpod/ | grep -m 1 '^Hostname: ' || echo none"
    script = f"for i in $(seq {_REQUESTS}); do {ask}; done"
    answers = Counter(
        line.removeprefix("Hostname: ").strip() for line in in_pod(context, CURL_POD, script).splitlines()
    )
    backends = {pod.name for pod in ready_pods(context, WEBPOD)}
    seen = ", ".join(f"{name} {count}" for name, count in sorted(answers.items())) or "no answer"
    if set(answers) != backends or answers.total() != _REQUESTS:
        return failed(
            expected=f"{_REQUESTS} answers, from each of {', '.join(sorted(backends)) or 'no ready webpod'}",
            seen=seen,
            hint="`kubectl get endpointslices -l app=webpod`; `cilium-dbg service list` in its node's agent",
        )
    return passed(seen)


def source_kept(_want: Expectation, context: Context) -> Result:
    """A webpod on another node sees curl-pod's own address: pod-to-pod traffic isn't masqueraded."""
    curl = curl_pod(context)
    remote = [pod for pod in ready_pods(context, WEBPOD) if pod.node != curl.node]
    script = "; ".join(f"curl -s -m 3 http://{pod.address}/ | grep '^RemoteAddr: ' || echo none" for pod in remote)
    answers = in_pod(context, CURL_POD, script or "true").split("\n")
    sources = [match[1] for line in answers if (match := re.match(r"RemoteAddr: (.+):\d+$", line.strip()))]
    if not remote or sources != [curl.address] * len(remote):
        return failed(
            expected=f"{len(remote) or 'some'} webpods on other nodes see {curl.address}",
            seen=", ".join(sources) or "no answer",
            hint="ipv4NativeRoutingCIDR (or the ip-masq-agent's list) has to hold every pod range",
        )
    return passed(f"{curl.address} seen on {', '.join(pod.node for pod in remote)}")


def curl_pod(context: Context) -> Pod:
    """The ready curl-pod. Raises ValueError if it isn't ready."""
    pods = [pod for pod in ready_pods(context, "app=curl") if pod.name == CURL_POD]
    if not pods:
        raise ValueError(f"{CURL_POD} is not ready")
    return pods[0]


def dns_answers(_want: Expectation, context: Context) -> Result:
    """The names of webpod and of the API server's Service resolve to their cluster addresses in a pod."""
    wanted = {name: str(get_object(context, "service", name)["spec"]["clusterIP"]) for name in ("webpod", "kubernetes")}
    script = "; ".join(f"echo {name} $(dig +short +time=2 +tries=1 {name}.default.{CLUSTER_DOMAIN})" for name in wanted)
    seen = dict(line.split(maxsplit=1) for line in in_pod(context, CURL_POD, script).splitlines() if " " in line)
    if seen != wanted:
        return failed(
            expected=_names(wanted),
            seen=_names(seen) or "no answer",
            hint="`kubectl -n kube-system logs -l k8s-app=kube-dns`, and /etc/resolv.conf in curl-pod",
        )
    return passed(_names(seen))


def _names(addresses: dict[str, str]) -> str:
    return ", ".join(f"{name} {address}" for name, address in sorted(addresses.items()))
