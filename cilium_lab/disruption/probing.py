"""Starts the probes before a change, and ends and collects them after it. Each may be repeated at any time."""

from __future__ import annotations

import datetime
from typing import Any

from cilium_lab.disruption import targets
from cilium_lab.disruption.probe_lines import read_probe_lines
from cilium_lab.disruption.record import RunDirectory
from cilium_lab.disruption.report.text import one_line
from cilium_lab.disruption.stages import Stage
from cilium_lab.disruption.targets import NAMESPACE, POD, PROBER, WORKLOAD, Hosts, Service
from cilium_lab.kube.client import APPLY, Api, ApiError
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.ssh import Shell, on_all

_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_PROBER = f"{_DEPLOYMENTS}/{PROBER}"
_READY = 120.0
"""Seconds until the workload and the prober are ready."""
_LASTS = datetime.timedelta(minutes=20)
_WARM = 2.0
"""Seconds of probing before and after the change, to tell its effects from what is always there."""


class Probing:
    """The probes of one cluster. Methods raise ApiError, HostError or ConditionTimeout."""

    def __init__(self, hosts: Hosts, api: Api, shell: Shell, waiter: Waiter) -> None:
        self._hosts = hosts
        self._api = api
        self._shell = shell
        self._waiter = waiter

    def begin(self, *, fresh: bool) -> None:
        """Start a probe runner at every source. `fresh`: nothing earlier counts; else those that run go on."""
        self._waiter.stage = Stage.PROBES
        self._waiter.wait(Condition("probe answers", lambda: self._ready(f"{_DEPLOYMENTS}/{WORKLOAD}"), _READY))
        requested = targets.targets(self._hosts, self._service())
        if fresh:
            self._remove_prober()
            on_all(dict.fromkeys(self._hosts.addresses, targets.forget()), self._shell)
        if self._missing(_PROBER):
            until = datetime.datetime.now(datetime.UTC) + _LASTS
            manifest = targets.prober(requested[POD], until.strftime("%Y-%m-%dT%H:%M:%SZ"))
            self._api.send("PATCH", f"{_PROBER}?fieldManager=cilium-lab&force=true", manifest, APPLY)
        printed = on_all({host: targets.start(host, requested[host]) for host in requested if host != POD}, self._shell)
        self._waiter.wait(Condition("prober runs", lambda: self._ready(_PROBER), _READY))
        if any(text.strip() == targets.STARTED for text in printed.values()):
            self._waiter.clock.sleep(_WARM)

    def end(self, directory: RunDirectory) -> str:
        """End all probe runners, write their lines to `directory`, and leave nothing behind; the sum in words."""
        self._waiter.clock.sleep(_WARM)
        self._remove_prober()
        sources = (*self._hosts.inside, self._hosts.router)
        on_all(dict.fromkeys(sources, targets.stop()), self._shell)
        lines = on_all({host: targets.host_lines(host) for host in sources}, self._shell)
        pods = on_all(dict.fromkeys(self._hosts.nodes, targets.pod_lines()), self._shell)
        lines[POD] = "".join(pods.values())
        for source, text in lines.items():
            directory.lines(source, text)
        on_all(dict.fromkeys(self._hosts.addresses, targets.forget()), self._shell)
        return one_line([run for source, text in lines.items() for run in read_probe_lines(source, text)[0]])

    def _service(self) -> Service:
        found = self._api.get(f"/api/v1/namespaces/{NAMESPACE}/services/{WORKLOAD}")["spec"]
        dns = self._api.get("/api/v1/namespaces/kube-system/services/kube-dns")["spec"]
        ports = {port["name"]: port for port in found["ports"]}
        return Service(
            address=found["clusterIP"],
            pages=ports["pages"]["port"],
            echo=ports["stream"]["port"],
            node_port=ports["pages"]["nodePort"],
            dns=dns["clusterIP"],
        )

    def _remove_prober(self) -> None:
        if self._missing(_PROBER):
            return
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        self._api.send("DELETE", _PROBER, body)
        self._waiter.wait(Condition("prober has ended", self._gone, _READY))

    def _gone(self) -> Result:
        """Its pods as well: they write their last lines when they get SIGTERM."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3D{PROBER}"
        left = [pod["metadata"]["name"] for pod in self._api.get(path)["items"]]
        if left or not self._missing(_PROBER):
            return unmet(expected="no prober", seen=", ".join(left) or PROBER, next="`kubectl describe pod`")
        return met("none left")

    def _missing(self, path: str) -> bool:
        try:
            self._api.get(path)
        except ApiError as error:
            if error.status == 404:
                return True
            raise
        return False

    def _ready(self, path: str) -> Result:
        found: dict[str, Any] = self._api.get(path)
        wanted, ready = found["spec"]["replicas"], found.get("status", {}).get("readyReplicas", 0)
        name = found["metadata"]["name"]
        if ready < wanted:
            return unmet(
                expected=f"{wanted} ready pods of {name}", seen=str(ready), next=f"`kubectl describe deploy {name}`"
            )
        return met(f"{ready} pods of {name}")
