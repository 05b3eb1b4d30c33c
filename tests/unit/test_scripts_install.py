"""What puts programs on a host: from a bundle, from upstream with stand-ins for dnf and curl; and the node's set-up."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile

import pytest

from tests.unit.sandbox import Sandbox, needs_root

pytestmark = needs_root

_VERSIONS = {"cilium": "0.18.5", "hubble": "1.17.5", "k9s": "0.50.9", "termshark": "2.4.0"}

# --- upstream


def archive(tool: str, text: str) -> bytes:
    """A release archive: the program in a folder, as some have it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        entry = tarfile.TarInfo(f"release/{tool}")
        entry.size, entry.mode = len(text), 0o755
        tar.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def publish(sandbox: Sandbox, versions: dict[str, str]) -> dict[str, str]:
    """Upstream's releases, as files that the stand-in for curl knows by their address; returns those by tool."""
    github = "https://github.com"
    cilium = f"{github}/cilium/cilium-cli/releases/download/v{versions['cilium']}/cilium-linux-amd64.tar.gz"
    hubble = f"{github}/cilium/hubble/releases/download/v{versions['hubble']}/hubble-linux-amd64.tar.gz"
    k9s = f"{github}/derailed/k9s/releases/download/v{versions['k9s']}"
    termshark = f"{github}/gcla/termshark/releases/download/v{versions['termshark']}"
    name = f"termshark_{versions['termshark']}"
    urls = {
        "cilium": (cilium, f"{cilium}.sha256sum"),
        "hubble": (hubble, f"{hubble}.sha256sum"),
        "k9s": (f"{k9s}/k9s_Linux_amd64.tar.gz", f"{k9s}/checksums.sha256"),
        "termshark": (f"{termshark}/{name}_linux_x64.tar.gz", f"{termshark}/{name}_checksums.txt"),
    }
    for tool, (url, sums) in urls.items():
        content = archive(tool, f"#!/bin/sh\necho {tool} {versions[tool]}\n")
        sandbox.write(f"/upstream/{_file(url)}", "")
        sandbox.path(f"/upstream/{_file(url)}").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        sandbox.write(f"/upstream/{_file(sums)}", f"{'0' * 64}  other.tar.gz\n{digest}  {url.rpartition('/')[2]}\n")
    return {tool: url for tool, (url, _) in urls.items()}


def _file(url: str) -> str:
    return url.removeprefix("https://").replace("/", "_")


@pytest.fixture
def rocky(sandbox: Sandbox) -> Sandbox:
    """A host with dnf and a web."""
    sandbox.stand_in("dnf", "[ ! -e /no-mirror ] || { echo 'Error: no mirror' >&2; exit 1; }")
    sandbox.stand_in(
        "curl",
        'url=${!#}; while [ $# -gt 1 ]; do [ "$1" != --output ] || out=$2; shift; done\n'
        "name=${url#https://}; file=/upstream/${name//\\//_}\n"
        '[ -e "$file" ] || { echo "curl: (22) The requested URL returned error: 404" >&2; exit 22; }\n'
        'cat "$file" > "${out:-/dev/stdout}"',
    )
    return sandbox


def online(sandbox: Sandbox, versions: dict[str, str] = _VERSIONS) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/install-online.sh", "amd64", "1.33.3", "1.7.27", *versions.values())


def installed(sandbox: Sandbox, tool: str) -> str:
    return sandbox.run(f"/usr/local/bin/{tool}").stdout.strip()


def test_packages_are_pinned_and_signed_and_tools_checked(rocky: Sandbox) -> None:
    publish(rocky, _VERSIONS)
    done = online(rocky)
    assert done.returncode == 0, done.stderr
    dnf = next(call for call in rocky.calls() if call.startswith("dnf "))
    assert {"kubeadm-1.33.3", "kubelet-1.33.3", "kubectl-1.33.3", "containerd.io-1.7.27"} <= set(dnf.split())
    for repository in ("kubernetes", "docker-ce"):
        text = rocky.path(f"/etc/yum.repos.d/{repository}.repo").read_text()
        assert "gpgcheck=1\n" in text
        assert "gpgkey=https://" in text
    assert "/v1.33/rpm/\n" in rocky.path("/etc/yum.repos.d/kubernetes.repo").read_text()
    for tool, version in _VERSIONS.items():
        assert installed(rocky, tool) == f"{tool} {version}"
    assert list(rocky.path("/tmp").iterdir()) == []


