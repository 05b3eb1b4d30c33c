"""What puts programs on a host from upstream, with stand-ins for dnf, curl and gpg."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from cilium_lab.config.load import parse
from cilium_lab.config.versions import CONTAINERD, KUBERNETES, REPOSITORIES, TOOLS
from components.nodes.artifacts import online_list
from tests.helpers.script_sandbox import Sandbox, needs_root

pytestmark = needs_root

_TOOLS = ("cilium", "hubble", "k9s", "termshark")
_KEY = "the key of the packages\n"
_FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
_SITE = "https://upstream.test"

# --- upstream


def archive(tool: str, text: str) -> bytes:
    """A release archive: the program in a folder, as some have it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        entry = tarfile.TarInfo(f"release/{tool}")
        entry.size, entry.mode = len(text), 0o755
        tar.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def file_of(sandbox: Sandbox, url: str) -> Path:
    """Where the stand-in for curl finds what lies at an address."""
    return sandbox.path(f"/upstream/{url.removeprefix('https://').replace('/', '_')}")


def address(tool: str, version: str) -> str:
    return f"{_SITE}/{tool}/{version}/{tool}.tar.gz"


def publish(sandbox: Sandbox, tool: str, version: str) -> str:
    """Put a release on the web; its sum is returned, and listed beside it."""
    content = archive(tool, f"#!/bin/sh\necho {tool} {version}\n")
    file_of(sandbox, address(tool, version)).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    listed = f"{'0' * 64}  other.tar.gz\n{digest}  {tool}.tar.gz\n"
    file_of(sandbox, f"{_SITE}/{tool}/{version}/sums").write_text(listed)
    return digest


def line(tool: str, version: str, sum_: str) -> str:
    return f"tool {tool} {version} {address(tool, version)} {sum_}"


@pytest.fixture
def rocky(sandbox: Sandbox) -> Sandbox:
    """A host with dnf, a web, and a gpg that knows one key."""
    sandbox.stand_in("systemctl")
    sandbox.stand_in("dnf", "[ ! -e /no-mirror ] || { echo 'Error: no mirror' >&2; exit 1; }")
    sandbox.stand_in(
        "curl",
        'url=${!#}; while [ $# -gt 1 ]; do [ "$1" != --output ] || out=$2; shift; done\n'
        "name=${url#https://}; file=/upstream/${name//\\//_}\n"
        '[ -e "$file" ] || { echo "curl: (22) The requested URL returned error: 404" >&2; exit 22; }\n'
        'cat "$file" > "${out:-/dev/stdout}"',
    )
    # as gpg lists them: the main key, then a key below it
    sandbox.stand_in(
        "gpg",
        f"[ \"$(cat \"${{!#}}\")\" = '{_KEY.strip()}' ] || {{ echo 'no valid OpenPGP data' >&2; exit 2; }}\n"
        f"printf 'pub:-:4096:1:AA:\\nfpr:::::::::{_FINGERPRINT}:\\nsub:-:\\nfpr:::::::::{'F' * 40}:\\n'",
    )
    sandbox.path("/upstream").mkdir()
    file_of(sandbox, f"{_SITE}/key").write_text(_KEY)
    return sandbox


def wanted(*tools: str, fingerprint: str) -> str:
    lines = [
        f"repository kubernetes {_SITE}/rpm/ {_SITE}/key {fingerprint}",
        f"kubernetes kubelet-{KUBERNETES}",
        "package jq",
    ]
    return "".join(f"{line}\n" for line in (*lines, *tools))


def online(sandbox: Sandbox, *tools: str, fingerprint: str = _FINGERPRINT) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/install-online.sh", stdin=wanted(*tools, fingerprint=fingerprint))


def installed(sandbox: Sandbox, tool: str) -> str:
    return sandbox.run(f"/usr/local/bin/{tool}").stdout.strip()


