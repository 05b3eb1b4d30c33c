"""Supply: what is run is the same tomorrow, and is what its publisher made.

A bundle's images and programs are compared with the sha256 of its index on every host (install-bundle.sh), and
its images are never pulled; so they need no digest. What comes from elsewhere does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from policies.resource import Resource, Unknown, items, mapping
from policies.rule import REASONS_SCHEMA, Finding, Option, Options, Rule, reasons
from policies.study import RELEASE, from_bundle, kubeadm, releases
from policies.texts import COMMANDS, LINES, load, texts

ACCEPTED_TAGS: Mapping[str, str] = dict.fromkeys(
    ("docker.io/rancher/local-path-provisioner:v0.0.31", "docker.io/grafana/grafana:9.3.6"),
    "the tag of one release, whose digest is on no record that could be read where the program is made",
)
"""Images of the stack `lab` that the program names by tag."""

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
_SUM = re.compile(r"\b[0-9a-f]{64}\b")
_MOVING = re.compile(r"(?<![A-Za-z0-9])(latest|stable)(?![A-Za-z0-9])")
_PIPED = re.compile(r"\b(curl|wget)\b[^\n|]*\|\s*(sudo\s+)?(ba|da|z)?sh\b")
_SAVED = re.compile(
    r"\b(curl|wget)\b[^\n]*\s(-[A-Za-z]*[oO]|--output|--output-document|--remote-name)\b(?![= ]*/dev/null)"
)
_ADDRESS = re.compile(r"https?://(?!127\.|localhost)[\w.-]+\.[a-z]{2,}/\S+")


def images(resource: Resource) -> Iterator[str]:
    """Every image reference in a Kubernetes object, in a release's values, and in the documents of a ConfigMap."""
    if resource.type.startswith("kubernetes:"):
        yield from _images(resource.props)
    for text in mapping(resource.at("data")).values():
        if isinstance(text, str) and "image" in text:
            yield from (image for document in load(text) for image in _images(document))


def _images(value: object) -> Iterator[str]:
    for name, below in mapping(value).items():
        if name in ("image", "override") and isinstance(below, str) and below:
            yield below
        yield from _images(below)
    for below in items(value):
        yield from _images(below)


def images_pinned(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """An image has a registry and a tag that is not `latest`, or a digest."""
    for resource in resources:
        for image in images(resource):
            plain = image.partition("@")[0]
            registry, _, rest = plain.partition("/")
            tag = rest.rpartition(":")[2] if ":" in rest else ""
            if not rest or ("." not in registry and ":" not in registry):
                yield Finding(resource.urn, f"image {image} names no registry")
            elif tag == "latest" or (not tag and not _DIGEST.search(image)):
                yield Finding(resource.urn, f"image {image} has {'the tag latest' if tag else 'no tag'}")
        if resource.type == RELEASE:
            for path, tag in _tags(resource.at("values")):
                if tag in ("latest", "stable"):
                    yield Finding(resource.urn, f"{path} is {tag}")


def _tags(value: object, prefix: str = "values") -> Iterator[tuple[str, object]]:
    for name, below in mapping(value).items():
        if name == "tag":
            yield f"{prefix}.tag", below
        yield from _tags(below, f"{prefix}.{name}")


def images_by_digest(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """An image that a registry serves is named by digest; Cilium's chart does so unless it is told not to."""
    if from_bundle(resources):
        return
    accepted = {**ACCEPTED_TAGS, **reasons(options, "byTag")}
    for resource in resources:
        for image in images(resource):
            if not _DIGEST.search(image) and image not in accepted:
                yield Finding(resource.urn, f"image {image} has no digest, and no reason for that is stated")
    for release in releases(resources):
        for path in _undigested(release.at("values")):
            yield Finding(release.urn, f"{path} is off, and images are pulled from their registry")


def _undigested(value: object, prefix: str = "values") -> Iterator[str]:
    for name, below in mapping(value).items():
        if name == "useDigest" and below is False:
            yield f"{prefix}.useDigest"
        yield from _undigested(below, f"{prefix}.{name}")


def versions(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Charts, Kubernetes and whatever a command fetches have an exact version."""
    for resource in resources:
        if resource.type == RELEASE and not resource.text("chart").startswith(("/", ".")):
            version = resource.at("version")
            if not isinstance(version, Unknown) and not _EXACT.fullmatch(str(version or "")):
                yield Finding(resource.urn, f"the chart's version is {version or 'not set'}, not one like 1.2.3")
        if resource.type in COMMANDS:
            moving = {word for line in LINES for word in _MOVING.findall(resource.text(line))}
            for word in sorted(moving):
                yield Finding(resource.urn, f"the command fetches what is {word} when it runs")
    for resource, document in kubeadm(resources, "ClusterConfiguration"):
        version = str(document.get("kubernetesVersion", ""))
        if not _EXACT.fullmatch(version):
            yield Finding(resource.urn, f"kubernetesVersion is {version or 'not set'}, not one like v1.2.3")


def downloads(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """What a command downloads is compared with a sum that the program knows, and never piped into a shell."""
    accepted = reasons(options, "unchecked")
    for resource in resources:
        for where, text in texts(resource) if resource.type in COMMANDS else ():
            # A script is named where it stands: in the line that runs it, or in the archive that carries it.
            named = where if where.startswith("stdin") else text
            if any(script in named for script in accepted):
                continue
            if _PIPED.search(text):
                yield Finding(resource.urn, f"{where}: a download is piped into a shell")
            elif _fetches(where, text) and not ("sha256sum" in text or _SUM.search(text)):
                yield Finding(resource.urn, f"{where}: a download is compared with no sha256")


def _fetches(where: str, text: str) -> bool:
    """Whether a text downloads a file: a script or line that saves one, or a line that is given an address to fetch."""
    return bool(_SAVED.search(text) or (where in LINES and _ADDRESS.search(text)))


RULES = (
    Rule(
        "supply-images-pinned",
        "resource",
        "A tag such as latest may name two images on two nodes, and later it is unknown which one ran.",
        "name registry, repository and a tag of one release, or a digest",
        images_pinned,
    ),
    Rule(
        "supply-images-by-digest",
        "stack",
        "A tag can be pointed at something else; a digest can't.",
        "append @sha256:... to the key images.<name>, or state in the option byTag why not: the image -> why",
        images_by_digest,
        options=(Option("byTag", {}, REASONS_SCHEMA),),
    ),
    Rule(
        "supply-versions-pinned",
        "stack",
        "A lab that installs the newest version is another lab next week.",
        "set an exact version in the key versions, and none of latest and stable in commands",
        versions,
    ),
    Rule(
        "supply-downloads-checked",
        "resource",
        "A download that nothing is compared with may be damaged or replaced, and one that is piped into a shell has "
        "run before anybody could check it.",
        "save it, compare it by sha256sum with a sum that the program knows, then use it; or state in the option "
        "unchecked why not: the script's name -> why",
        downloads,
        options=(Option("unchecked", {}, REASONS_SCHEMA),),
    ),
)
