"""The images besides those of Kubernetes and Cilium: upstream's where there is a network, the bundle's own where not.

A bundle holds upstream's Prometheus under its own name, and under `cilium-lab.local/` what the project makes
itself because upstream's cannot be built from package registries.
"""

from __future__ import annotations

from cilium_lab.config.model import ArtifactSource, Images
from cilium_lab.config.versions import IMAGES


def default_images(source: ArtifactSource) -> Images:
    """What is run unless the configuration names another image."""
    online = source == "online"
    return Images(**{name: image.online.reference if online else image.bundle for name, image in IMAGES.items()})
