"""The golden files of the stack `lab`, judged by who reads them: Debian's cloud-init, and the bundle's kubeadm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cilium_lab.paths import CURRENT
from components.kubernetes.documents import DISCOVERY_FILE
from tools.golden_files import GOLDEN

# cloud-init and what it imports. Only unpacked: installed, it would set this machine up at its next boot.
_PACKAGES = (
    *("cloud-init", "python3-attr", "python3-configobj", "python3-jinja2", "python3-json-pointer"),
    *("python3-jsonpatch", "python3-jsonschema", "python3-markupsafe", "python3-netifaces", "python3-oauthlib"),
    *("python3-pyrsistent", "python3-requests", "python3-six", "python3-yaml"),
    *("python3-chardet", "python3-urllib3", "python3-certifi", "python3-idna"),
)
_HOSTS = ("k8s-cp", "k8s-w1", "k8s-w2", "router")
CloudInit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cloud_init(tmp_path_factory: pytest.TempPathFactory) -> CloudInit:
    """Runs Debian's cloud-init out of a folder."""
    folder = tmp_path_factory.mktemp("cloud-init")
    # apt's own user cannot write here, and says so; packages are compared with the signed lists all the same
    subprocess.run(["apt-get", "download", "-q", *_PACKAGES], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, folder / "tree"], check=True)
    environment = {**os.environ, "PYTHONPATH": str(folder / "tree/usr/lib/python3/dist-packages")}

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = ["/usr/bin/python3", "-m", "cloudinit.cmd.main", *words]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("host", _HOSTS)
def test_cloud_init_takes_the_user_data(cloud_init: CloudInit, host: str) -> None:
    done = cloud_init("schema", "--config-file", GOLDEN / f"{host}.user-data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid cloud-config" in done.stdout


def test_cloud_init_refuses_a_wrong_key(cloud_init: CloudInit, tmp_path: Path) -> None:
    wrong = tmp_path / "user-data"
    wrong.write_text((GOLDEN / "router.user-data").read_text().replace("ssh_pwauth: false", "ssh_pwauth: [maybe]"))
    done = cloud_init("schema", "--config-file", wrong)
    assert done.returncode == 1
    assert "ssh_pwauth" in done.stdout + done.stderr


@pytest.mark.parametrize("host", _HOSTS)
def test_network_manager_gets_the_studys_names_and_addresses(cloud_init: CloudInit, host: str, tmp_path: Path) -> None:
    # the form in which Rocky 9's NetworkManager keeps what cloud-init found
    words = ["--network-data", GOLDEN / f"{host}.network-config", "--kind", "yaml", "--distro", "rocky"]
    done = cloud_init("devel", "net-convert", *words, "--directory", tmp_path, "--output-kind", "network-manager")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name: path.read_text() for path in tmp_path.rglob("*.nmconnection")}
    address = {"k8s-cp": 10, "k8s-w1": 11, "k8s-w2": 12, "router": 20}[host]
    node = made["cloud-init-ens160.nmconnection"]
    assert f"address1=172.31.1.{address}/20\n" in node
    assert "method=manual\n" in node
    assert "172.31.0.2" in node
    assert ("cloud-init-ens192.nmconnection" in made) == (host == "router")
    if host == "router":
        outer = made["cloud-init-ens192.nmconnection"]
        assert "address1=10.10.10.10/16\n" in outer
        assert "172.31.0.2" not in outer


@pytest.mark.parametrize("name", ["kubeadm-init.yaml", "kubeadm-join.k8s-w1.yaml", "kubeadm-join.k8s-w2.yaml"])
def test_kubeadm_takes_its_documents(name: str, tmp_path: Path) -> None:
    discovery = tmp_path / "discovery.conf"
    discovery.touch()  # kubeadm wants it to be there while it validates
    file = tmp_path / name
    file.write_text((GOLDEN / name).read_text().replace(DISCOVERY_FILE, str(discovery)))
    kubeadm = CURRENT / "bundle" / "bin" / "kubeadm"
    done = subprocess.run([kubeadm, "config", "validate", "--config", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "unknown field" not in done.stderr
    file.write_text(file.read_text().replace("apiVersion:", "kubernetsVersion: 1\napiVersion:", 1))
    wrong = subprocess.run([kubeadm, "config", "validate", "--config", file], capture_output=True, text=True)
    assert "kubernetsVersion" in wrong.stderr  # it does look