def test_packages_are_pinned_and_signed_and_tools_checked(rocky: Sandbox) -> None:
    done = online(rocky, *(line(tool, "1.0.0", publish(rocky, tool, "1.0.0")) for tool in _TOOLS))
    assert done.returncode == 0, done.stderr
    calls = rocky.calls()
    assert "systemctl enable -q --now chronyd" in calls
    dnf = next(call for call in calls if call.startswith("dnf "))
    assert dnf == f"dnf install -y --disableexcludes=all kubelet-{KUBERNETES} jq"
    repository = rocky.path("/etc/yum.repos.d/kubernetes.repo").read_text().splitlines()
    assert {"gpgcheck=1", f"baseurl={_SITE}/rpm/", "gpgkey=file:///etc/pki/rpm-gpg/cilium-lab-kubernetes"} <= {
        *repository
    }
    assert "exclude=*" in repository  # no `dnf upgrade` moves a node to another Kubernetes
    assert rocky.path("/etc/pki/rpm-gpg/cilium-lab-kubernetes").read_text() == _KEY
    for tool in _TOOLS:
        assert installed(rocky, tool) == f"{tool} 1.0.0"
    assert list(rocky.path("/tmp").iterdir()) == []


def test_on_a_node_another_release_of_kubernetes_is_only_fetched(rocky: Sandbox) -> None:
    rocky.write("/etc/kubernetes/kubelet.conf", "kubelet")
    rocky.stand_in("rpm", "exit 1")
    done = online(rocky)
    assert done.returncode == 0, done.stderr
    assert [call for call in rocky.calls() if call.startswith("dnf ")] == [
        f"dnf install -y --downloadonly --disableexcludes=all kubelet-{KUBERNETES}",
        "dnf install -y --disableexcludes=all jq",
    ]


def test_on_a_node_of_that_release_nothing_is_special(rocky: Sandbox) -> None:
    rocky.write("/etc/kubernetes/kubelet.conf", "kubelet")
    rocky.stand_in("rpm")
    assert online(rocky).returncode == 0
    calls = rocky.calls()
    assert f"rpm -q kubelet-{KUBERNETES}" in calls
    assert f"dnf install -y --disableexcludes=all kubelet-{KUBERNETES} jq" in calls


def test_a_second_run_fetches_nothing_and_leaves_the_same_state(rocky: Sandbox) -> None:
    tools = [line(tool, "1.0.0", publish(rocky, tool, "1.0.0")) for tool in _TOOLS]
    online(rocky, *tools)
    rocky.calls()
    before = rocky.written()
    assert online(rocky, *tools).returncode == 0
    assert [call for call in rocky.calls() if call.startswith("curl")] == []
    assert rocky.written() == before


def test_a_tool_follows_its_version_both_ways(rocky: Sandbox) -> None:
    sums = {version: publish(rocky, "k9s", version) for version in ("1.0.0", "1.1.0")}
    for version in ("1.0.0", "1.1.0", "1.0.0"):
        assert online(rocky, line("k9s", version, sums[version])).returncode == 0
        assert installed(rocky, "k9s") == f"k9s {version}"


def test_a_tampered_archive_is_refused_with_both_sums(rocky: Sandbox) -> None:
    expected, url = publish(rocky, "hubble", "1.0.0"), address("hubble", "1.0.0")
    file_of(rocky, url).write_bytes(archive("hubble", "#!/bin/sh\necho worse\n"))
    seen = hashlib.sha256(file_of(rocky, url).read_bytes()).hexdigest()
    done = online(rocky, line("hubble", "1.0.0", expected))
    assert done.returncode == 1
    assert f"checking {url}\n" in done.stderr
    assert f"expected: sha256 {expected}\n" in done.stderr
    assert f"seen: sha256 {seen}\n" in done.stderr
    assert not rocky.path("/usr/local/bin/hubble").exists()
    assert list(rocky.path("/tmp").iterdir()) == []


def test_an_archive_and_its_list_that_were_both_replaced_are_refused_by_the_pinned_sum(rocky: Sandbox) -> None:
    publish(rocky, "hubble", "1.0.0")  # the list beside it fits; the sum that is known here does not
    assert online(rocky, line("hubble", "1.0.0", "0" * 64)).returncode == 1
    assert not rocky.path("/usr/local/bin/hubble").exists()


