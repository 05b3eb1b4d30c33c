"""The policies on supply: both stacks pass, and the smallest mistake is found."""

from __future__ import annotations

import base64
import io
import tarfile
from typing import Any

import pytest

from cilium_lab.config.versions import KUBERNETES
from policies import supply
from policies.resource import UNKNOWN
from tests.helpers.policy_rules import Case, Change, assert_refused, both, findings, replacing, setting
from tests.helpers.recorded_lab import STACKS, lab

RELEASE, INIT, POD, FETCH = "cilium-release", "k8s-cp-kubeadm-init", "workloads-curl-pod", "image-local-vm-fetch"
PINNED, DIGEST = "supply-images-pinned", "supply-images-by-digest"
VERSIONS, DOWNLOADS = "supply-versions-pinned", "supply-downloads-checked"
SUM = "0123456789abcdef" * 4
HELPER = '{"kind": "Pod", "spec": {"containers": [{"image": "docker.io/library/busybox:latest"}]}}'


def image(reference: str) -> Change:
    return setting(POD, "spec.containers", [{"name": "curl", "image": reference}])


def script(text: str, name: str = "a/step.sh") -> Change:
    """Gives a host one more script, packed as the program packs its own."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    return setting("router-ready", "stdin", base64.b64encode(stream.getvalue()).decode())


CASES: list[Case] = [
    (PINNED, "embedded", image("docker.io/nicolaka/netshoot:latest"), "has the tag latest"),
    (PINNED, "lab", image("docker.io/nicolaka/netshoot"), "has no tag"),
    (PINNED, "lab", image("netshoot:v0.13"), "names no registry"),
    (PINNED, "embedded", image("nicolaka/netshoot:v0.13"), "names no registry"),
    (PINNED, "lab", setting(RELEASE, "values.image.tag", "latest"), "values.image.tag is latest"),
    (PINNED, "lab", setting("addons-storage-config", "data", {"pod.yaml": HELPER}), "busybox:latest"),
    (DIGEST, "lab", image("docker.io/curlimages/curl:8.15.0"), "curl:8.15.0 has no digest"),
    (DIGEST, "lab", image(f"docker.io/curlimages/curl:8.15.0@sha256:{SUM[:-1]}"), "has no digest"),
    (DIGEST, "lab", setting(RELEASE, "values.image.useDigest", False), "values.image.useDigest is off"),
    (VERSIONS, "lab", setting(RELEASE, "version", None), "the chart's version is not set"),
    (VERSIONS, "lab", setting(RELEASE, "version", ">=1.17"), "the chart's version is >=1.17"),
    (VERSIONS, "embedded", replacing(INIT, "stdin", f"v{KUBERNETES}", "stable-1"), "kubernetesVersion is stable-1"),
    (VERSIONS, "lab", replacing(FETCH, "create", "9.6-20250531.0", "latest"), "fetches what is latest"),
    (VERSIONS, "lab", setting("router-router", "create", "sh -c 'curl https://a.io/stable.txt'"), "what is stable"),
    (DOWNLOADS, "lab", setting(FETCH, "create", "curl -O https://a.example/b.qcow2"), "compared with no sha256"),
    (DOWNLOADS, "embedded", script("curl -sL https://a.example/get | bash\n"), "a/step.sh: a download is piped"),
    (DOWNLOADS, "embedded", script('curl -sSLo /tmp/tool "$url"\n'), "no sha256"),
    (DOWNLOADS, "embedded", script('curl --output /tmp/a "$url"\ninstall /tmp/a /usr/bin\n'), "no sha256"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3]}")
def test_the_smallest_mistake_is_found(case: Case) -> None:
    assert_refused(case)


def test_every_rule_has_a_mistake() -> None:
    assert {case[0] for case in CASES} == {rule.name for rule in supply.RULES}


def test_a_digest_is_enough() -> None:
    pinned = image(f"docker.io/curlimages/curl@sha256:{SUM}")(lab("lab"))
    assert findings(DIGEST, pinned) == findings(PINNED, pinned) == []


def test_images_of_a_bundle_need_no_digest() -> None:
    assert findings(DIGEST, image("docker.io/curlimages/curl:8.15.0")(lab("embedded"))) == []


def test_a_stated_reason_allows_a_tag() -> None:
    resources = image("docker.io/curlimages/curl:8.15.0")(lab("lab"))
    assert findings(DIGEST, resources, byTag={"docker.io/curlimages/curl:8.15.0": "tried by hand"}) == []
    assert findings(DIGEST, resources, byTag={"docker.io/curlimages/curl:8.15.0": ""}) != []


def test_a_stated_reason_allows_a_download() -> None:
    resources = script("wget --output-document /tmp/a https://a.example/b\n")(lab("lab"))
    assert findings(DOWNLOADS, resources) != []
    assert findings(DOWNLOADS, resources, unchecked={"step.sh": "its content is compared later"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "curl --output /tmp/a https://a.example/b\necho sum /tmp/a | sha256sum --check\n",
        f"curl --output /tmp/a https://a.example/b # {SUM}\n",
        "curl -sf -m 2 -o /dev/null http://127.0.0.1/\n",
        "base64 -d | tar -x\n",
    ],
)
def test_what_is_checked_or_is_no_download_passes(text: str) -> None:
    assert findings(DOWNLOADS, script(text)(lab("embedded"))) == []


def test_every_accepted_image_is_still_one_of_the_lab() -> None:
    used = {reference for resource in lab("lab") for reference in supply.images(resource)}
    assert set(supply.ACCEPTED_TAGS) <= used


@pytest.mark.parametrize("stack", STACKS)
def test_the_scripts_on_hosts_are_judged_at_all(stack: str) -> None:
    # The archive that carries them is found and opened: one of them with a mistake is refused above.
    resource = next(resource for resource in lab(stack) if resource.name == "router-ready")
    assert "stdin" not in dict(supply.texts(resource))
    assert any(where.endswith("/router.sh") for where, _ in supply.texts(resource))


def test_what_a_preview_can_not_know_is_no_fault() -> None:
    unknown: list[Any] = [setting(RELEASE, "version", UNKNOWN), setting(RELEASE, "chart", UNKNOWN)]
    unknown += [setting(FETCH, "create", UNKNOWN), setting(POD, "spec", UNKNOWN), setting(INIT, "stdin", UNKNOWN)]
    for rule in supply.RULES:
        assert findings(rule.name, both(*unknown)(lab("lab"))) == []
