"""What kubeadm has noted in the cluster. It is YAML, whose library ./lab itself does without: apart from `decode`."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any, cast

import yaml

from cilium_lab.kube.raw import Object


def networking(config_map: Object | None) -> dict[str, IPv4Network]:
    """`podSubnet` and `serviceSubnet` of the ConfigMap kubeadm-config: the ranges that the control plane runs with."""
    ranges: dict[str, str] = _cluster(config_map).get("networking", {})
    return {name: IPv4Network(ranges[name]) for name in ("podSubnet", "serviceSubnet") if ranges.get(name)}


def version(config_map: Object | None) -> str:
    """The release of the control plane by the same ConfigMap, x.y.z: kubeadm notes it behind an upgrade."""
    return str(_cluster(config_map).get("kubernetesVersion", "")).removeprefix("v")


def _cluster(config_map: Object | None) -> dict[str, Any]:
    if config_map is None:
        return {}
    return cast(dict[str, Any], yaml.safe_load(config_map["data"]["ClusterConfiguration"]))
