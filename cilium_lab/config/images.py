"""The images besides those of Kubernetes and Cilium: upstream's where there is a network, the bundle's own where not.

A bundle holds upstream's Prometheus under its own name, and under `cilium-lab.local/` what the project makes
itself because upstream's cannot be built from package registries. `versions.IMAGES` declares them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cilium_lab.config.formats import ImageReference
from cilium_lab.config.options import Options, derived, model_of
from cilium_lab.config.versions import IMAGES

ArtifactSource = Literal["online", "bundle"]

if TYPE_CHECKING:

    class Images(Options):
        """Full image references with tag or digest, a field for each of `versions.IMAGES`."""

        def __getattr__(self, field: str) -> str: ...

else:
    _EXAMPLE = "registry.example/team/name:1.2.3"
    Images = model_of(
        "Images", {name: (ImageReference, derived(image.description, _EXAMPLE)) for name, image in IMAGES.items()}
    )


def default_images(source: ArtifactSource) -> Images:
    """What is run unless the configuration names another image."""
    online = source == "online"
    return Images(**{name: image.online.reference if online else image.bundle for name, image in IMAGES.items()})
