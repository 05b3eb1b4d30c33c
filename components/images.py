"""The images besides those of Kubernetes and Cilium: upstream's where there is a network, the bundle's own where not.

A bundle holds upstream's Prometheus under its own name, and under `cilium-lab.local/` what the project makes
itself because upstream's cannot be built from package registries.
"""

from __future__ import annotations

from components.model import ArtifactSource, Images

# The same Prometheus in both: the bundle builds it from the module of that release.
_PROMETHEUS = "quay.io/prometheus/prometheus:v3.5.0"
# The study's monitoring example (cilium 1.17.6, examples/kubernetes/addons/prometheus) names this Grafana.
_GRAFANA = "docker.io/grafana/grafana:9.3.6"

_ONLINE = Images(
    webpod="docker.io/traefik/whoami:v1.11.0",
    debug="docker.io/nicolaka/netshoot:v0.13",
    local_path="docker.io/rancher/local-path-provisioner:v0.0.31",
    local_path_helper="docker.io/library/busybox:1.37.0",
    prometheus=_PROMETHEUS,
    grafana=_GRAFANA,
)
_BUNDLE = Images(
    webpod="cilium-lab.local/http-echo:1.0.0",
    debug="cilium-lab.local/debug:1.0.0",
    local_path="cilium-lab.local/local-path:1.0.0",
    local_path_helper="cilium-lab.local/debug:1.0.0",
    prometheus=_PROMETHEUS,
    grafana=_GRAFANA,
)


def default_images(source: ArtifactSource) -> Images:
    """What is run unless the configuration names another image."""
    return _ONLINE if source == "online" else _BUNDLE