def test_a_version_without_a_known_sum_is_compared_with_its_publishers_list(rocky: Sandbox) -> None:
    publish(rocky, "cilium", "1.0.0")
    unknown = line("cilium", "1.0.0", f"from {_SITE}/cilium/1.0.0/sums")
    done = online(rocky, unknown)
    assert done.returncode == 0, done.stderr
    assert f"no sum of cilium 1.0.0 is known here: comparing it with {_SITE}/cilium/1.0.0/sums\n" in done.stderr
    assert installed(rocky, "cilium") == "cilium 1.0.0"
    publish(rocky, "cilium", "1.1.0")
    file_of(rocky, f"{_SITE}/cilium/1.1.0/sums").write_text(f"{'0' * 64}  other.tar.gz\n")
    refused = online(rocky, unknown.replace("1.0.0", "1.1.0"))
    assert refused.returncode == 1
    assert f"expected: sha256 published at {_SITE}/cilium/1.1.0/sums\n" in refused.stderr
    assert installed(rocky, "cilium") == "cilium 1.0.0"


def test_another_key_of_a_repository_is_refused_with_both_fingerprints(rocky: Sandbox) -> None:
    done = online(rocky, fingerprint="F" * 40)  # the key below the main one is not the expected one
    assert done.returncode == 1
    assert f"checking {_SITE}/key\n  expected: one key, {'F' * 40}\n  seen: {_FINGERPRINT}\n" in done.stderr
    file_of(rocky, f"{_SITE}/key").write_text("a page of somebody else\n")
    assert "seen: no key\n" in online(rocky).stderr
    assert not rocky.path("/etc/yum.repos.d/kubernetes.repo").exists()
    assert not any(call.startswith("dnf") for call in rocky.calls())


def test_a_release_that_is_not_there_is_named(rocky: Sandbox) -> None:
    done = online(rocky, line("k9s", "9.9.9", "0" * 64))
    assert done.returncode == 1
    assert "error: 404" in done.stderr
    assert f"failed: downloading {address('k9s', '9.9.9')}" in done.stderr


def test_the_lists_of_the_program_are_understood(rocky: Sandbox) -> None:
    versions = parse({}).versions
    text = online_list("arm64", versions)
    for repository in REPOSITORIES:
        file_of(rocky, repository.key.format(minor="1.33")).write_text(_KEY)
        text = text.replace(repository.fingerprint, _FINGERPRINT)
    for tool, download in TOOLS.items():
        content = archive(tool, f"#!/bin/sh\necho {tool}\n")
        file_of(rocky, download.address(download.version, "arm64")).write_bytes(content)
        text = text.replace(download.sha256["arm64"], hashlib.sha256(content).hexdigest())
    done = rocky.run("host/install-online.sh", stdin=text)
    assert done.returncode == 0, done.stderr
    assert [installed(rocky, tool) for tool in TOOLS] == list(TOOLS)
    (dnf,) = (call for call in rocky.calls() if call.startswith("dnf "))
    assert {
        "chrony",
        "container-selinux",
        f"kubeadm-{KUBERNETES}",
        f"kubelet-{KUBERNETES}",
        f"kubectl-{KUBERNETES}",
        f"containerd.io-{CONTAINERD}",
    } <= set(dnf.split())
    assert "/v1.33/rpm/\n" in rocky.path("/etc/yum.repos.d/kubernetes.repo").read_text()
    assert "/rhel/9/$basearch/stable\n" in rocky.path("/etc/yum.repos.d/docker-ce.repo").read_text()


def test_packages_that_cannot_be_had_are_reported_with_dnfs_words(rocky: Sandbox) -> None:
    rocky.stand_in("rpm", "exit 1")
    rocky.write("/no-mirror", "")
    for done in (rocky.run("host/install-packages.sh", "httpd"), online(rocky)):
        assert done.returncode == 1
        assert "Error: no mirror\n" in done.stderr
        assert "failed: dnf install" in done.stderr


def test_packages_that_are_there_are_not_asked_for(rocky: Sandbox) -> None:
    rocky.stand_in("rpm")
    assert rocky.run("host/install-packages.sh", "httpd", "tcpdump").returncode == 0
    assert rocky.calls() == ["rpm --quiet --query httpd tcpdump"]
