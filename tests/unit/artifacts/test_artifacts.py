"""What a bundle's index says, and whether it fits the configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cilium_lab.artifacts.bundle import ONLINE, Archive, Artifacts, BundleError, from_index, mismatches, read
from cilium_lab.config.images import default_images
from cilium_lab.config.load import parse
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, KUBERNETES, KUBERNETES_RELEASES
from components.machines.local_paths import local_paths
from components.prerequisites import find_artifacts

INDEX: dict[str, Any] = {
    "schema": 1,
    "arch": "amd64",
    "versions": {"kubernetes": KUBERNETES, "cilium": CILIUM},
    "files": {},
    "images": [{"ref": f"quay.io/cilium/cilium:v{CILIUM}", "file": "images/cilium.tar"}],
    "missing": [{"name": "grafana", "why": "its source is not on the module proxy"}],
}


def test_images_by_reference_and_by_repository() -> None:
    bundle = from_index(INDEX)
    assert bundle.has_image(f"quay.io/cilium/cilium:v{CILIUM}")
    assert not bundle.has_image("quay.io/cilium/cilium:v1.17.0")
    assert bundle.has_repository("quay.io/cilium/cilium")
    assert not bundle.has_repository("quay.io/cilium/cil")
    assert bundle.missing == {"grafana": "its source is not on the module proxy"}


def test_online_has_everything() -> None:
    assert ONLINE.has_image("docker.io/any/thing:1")
    assert ONLINE.has_repository("docker.io/any/thing")
    assert mismatches(parse({}), ONLINE) == []


def test_a_fitting_bundle() -> None:
    assert mismatches(parse({"artifacts": "bundle"}), from_index(INDEX)) == []


def test_what_does_not_fit_is_named() -> None:
    lab = parse({"artifacts": "bundle", "arch": "arm64", "versions": {"kubernetes": "1.32.0"}})
    assert mismatches(lab, from_index(INDEX)) == [
        "arch is arm64, but the bundle is for amd64",
        f"versions.kubernetes is 1.32.0, but the bundle holds {KUBERNETES}; "
        f"releases that can be built: {', '.join(KUBERNETES_RELEASES)}",
    ]


NEXT = next(version for version in CILIUM_RELEASES if version != CILIUM)


def test_a_release_that_is_not_there_is_named_with_the_command_that_makes_it() -> None:
    lab = parse({"artifacts": "bundle", "versions": {"cilium": NEXT}})
    (told,) = mismatches(lab, from_index(INDEX))
    assert told.startswith(f"versions.cilium is {NEXT}, but the bundle holds {CILIUM}")
    assert f"./lab build cilium-release-{NEXT}" in told


def test_the_studys_release_is_in_a_new_bundle() -> None:
    earlier = from_index({**INDEX, "versions": {"cilium": NEXT}})
    (told,) = mismatches(parse({"artifacts": "bundle"}), earlier)
    assert told.endswith(f"the bundle holds {NEXT}; next: ./lab build (./lab up does so)")


def test_a_release_that_nobody_can_build_is_told_which_there_are() -> None:
    (told,) = mismatches(parse({"artifacts": "bundle", "versions": {"cilium": "1.18.1"}}), from_index(INDEX))
    assert "can be built: " + ", ".join(CILIUM_RELEASES) in told


def bundle_with_release(tmp_path: Path) -> Path:
    """A bundle with a release of Cilium beside it; returns the bundle's folder."""
    image = f"quay.io/cilium/cilium:v{NEXT}"
    release = {
        **INDEX,
        "versions": {"cilium": NEXT},
        "files": {"images/cilium.tar": {"sha256": "ab" * 32, "size": 1}},
        "images": [{"ref": image, "file": "images/cilium.tar"}],
    }
    for folder, index in (("bundle", INDEX), (f"cilium-release-{NEXT}", release)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "index.json").write_text(json.dumps(index))
    return tmp_path / "bundle"


def found(bundle: Path, **raw: Any) -> Artifacts:
    config = parse({"machines": "container", "artifacts": "bundle", "bundlePath": str(bundle), **raw})
    return find_artifacts(config, local_paths(config))


