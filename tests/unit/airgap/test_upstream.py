"""The catalogue of what is downloaded: it holds what the built one holds, and mixes with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import get_args

import pytest

from airgap.builder.recipe import Recipe
from airgap.recipes import BUNDLE, RECIPES, TOOLCHAIN, upstream
from airgap.recipes.images import REFERENCES
from cilium_lab.artifacts.bundle import Artifacts, with_images_of
from cilium_lab.config import upstream as table
from cilium_lab.config import versions as pins
from cilium_lab.config.load import parse
from cilium_lab.config.upstream import DIGESTS, FILES, Arch, Digest, Download
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, IMAGES, own_image, release_name


def catalogue() -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in upstream.in_place_of(RECIPES)}


def closure(recipes: Mapping[str, Recipe], *wanted: str) -> set[str]:
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += recipes[name].needs
    return found


def built(recipes: Mapping[str, Recipe]) -> set[str]:
    """What a lab of this catalogue still has to build."""
    needed = closure(recipes, *TOOLCHAIN, *BUNDLE, *map(release_name, set(CILIUM_RELEASES) - {CILIUM}))
    return {name for name in needed if not recipes[name].downloads}


def test_what_is_on_record_is_not_built() -> None:
    releases = {release_name(version) for version in CILIUM_RELEASES if version != CILIUM}
    charts = {
        f"chart-{version}" for version in CILIUM_RELEASES if f"chart-{version}" not in FILES and version != CILIUM
    }
    own = {"base-tree", "rootfs", "containerd-seed", "bundle", "probe", "image-probe", "local-path", "image-local-path"}
    assert built(catalogue()) == {*own, *releases, *charts, "plugin-libvirt"}


def test_every_release_of_cilium_comes_with_all_of_its_images() -> None:
    recipes = catalogue()
    for version in CILIUM_RELEASES:
        suffix = "" if version == CILIUM else f"-{version}"
        images = ("cilium", "cilium-operator-generic", "hubble-relay", "cilium-envoy", "hubble-ui", "hubble-ui-backend")
        holder = "bundle" if version == CILIUM else release_name(version)
        assert {f"image-{name}{suffix}" for name in images} <= set(recipes[holder].needs)
        assert all(recipes[f"image-{name}{suffix}"].downloads for name in images)


def test_nothing_that_is_wanted_is_lacking() -> None:
    recipes = catalogue()
    for recipe in recipes.values():
        assert set(recipe.needs) <= recipes.keys(), recipe.name
    assert {recipe.name for recipe in RECIPES} <= recipes.keys()


def test_without_a_record_everything_is_built_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "FILES", {})
    monkeypatch.setattr(upstream, "DIGESTS", {})
    monkeypatch.setattr(pins, "DIGESTS", {})
    recipes = catalogue()
    assert not any(recipe.downloads for recipe in recipes.values())
    assert upstream.images() == REFERENCES


@pytest.mark.parametrize("lost", sorted(DIGESTS))
def test_an_image_that_is_not_on_record_is_built_or_named_as_missing(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = {image: digest for image, digest in DIGESTS.items() if image != lost}
    monkeypatch.setattr(upstream, "DIGESTS", rest)
    monkeypatch.setattr(pins, "DIGESTS", rest)
    recipes = catalogue()
    bundle = set(recipes["bundle"].needs)
    for recipe in recipes.values():
        assert set(recipe.needs) <= recipes.keys(), recipe.name
    had = upstream.images()
    assert lost not in had.values() or not recipes[f"image-{name_of(had, lost)}"].downloads
    stand_ins = {image.online.tagged: image.bundle for image in IMAGES.values()}
    if lost in stand_ins and stand_ins[lost] in REFERENCES.values():
        assert stand_ins[lost] in had.values()
    assert {f"image-{name}" for name in had} <= bundle


def name_of(images: Mapping[str, str], reference: str) -> str:
    return next(name for name, one in images.items() if one == reference)


def test_a_built_image_of_the_control_plane_wants_the_programs_built(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = f"registry.k8s.io/kube-apiserver:v{pins.KUBERNETES}"
    monkeypatch.setattr(upstream, "DIGESTS", {image: one for image, one in DIGESTS.items() if image != lost})
    recipes = catalogue()
    assert not recipes["kubernetes"].downloads
    assert recipes["image-kube-scheduler"].downloads


def test_a_file_without_a_sum_for_this_machine_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    other: dict[Arch, str] = {"arm64": "0" * 64}
    monkeypatch.setattr(upstream, "FILES", {**FILES, "helm": dataclasses.replace(FILES["helm"], sha256=other)})
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert not catalogue()["helm"].downloads
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert catalogue()["helm"].downloads


# --- the table

VERSIONS = {
    **dict.fromkeys(("kubelet", "kubeadm", "kubectl"), pins.KUBERNETES),
    "etcd": pins.ETCD,
    "crictl": pins.CRICTL,
    "cni-plugins": pins.CNI_PLUGINS,
    "helm": pins.HELM,
    "k9s": pins.K9S,
    "termshark": pins.TERMSHARK,
    "kube-bench": pins.KUBE_BENCH,
    "pulumi": pins.PULUMI,
    **{f"pulumi-{name}": version for name, version in pins.PULUMI_PLUGINS.items()},
    "chart": CILIUM,
    **{f"chart-{version}": version for version in CILIUM_RELEASES},
}


@pytest.mark.parametrize("name", [name for name in FILES if name in VERSIONS])
def test_a_file_is_of_the_release_that_is_built(name: str) -> None:
    assert FILES[name].version == VERSIONS[name]


def test_the_table_holds_sums_and_says_where_from() -> None:
    assert {type(one) for one in FILES.values()} == {Download}
    assert {type(one) for one in DIGESTS.values()} == {Digest}
    for image, digest in table.DIGESTS.items():
        assert len(bytes.fromhex(digest.sha256)) == 32, image
        assert digest.source, image
        assert image.count(":") == 1, image
    assert len({digest.sha256 for digest in DIGESTS.values()}) == len(DIGESTS)
    assert get_args(Arch) == ("amd64", "arm64")


# --- what the program makes of it


def test_upstreams_images_run_where_the_bundle_has_them() -> None:
    lab = parse({"artifacts": "bundle", "images": {"debug": "registry.example/mine:1"}})
    had = with_images_of(lab, Artifacts(images=frozenset(upstream.images().values()))).images
    assert had.webpod == IMAGES["webpod"].online.tagged
    assert had.local_path_helper == IMAGES["local_path_helper"].online.tagged
    assert had.local_path == own_image("local-path")  # no digest of upstream's is on record
    assert had.debug == "registry.example/mine:1"


def test_the_projects_own_images_run_where_the_bundle_was_built() -> None:
    lab = parse({"artifacts": "bundle"})
    assert with_images_of(lab, Artifacts(images=frozenset(REFERENCES.values()))) == lab
    assert lab.images.webpod == own_image("http-echo")
