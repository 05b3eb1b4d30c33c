"""The images besides those of Kubernetes and Cilium: upstream's where there is a network, the bundle's own where not.

A bundle holds upstream's Prometheus under its own name, and under `cilium-lab.local/` what the project makes
itself because upstream's cannot be built from package registries.
"""

from __future__ import annotations

from cilium_lab.config import versions as pins
from cilium_lab.config.model import ArtifactSource, Images

_ONLINE = Images(
    webpod=pins.WEBPOD.reference,
    debug=pins.DEBUG.reference,
    local_path=pins.LOCAL_PATH.reference,
    local_path_helper=pins.LOCAL_PATH_HELPER.reference,
    prometheus=pins.PROMETHEUS.reference,
    grafana=pins.GRAFANA.reference,
)
# By tag: its images are compared with the bundle's own sums, and never pulled.
_BUNDLE = Images(
    webpod="cilium-lab.local/http-echo:1.0.0",
    debug="cilium-lab.local/debug:1.0.0",
    local_path="cilium-lab.local/local-path:1.0.0",
    local_path_helper="cilium-lab.local/debug:1.0.0",
    prometheus=pins.PROMETHEUS.tagged,
    grafana=pins.GRAFANA.tagged,
)


def default_images(source: ArtifactSource) -> Images:
    """What is run unless the configuration names another image."""
    return _ONLINE if source == "online" else _BUNDLE
