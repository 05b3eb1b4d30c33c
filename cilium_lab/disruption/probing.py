"""Starts the probes before a change, and ends and collects them after it. Each may be done again at any time."""

from __future__ import annotations

import datetime
from typing import Any

from cilium_lab.disruption import prober, units
from cilium_lab.disruption.report.reading import read_runs
from cilium_lab.disruption.report.text import one_line
from cilium_lab.disruption.run_directory import Folder
from cilium_lab.disruption.targets import NAMESPACE, POD, WORKLOAD, Hosts, Service, targets
from cilium_lab.kube.client import APPLY, Api, ApiError
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.ssh import Shell, on_all

_APPS = "/apis/apps/v1/namespaces"
_PROBER = f"{_APPS}/{prober.NAMESPACE}/deployments/{prober.NAME}"
_READY = 120.0
"""Seconds until the workload and the prober are ready."""
_LASTS = datetime.timedelta(minutes=20)
_WARM = 2.0
"""Seconds of asking before and after the change, to tell it from what is always there."""


class Probing:
    """The probes of one cluster. Methods raise ApiError, HostError or ConditionTimeout."""

    def __init__(self, hosts: Hosts, api: Api, shell: Shell, waiter: Waiter) -> None:
        self._hosts = hosts
        self._api = api
        self._shell = shell
        self._waiter = waiter

    def begin(self, *, fresh: bool) -> None:
        """Let every source ask. `fresh`: nothing from earlier counts; else what still asks is taken over."""
        self._waiter.stage = "0 probes"
        self._waiter.wait(Condition("probe answers", lambda: self._ready(_deployment(WORKLOAD)), _READY))
        asked = targets(self._hosts, self._service())
        if fresh:
            self._remove_prober()
            on_all(dict.fromkeys(self._hosts.addresses, units.forget()), self._shell)
        if self._missing(_PROBER):
            until = datetime.datetime.now(datetime.UTC) + _LASTS
            manifest = prober.prober(asked[POD], until.strftime("%Y-%m-%dT%H:%M:%SZ"))
            self._api.send("PATCH", f"{_PROBER}?fieldManager=cilium-lab&force=true", manifest, APPLY)
        told = on_all({host: units.start(host, asked[host]) for host in asked if host != POD}, self._shell)
        self._waiter.wait(Condition("prober asks", lambda: self._ready(_PROBER), _READY))
        if any(text.strip() == units.STARTED for text in told.values()):
            self._waiter.clock.sleep(_WARM)

    def end(self, folder: Folder) -> str:
        """Let all come to their end, keep their lines in `folder`, and leave nothing behind; the sum in words."""
        self._waiter.clock.sleep(_WARM)
        self._remove_prober()
        sources = (*self._hosts.inside, self._hosts.router)
        on_all(dict.fromkeys(sources, units.stop()), self._shell)
        told = on_all({host: units.host_lines(host) for host in sources}, self._shell)
        pods = on_all(dict.fromkeys(self._hosts.nodes, units.pod_lines()), self._shell)
        told[POD] = "".join(pods.values())
        for source, text in told.items():
            folder.lines(source, text)
        on_all(dict.fromkeys(self._hosts.addresses, units.forget()), self._shell)
        return one_line([run for source, text in told.items() for run in read_runs(source, text)[0]])

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
        """Its pods as well: they write their last lines when they are told to end."""
        path = f"/api/v1/namespaces/{prober.NAMESPACE}/pods?labelSelector=app%3D{prober.NAME}"
        left = [pod["metadata"]["name"] for pod in self._api.get(path)["items"]]
        if left or not self._missing(_PROBER):
            return unmet(expected="no prober", seen=", ".join(left) or prober.NAME, next="`kubectl describe pod`")
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


def _deployment(name: str) -> str:
    return f"{_APPS}/{NAMESPACE}/deployments/{name}"
