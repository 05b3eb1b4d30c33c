"""The images besides those of Kubernetes and Cilium: upstream's where there is a network, the bundle's own where not.

A bundle holds upstream's Prometheus under its own name, and under `cilium-lab.local/` what the project makes
itself because upstream's cannot be built from package registries.
"""

from __future__ import annotations

from typing import Literal

from cilium_lab.config.formats import ImageReference
from cilium_lab.config.options import Options, derived
from cilium_lab.config.versions import IMAGES

ArtifactSource = Literal["online", "bundle"]

_EXAMPLE = "registry.example/team/name:1.2.3"


class Images(Options):
    """Full image references with tag or digest, of what runs besides Kubernetes and Cilium."""

    webpod: ImageReference = derived("The web server that tells who it is.", _EXAMPLE)
    debug: ImageReference = derived("curl, ping, dig and tcpdump for curl-pod.", _EXAMPLE)
    local_path: ImageReference = derived("Provisioner of the default StorageClass.", _EXAMPLE)
    local_path_helper: ImageReference = derived("What makes and removes its folders on a node.", _EXAMPLE)
    prometheus: ImageReference = derived("Prometheus.", _EXAMPLE)
    grafana: ImageReference = derived("Grafana.", _EXAMPLE)


def default_images(source: ArtifactSource) -> Images:
    """What is run unless the configuration names another image."""
    online = source == "online"
    return Images(**{name: image.online.reference if online else image.bundle for name, image in IMAGES.items()})