def test_kubernetes_of_another_release_lies_beside_the_bundle(tmp_path: Path) -> None:
    newest = list(KUBERNETES_RELEASES)[-1]
    bundle, image = bundle_with_release(tmp_path), f"registry.k8s.io/kube-apiserver:v{newest}"
    with pytest.raises(pulumi.RunError, match=f"./lab build kubernetes-release-{newest} "):
        found(bundle, versions={"kubernetes": newest})
    folder = tmp_path / f"kubernetes-release-{newest}"
    folder.mkdir()
    files = {
        name: {"sha256": f"{number}" * 64, "size": 1} for number, name in enumerate(("bin/kubelet", "images/a.tar"))
    }
    images = [{"ref": image, "file": "images/a.tar"}]
    index = {**INDEX, "versions": {"kubernetes": newest}, "files": files, "images": images}
    (folder / "index.json").write_text(json.dumps(index))
    artifacts = found(bundle, versions={"kubernetes": newest})
    assert artifacts.kubernetes == (
        Archive(f"/opt/cilium-lab/kubernetes/{newest}/kubelet", folder / "bin/kubelet", "0" * 64),
        Archive(image, folder / "images/a.tar", "1" * 64),
    )
    assert artifacts.has_image(image)
    assert artifacts.versions == {"kubernetes": newest, "cilium": CILIUM}
    assert found(bundle).kubernetes == ()


def test_the_program_takes_the_release_that_the_stack_wants(tmp_path: Path) -> None:
    bundle = bundle_with_release(tmp_path)
    release = found(bundle, versions={"cilium": NEXT})
    folder = tmp_path / f"cilium-release-{NEXT}"
    assert release.chart == folder / "charts" / "cilium"
    archive = Archive(f"quay.io/cilium/cilium:v{NEXT}", folder / "images" / "cilium.tar", "ab" * 32)
    assert release.archives == (archive,)
    assert release.has_image(archive.image)
    assert release.versions == {"kubernetes": KUBERNETES, "cilium": NEXT}
    own = found(bundle)
    assert own.archives == ()
    assert own.chart == bundle / "charts" / "cilium"


def test_a_release_that_cannot_be_read_ends_the_program(tmp_path: Path) -> None:
    bundle = bundle_with_release(tmp_path)
    (tmp_path / f"cilium-release-{NEXT}" / "index.json").write_text("{")
    with pytest.raises(pulumi.RunError, match=f"next: ./lab build cilium-release-{NEXT}"):
        found(bundle, versions={"cilium": NEXT})


def test_another_schema_is_refused() -> None:
    with pytest.raises(BundleError, match="schema 2"):
        from_index({**INDEX, "schema": 2})


def test_reading_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"lab build"):
        read(tmp_path)
    (tmp_path / "index.json").write_text(json.dumps(INDEX))
    assert read(tmp_path) == replace(from_index(INDEX), chart=tmp_path / "charts" / "cilium")
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(BundleError, match=r"index\.json"):
        read(tmp_path)


@pytest.mark.parametrize(("index", "seen"), [(None, "No such file"), ("{", "Expecting"), ('{"schema": 2}', "schema 2")])
def test_the_program_refuses_a_bundle_that_it_cannot_read_in_one_message(
    tmp_path: Path, index: str | None, seen: str
) -> None:
    if index is not None:
        (tmp_path / "index.json").write_text(index)
    config = parse({"machines": "container", "artifacts": "bundle", "bundlePath": str(tmp_path)})
    with pytest.raises(pulumi.RunError, match=rf"(?s)the bundle .*expected: .*seen: .*{seen}.*next: \./lab build"):
        find_artifacts(config, local_paths(config))


def test_default_images_are_pinned_and_of_their_source() -> None:
    online, bundle = default_images("online"), default_images("bundle")
    assert online.prometheus.partition("@")[0] == bundle.prometheus
    assert bundle.webpod.startswith("cilium-lab.local/")
    assert online.webpod.startswith("docker.io/traefik/whoami:v")
    assert parse({"images": {"webpod": "registry.example/a/b:1"}}).images.webpod == "registry.example/a/b:1"
    assert parse({"artifacts": "bundle"}).images == bundle
