"""What upstream publishes, under the names of the recipes that build the same: as far as a sum is on record.

`RECIPES` of this package make everything from package registries; here the ones that can be downloaded take their
place. What no public record names a sum of is built as ever, so the two kinds mix. What only upstream has comes on top:
Envoy, Hubble's web interface, Grafana, the cilium command.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from airgap.builder import fetch
from airgap.builder.recipe import BuildError, Recipe, Workspace, machine_arch
from airgap.recipes import bundle, rootfs
from airgap.recipes.bundle import Contents
from airgap.recipes.cilium import of_release
from airgap.recipes.images import REFERENCES, release_images
from airgap.recipes.kubernetes import CNI, HOST_COMMANDS
from cilium_lab.config import versions
from cilium_lab.config.addons import ADDONS, HUBBLE_UI, Addon
from cilium_lab.config.upstream import DIGESTS, FILES, Download
from cilium_lab.config.versions import BUNDLED, CILIUM, CILIUM_RELEASES, IMAGES, own_image

_UNPACKED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "etcd": ("etcd", ("etcdctl",)),
    "crictl": ("crictl", ("crictl",)),
    "cni-plugins": ("cni-plugins", tuple(CNI)),
    "helm": ("helm", ("helm",)),
    "k9s": ("k9s", ("k9s",)),
    "termshark": ("termshark", ("termshark",)),
    "cilium-cli": ("cilium", ("cilium",)),
    "hubble": ("hubble", ("hubble",)),
}
"""Recipe: (file of upstream's table, programs in that archive)."""
_TOOLCHAIN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pulumi": ("pulumi", ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")),
    "plugin-kubernetes": ("pulumi-kubernetes", ("pulumi-resource-kubernetes",)),
    "plugin-command": ("pulumi-command", ("pulumi-resource-command",)),
    "plugin-libvirt": ("pulumi-libvirt", ("pulumi-resource-libvirt",)),
}
"""The same for what lies in a folder bin/."""
_ENVOY = "quay.io/cilium/cilium-envoy"
_OF_CHART = ("hubble-ui", "hubble-ui-backend", "cilium-envoy")
"""The images of a release of Cilium that only upstream has."""
_COSTS = {"cilium": 40, "pulumi": 20, "netshoot": 25, "plugin-kubernetes": 15, "cilium-envoy": 10}
"""Expected seconds of what is larger than the rest."""


def _on_record(name: str) -> bool:
    """Whether a file's sum for this machine's architecture is."""
    return name in FILES and machine_arch() in FILES[name].sha256


def _address(download: Download) -> tuple[str, str]:
    """Address and sum for this machine."""
    arch = machine_arch()
    return download.address(download.version, arch), download.sha256[arch]


def _unpack(ws: Workspace, download: Download) -> Path:
    """Fetch an archive and unpack it below the scratch folder."""
    unpacked = ws.work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    ws.run(["tar", "--extract", "--no-same-owner", "--file", fetch.file(ws, *_address(download)), "-C", unpacked])
    return unpacked


def _take(unpacked: Path, name: str, target: Path) -> None:
    """Copy the one file of that name, wherever it lies in the archive."""
    found = [path for path in unpacked.rglob(name) if path.is_file()]
    if len(found) != 1:
        listed = ", ".join(sorted(str(path.relative_to(unpacked)) for path in unpacked.rglob("*"))[:12])
        raise BuildError(f"expected one file {name} in the archive, found {len(found)}; it begins with: {listed}")
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(found[0], target)
    target.chmod(0o755)


def _archive(download: Download, programs: Iterable[str], folder: str) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        unpacked = _unpack(ws, download)
        for name in programs:
            _take(unpacked, name, ws.out / folder / name)

    return make


def _kubernetes(ws: Workspace) -> None:
    """The programs of hosts; those of the control plane are in images."""
    for name in HOST_COMMANDS:
        target = ws.out / name
        shutil.copyfile(fetch.file(ws, *_address(FILES[name])), target)
        target.chmod(0o755)


def _kube_bench(ws: Workspace) -> None:
    """With the files of every benchmark."""
    unpacked = _unpack(ws, FILES["kube-bench"])
    _take(unpacked, "kube-bench", ws.out / "kube-bench")
    shutil.copytree(unpacked / "cfg", ws.out / "cfg")


def _chart(download: Download) -> Callable[[Workspace], None]:
    def make(ws: Workspace) -> None:
        shutil.copytree(_unpack(ws, download) / "cilium", ws.out / "cilium")

    return make


def _image(name: str, reference: str) -> Recipe:
    digest = DIGESTS[reference].sha256

    def make(ws: Workspace) -> None:
        fetch.image(ws, reference, digest, ws.out / f"{name}.tar")

    return Recipe(f"image-{name}", make, cost=_COSTS.get(name, 6), downloads=True)


