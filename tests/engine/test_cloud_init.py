"""Host names, by cloud-init itself: its RHEL family prefers the fully qualified name, Debian's the short one.

Without `fqdn` every Rocky host is named localhost (canonical/cloud-init#4656).
"""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from cilium_lab.config.load import parse
from components.machines.cloud_init import user_data

_PACKAGES = (
    "cloud-init", "python3-attr", "python3-certifi", "python3-chardet", "python3-configobj", "python3-idna",
    "python3-jinja2", "python3-json-pointer", "python3-jsonpatch", "python3-jsonschema", "python3-markupsafe",
    "python3-netifaces", "python3-oauthlib", "python3-pyrsistent", "python3-requests", "python3-serial", "python3-six",
    "python3-urllib3", "python3-yaml",
)  # fmt: skip
_PROGRAM = """
import sys
import tempfile
from pathlib import Path

import yaml
from cloudinit import distros, helpers, stages
from cloudinit.cloud import Cloud
from cloudinit.config import cc_set_hostname
from cloudinit.sources.DataSourceNoCloud import DataSourceNoCloud

name, config = sys.argv[1], yaml.safe_load(sys.stdin)
with tempfile.TemporaryDirectory() as folder:  # its memory of an earlier boot
    (Path(folder) / "data").mkdir()
    paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder})
    distro = distros.fetch(name)(name, {}, paths)
    distro._write_hostname = lambda hostname, filename: print(hostname)
    distro._apply_hostname = lambda hostname: None
    source = DataSourceNoCloud({}, distro, paths)
    source.metadata = {"instance-id": "created"}
    cloud = Cloud(source, paths, config, distro, helpers.Runners(paths))
    cc_set_hostname.handle("set_hostname", config, cloud, stages.LOG, [])
"""
"""Everything is cloud-init's own code but the last step: the name is printed instead of given to this machine."""
_PYTHON = "/usr/bin/python3"
_TOPOLOGY = parse({}).topology


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cloud-init and what it imports, unpacked: installed, it would act at this machine's next boot."""
    folder = tmp_path_factory.mktemp("cloud-init")
    words = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *_PACKAGES]
    if subprocess.run(words, cwd=folder, capture_output=True).returncode:  # no lists of packages yet
        subprocess.run(["apt-get", "-qq", "update"], check=True, capture_output=True)
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
    return folder / "root/usr/lib/python3/dist-packages"


def named(modules: Path, distribution: str, config: str) -> str:
    """The name that cloud-init of the distribution gives to a host with this user-data."""
    environment = {"PYTHONPATH": str(modules), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [_PYTHON, "-c", _PROGRAM, distribution], input=config, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("distribution", ["rocky", "fedora", "rhel", "debian", "ubuntu"])
def test_every_family_gives_each_host_its_name(modules: Path, distribution: str) -> None:
    seen = {
        host.name: named(modules, distribution, user_data(host, "key", "private", "public")) for host in _TOPOLOGY.hosts
    }
    assert seen == {name: name for name in ("k8s-cp", "k8s-w1", "k8s-w2", "router")}


def test_a_host_name_alone_is_not_enough_for_rocky(modules: Path) -> None:
    """The reason for `fqdn`: when this fails, cloud-init has changed and `fqdn` may go."""
    config = yaml.safe_dump({"hostname": "k8s-cp"})
    assert named(modules, "debian", config) == "k8s-cp"
    assert named(modules, "rocky", config) == socket.gethostname()  # the name before: an image's is localhost