def test_tools_are_downloaded_once_and_follow_their_version_both_ways(rocky: Sandbox) -> None:
    publish(rocky, _VERSIONS)
    publish(rocky, newer := {**_VERSIONS, "k9s": "0.51.0"})
    online(rocky)
    rocky.calls()
    assert online(rocky).returncode == 0
    assert [call for call in rocky.calls() if call.startswith("curl")] == []
    for versions in (newer, _VERSIONS):
        assert online(rocky, versions).returncode == 0
        assert installed(rocky, "k9s") == f"k9s {versions['k9s']}"
        assert len([call for call in rocky.calls() if call.startswith("curl")]) == 2


def test_a_tampered_archive_is_refused_with_both_sums(rocky: Sandbox) -> None:
    urls = publish(rocky, _VERSIONS)
    path = rocky.path(f"/upstream/{_file(urls['hubble'])}")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(archive("hubble", "#!/bin/sh\necho worse\n"))
    seen = hashlib.sha256(path.read_bytes()).hexdigest()
    done = online(rocky)
    assert done.returncode == 1
    assert f"checking {urls['hubble']}\n" in done.stderr
    assert f"expected: sha256 {expected}\n" in done.stderr
    assert f"seen: sha256 {seen}\n" in done.stderr
    assert not rocky.path("/usr/local/bin/hubble").exists()
    assert list(rocky.path("/tmp").iterdir()) == []


def test_an_archive_without_a_published_sum_is_refused(rocky: Sandbox) -> None:
    urls = publish(rocky, _VERSIONS)
    rocky.path(f"/upstream/{_file(urls['cilium'])}.sha256sum").write_text(f"{'0' * 64}  other.tar.gz\n")
    done = online(rocky)
    assert done.returncode == 1
    assert f"expected: sha256 published at {urls['cilium']}.sha256sum\n" in done.stderr
    assert not rocky.path("/usr/local/bin/cilium").exists()


def test_a_release_that_is_not_there_is_named(rocky: Sandbox) -> None:
    urls = publish(rocky, _VERSIONS)
    rocky.path(f"/upstream/{_file(urls['k9s'])}").unlink()
    done = online(rocky)
    assert done.returncode == 1
    assert "error: 404" in done.stderr
    assert f"failed: downloading {urls['k9s']}" in done.stderr


@pytest.mark.parametrize("script", ["install-packages.sh httpd", "install-online.sh amd64 1.33.3 1 1 1 1 1"])
def test_packages_that_cannot_be_had_are_reported_with_dnfs_words(rocky: Sandbox, script: str) -> None:
    rocky.stand_in("rpm", "exit 1")
    rocky.write("/no-mirror", "")
    done = rocky.run(*f"host/{script}".split())
    assert done.returncode == 1
    assert "Error: no mirror\n" in done.stderr
    assert "failed: dnf install" in done.stderr


def test_packages_that_are_there_are_not_asked_for(rocky: Sandbox) -> None:
    rocky.stand_in("rpm")
    assert rocky.run("host/install-packages.sh", "httpd", "tcpdump").returncode == 0
    assert rocky.calls() == ["rpm --quiet --query httpd tcpdump"]


# --- the bundle

_PROGRAMS = {"bin/kubelet": "#!/bin/sh\necho kubelet\n", "cni/bridge": "#!/bin/sh\necho bridge\n"}


@pytest.fixture
def bundled(sandbox: Sandbox) -> Sandbox:
    """A host that sees a bundle with two programs and two images, one of which containerd has."""
    for name, text in _PROGRAMS.items():
        sandbox.write(f"/opt/bundle/{name}", text, 0o755)
    files = {name: {"sha256": hashlib.sha256(text.encode()).hexdigest()} for name, text in _PROGRAMS.items()}
    images = [{"ref": f"registry.test/{name}:1", "file": f"images/{name}.tar"} for name in ("old", "new")]
    sandbox.write("/opt/bundle/index.json", json.dumps({"files": files, "images": images}))
    sandbox.stand_in("systemctl")
    sandbox.write("/imported", "registry.test/old:1\n")
    sandbox.stand_in(
        "ctr",
        'case $* in *"images ls"*) cat /imported ;; *import*) name=${!#}; name=${name##*/}\n'
        'echo "registry.test/${name%.tar}:1" >> /imported ;; esac',
    )
    return sandbox