def images_of_release(version: str) -> dict[str, str]:
    """All images of a release of Cilium: name of the archive -> full reference."""
    return {**release_images(version), **_of_chart(version)}


def _of_chart(version: str) -> dict[str, str]:
    """The images of a release of Cilium that only upstream has, as far as they are on record: name -> reference."""
    wanted = [f"{repository}:v{versions.HUBBLE_UI[version]}" for repository in HUBBLE_UI.repositories]
    wanted += [
        image for image in DIGESTS if image.startswith(f"{_ENVOY}:") and image.endswith(CILIUM_RELEASES[version].envoy)
    ]
    return {of_release(_name(image), version): image for image in wanted if image in DIGESTS}


def _name(reference: str) -> str:
    return reference.rpartition(":")[0].rpartition("/")[2]


def images() -> dict[str, str]:
    """Of a bundle with upstream's images: name of the archive -> full reference.

    The project's own stand-ins are there where no digest of upstream's image is on record.
    """
    needed = {image.bundle for image in IMAGES.values() if image.online.tagged not in DIGESTS}
    upstream = {image.online.tagged: image.bundle for image in IMAGES.values() if image.online.tagged in DIGESTS}
    replaced = set(upstream.values()) - needed
    own = {name: reference for name, reference in REFERENCES.items() if reference not in replaced}
    return {**own, **{_name(reference): reference for reference in upstream}, **_of_chart(CILIUM)}


def _missing() -> dict[str, str]:
    """What a bundle of upstream's lacks, and why."""
    had = images()
    lacking = {addon.name: addon for addon in ADDONS if addon.image and not _has(addon, had.values())}
    why = "no public record names the digest of {}"
    missing = {name: why.format(IMAGES[addon.image].online.tagged) for name, addon in lacking.items()}
    return missing | {name: why.format(f"its image for Cilium {CILIUM}") for name in _OF_CHART if name not in had}


def _has(addon: Addon, references: Collection[str]) -> bool:
    image = IMAGES[addon.image]
    return image.bundle in references or image.online.tagged in references


def _programs() -> dict[str, tuple[str, ...]]:
    """As in the bundle that is built, but hubble by itself where its archive is on record."""
    programs = dict(bundle.PROGRAMS)
    if _on_record("hubble"):
        del programs["cilium"]
        programs["hubble"] = ("hubble",)
    return programs


def _bundle() -> Recipe:
    had = images()
    own = {name for name in BUNDLED if own_image(name) in REFERENCES.values()}
    held = {name: version for name, version in BUNDLED.items() if name not in own or own_image(name) in had.values()}
    held |= {name: FILES[file].version for name, (file, _) in _UNPACKED.items() if _on_record(file)}
    return bundle.recipe(Contents(_programs(), had, held, _missing(), monitoring=False))


def _all() -> tuple[Recipe, ...]:
    made: list[Recipe] = []
    for folder, table in (("", _UNPACKED), ("bin", _TOOLCHAIN)):
        for name, (file, programs) in table.items():
            if _on_record(file):
                make = _archive(FILES[file], programs, folder)
                made.append(Recipe(name, make, cost=_COSTS.get(name, 5), downloads=True))
    if all(map(_on_record, HOST_COMMANDS)):
        made.append(Recipe("kubernetes", _kubernetes, cost=15, downloads=True))
    if _on_record("kube-bench"):
        made.append(Recipe("kube-bench", _kube_bench, cost=5, downloads=True))
    for version in CILIUM_RELEASES:
        chart = of_release("chart", version)
        if _on_record(chart):
            made.append(Recipe(chart, _chart(FILES[chart]), cost=2, downloads=True))
    wanted = images()
    for version in CILIUM_RELEASES:
        if version != CILIUM:
            of_version = images_of_release(version)
            wanted |= of_version
            made.append(bundle.release(version, of_version))
    made += [_image(name, reference) for name, reference in wanted.items() if reference in DIGESTS]
    return (*made, _bundle(), rootfs.containerd_seed(images()))


def in_place_of(built: Iterable[Recipe]) -> tuple[Recipe, ...]:
    """The catalogue where upstream's recipes stand for those of the same name, as far as they can.

    One that is built reads what is built: upstream's part of that name need not hold all that it wants.
    """
    recipes = {recipe.name: recipe for recipe in built}
    upstream = {recipe.name: recipe for recipe in _all()}
    while True:
        kept = {need for name, recipe in recipes.items() if name not in upstream for need in recipe.needs}
        if not kept & upstream.keys():
            return (*(recipe for name, recipe in recipes.items() if name not in upstream), *upstream.values())
        upstream = {name: recipe for name, recipe in upstream.items() if name not in kept}
