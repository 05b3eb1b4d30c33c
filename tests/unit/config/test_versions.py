"""The table of what comes from upstream: whole, well-formed, and what the program really uses."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from cilium_lab.config import versions as pins
from cilium_lab.config.images import default_images
from cilium_lab.config.load import parse
from cilium_lab.config.model import Arch
from components.nodes.online import online_list
from tests.helpers.recorded_lab import lab, record_lab

DOWNLOADS = {**pins.TOOLS, "the cloud image": pins.CLOUD_IMAGE}
IMAGES = [value for value in vars(pins).values() if isinstance(value, pins.Image)]
_SUM = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("download", DOWNLOADS.values(), ids=DOWNLOADS)
def test_every_download_has_a_sum_of_its_own_for_each_architecture_and_says_where_from(
    download: pins.Download,
) -> None:
    assert set(download.sha256) == set(download.arch) == set(get_args(Arch))
    assert all(_SUM.fullmatch(digest) for digest in download.sha256.values())
    assert len(set(download.sha256.values())) == len(download.sha256)
    assert download.source
    for arch in get_args(Arch):
        for url in (download.address(download.version, arch), download.published(download.version, arch)):
            assert url.startswith("https://")
            assert download.version in url
            assert "{" not in url


def test_no_two_files_have_one_sum() -> None:
    sums = [digest for download in DOWNLOADS.values() for digest in download.sha256.values()]
    sums += [image.digest for image in IMAGES if image.digest]
    assert len(set(sums)) == len(sums)


def test_the_default_versions_are_the_pinned_ones() -> None:
    versions = parse({}).versions
    assert (versions.kubernetes, versions.cilium, versions.containerd) == (
        pins.KUBERNETES,
        pins.CILIUM,
        pins.CONTAINERD,
    )
    chosen = {"cilium": versions.cilium_cli, "hubble": versions.hubble, "k9s": versions.k9s}
    chosen["termshark"] = versions.termshark
    assert chosen == {name: tool.version for name, tool in pins.TOOLS.items()}


@pytest.mark.parametrize("arch", get_args(Arch))
def test_a_node_compares_every_tool_with_the_pinned_sum_of_its_architecture(arch: Arch) -> None:
    lines = [line.split() for line in online_list(arch, parse({}).versions).splitlines()]
    tools = {words[1]: words[-1] for words in lines if words[0] == "tool"}
    assert tools == {name: tool.sha256[arch] for name, tool in pins.TOOLS.items()}
    repositories = {words[1]: words[-1] for words in lines if words[0] == "repository"}
    assert len(repositories) == 2
    assert all(re.fullmatch(r"[0-9A-F]{40}", fingerprint) for fingerprint in repositories.values())


def test_another_version_is_compared_with_its_publishers_list() -> None:
    other = parse({"versions": {"k9s": "0.51.0"}}).versions
    (k9s,) = (line for line in online_list("amd64", other).splitlines() if line.startswith("tool k9s "))
    release = "https://github.com/derailed/k9s/releases/download/v0.51.0"
    assert k9s == f"tool k9s 0.51.0 {release}/k9s_Linux_amd64.tar.gz from {release}/checksums.sha256"


@pytest.mark.parametrize("arch", get_args(Arch))
def test_the_cloud_image_is_of_the_architecture_and_compared_with_its_sum(arch: Arch) -> None:
    created = record_lab("lab", arch=arch).by_name()["image-local-vm-fetch"].inputs["create"].split()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[arch]
    assert created[1].endswith(f".{machine}.qcow2")
    assert created[-1] == pins.CLOUD_IMAGE.sha256[arch]


def test_images_go_by_digest_where_one_is_on_record() -> None:
    online, bundle = default_images("online"), default_images("bundle")
    for image in IMAGES:
        assert bool(image.digest) == bool(image.source) == bool(_SUM.fullmatch(image.digest)), image.tagged
        assert image.reference in vars(online).values()
    assert not any("@" in reference for reference in vars(bundle).values())


def test_nothing_else_names_an_address_to_download_from() -> None:
    lines = [resource.text("create") for resource in lab("lab") if resource.type.startswith("command:")]
    addresses = {word for line in lines for word in line.split() if word.startswith("https://")}
    assert addresses == {pins.CLOUD_IMAGE.address(pins.CLOUD_IMAGE.version, "amd64")}