def bundle(sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/install-bundle.sh", "/opt/bundle")


def test_a_bundle_becomes_the_hosts_own(bundled: Sandbox) -> None:
    done = bundle(bundled)
    assert done.returncode == 0, done.stderr
    assert bundled.run("/usr/local/bin/kubelet").stdout == "kubelet\n"
    assert bundled.run("/opt/cni/bin/bridge").stdout == "bridge\n"
    assert [call for call in bundled.calls() if "import" in call] == [
        "ctr -n k8s.io images import /opt/bundle/images/new.tar"
    ]


def test_a_second_installation_imports_nothing(bundled: Sandbox) -> None:
    bundle(bundled)
    before = bundled.written()
    bundled.calls()
    assert bundle(bundled).returncode == 0
    assert not any("import" in call for call in bundled.calls())
    assert bundled.written() == before


def test_a_damaged_bundle_is_refused_by_file(bundled: Sandbox) -> None:
    bundled.write("/opt/bundle/bin/kubelet", "something else")
    done = bundle(bundled)
    assert done.returncode == 1
    assert "bin/kubelet: FAILED" in done.stderr + done.stdout
    assert "failed: the bundle is damaged" in done.stderr
    assert not bundled.path("/usr/local/bin/kubelet").exists()


def test_a_folder_that_is_no_bundle_is_refused(bundled: Sandbox) -> None:
    done = bundled.run("host/install-bundle.sh", "/srv")
    assert done.returncode == 1
    assert "expected: /srv/index.json\n  seen: nothing there\n" in done.stderr


def test_an_image_that_cannot_be_imported_fails(bundled: Sandbox) -> None:
    bundled.stand_in("ctr", 'case $* in *import*) echo "ctr: no space" >&2; exit 1 ;; esac')
    done = bundle(bundled)
    assert done.returncode != 0
    assert "ctr: no space" in done.stderr


# --- the node's set-up


def configure(sandbox: Sandbox, driver: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/configure-node.sh", driver, "registry.k8s.io/pause:3.10")


@pytest.mark.parametrize(
    ("driver", "cgroup", "confined"), [("systemd", "true", "false"), ("cgroupfs", "false", "true")]
)
def test_a_node_is_prepared_once(sandbox: Sandbox, driver: str, cgroup: str, confined: str) -> None:
    for program in ("systemctl", "modprobe", "swapoff", "kubelet"):
        sandbox.stand_in(program)
    done = configure(sandbox, driver)
    assert done.returncode == 0, done.stderr
    assert "systemctl restart containerd" in sandbox.calls()
    containerd = sandbox.path("/etc/containerd/config.toml").read_text()
    assert f"SystemdCgroup = {cgroup}\n" in containerd
    assert f"disable_apparmor = {confined}\n" in containerd
    assert 'sandbox_image = "registry.k8s.io/pause:3.10"' in containerd
    assert (
        "ExecStart=/stand-ins/kubelet $KUBELET_KUBECONFIG_ARGS"
        in sandbox.path("/etc/systemd/system/kubelet.service").read_text()
    )
    assert (
        sandbox.run("cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter").stdout == "1\n0\n"
    )

    before = sandbox.written()
    assert configure(sandbox, driver).returncode == 0
    assert sandbox.written() == before
    assert {"systemctl restart containerd", "systemctl daemon-reload"}.isdisjoint(sandbox.calls())


def test_a_node_without_kubelet_is_refused(sandbox: Sandbox) -> None:
    for program in ("systemctl", "modprobe", "swapoff"):
        sandbox.stand_in(program)
    done = configure(sandbox, "cgroupfs")
    assert done.returncode == 1
    assert "failed: no kubelet" in done.stderr
