"""The table of add-ons: name, option, default, image and page of each. Everything else about add-ons reads it.

What is made in the cluster stands in a module of components/addons, and the image's references in
`cilium_lab.config.versions.IMAGES`: an add-on more is a row here, an image there and one module.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page that an add-on serves by NodePort."""

    field: str
    """Of `schema.NodePorts`; the option is nodePorts.<field in camel case>."""
    port: int
    """The default NodePort."""
    answers: bool = True
    """Whether a GET of / answers with status 200, which a check then expects."""


@dataclass(frozen=True)
class Addon:
    """An add-on. Its images are either one of `versions.IMAGES`, or come with Cilium's chart."""

    name: str
    """In reports and in the stack's outputs."""
    description: str
    """For the documentation of its options, a sentence."""
    default: bool = True
    image: str = ""
    """The field of `images.Images` and of `versions.IMAGES`; empty where Cilium's chart names the images."""
    repositories: tuple[str, ...] = ()
    """The chart's images, without a tag: the add-on can be had where the artifacts have all of them."""
    page: Page | None = None
    needs: str = ""
    """The name of the add-on without which this one is of no use; it is listed before."""

    @property
    def field(self) -> str:
        """Of `schema.Addons`; the option is addons.<field in camel case>."""
        return self.name.replace("-", "_")


HUBBLE_UI = Addon(
    "hubble-ui",
    "Hubble's web interface.",
    repositories=("quay.io/cilium/hubble-ui", "quay.io/cilium/hubble-ui-backend"),
    page=Page("hubble_ui", 30003),
)
ADDONS: tuple[Addon, ...] = (
    Addon("storage", "local-path as default StorageClass.", image="local_path"),
    # Prometheus answers / with a redirect, and has a check of its own
    Addon("monitoring", "Prometheus.", image="prometheus", page=Page("prometheus", 30001, answers=False)),
    Addon("grafana", "Grafana.", image="grafana", page=Page("grafana", 30002), needs="monitoring"),
    HUBBLE_UI,
)
"""In the order in which they are installed and reported."""
