"""A mirror of upstream made of what the builder has made: files under upstream's paths, images in a real registry.

usage: python -m tests.helpers.mirror FOLDER: make the mirror in FOLDER from the artifacts in the cache, serve it until
it is interrupted, and print its two addresses. FOLDER/upstream.json is the table that fits it.

The content is the builder's, so the sums are other ones than upstream's: a checkout that is to be fed by this mirror
gets its table. What cannot be made from package registries is not in it.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from airgap.builder.digest import file_sha256
from airgap.builder.recipe import machine_arch
from airgap.recipes.images import REFERENCES
from airgap.recipes.kubernetes import CNI, HOST_COMMANDS
from cilium_lab.config.versions import IMAGES, PULUMI_PLUGINS
from cilium_lab.paths import CURRENT, ROOT

TABLE = "cilium_lab/config/upstream.json"
_LIBVIRT = {
    "version": PULUMI_PLUGINS["libvirt"],
    "url": "https://get.pulumi.com/releases/plugins/pulumi-resource-libvirt-v{version}-linux-{arch}.tar.gz",
    "sums": "",
    "arch": {"amd64": "amd64", "arm64": "arm64"},
    "source": "a mirror of one's own",
}
"""Upstream publishes it, and no public record names its sum."""


@dataclass
class Faults:
    """What a server of files does wrong, by the path of the request."""

    truncated: dict[str, int] = field(default_factory=dict[str, int])
    """Path -> bytes after which the connection is closed, once."""
    tampered: set[str] = field(default_factory=set[str])
    hanging: set[str] = field(default_factory=set[str])
    """Nothing comes after the first bytes."""
    requested: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Path and range of every GET."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with ranges, and the faults."""

    faults: Faults

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.faults.requested.append((self.path, self.headers.get("Range", "")))
        content = path.read_bytes()
        if self.path in self.faults.tampered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int(wanted[1]) if wanted else 0
        if wanted and start >= len(content):
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = self.faults.truncated.pop(self.path, len(content))
        with contextlib.suppress(OSError):  # the client went away
            if self.path in self.faults.hanging:
                self.wfile.write(content[start : start + 10])
                self.wfile.flush()
                self.rfile.read()
            self.wfile.write(content[start:end])


@contextlib.contextmanager
def serve(folder: Path, faults: Faults | None = None) -> Generator[str]:
    """Serve a folder's files on the loopback; yields the address."""
    handler = type("Handler", (_Handler,), {"faults": faults or Faults()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: handler(*a, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def registry(folder: Path) -> Generator[str]:
    """Run Debian's registry with its data in the folder; yields HOST:PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([_program(folder), "serve", config], stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait(10)


def _program(folder: Path) -> Path:
    """Debian's docker-registry out of its package: installed, it would run on this machine by itself."""
    installed = shutil.which("docker-registry")
    if installed:
        return Path(installed)
    download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "docker-registry"]
    if subprocess.run(download, cwd=folder, capture_output=True).returncode:
        subprocess.run(["apt-get", "-qq", "update"], check=True, capture_output=True)
        subprocess.run(download, cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("docker-registry_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "package"], check=True)
    return folder / "package/usr/bin/docker-registry"


def _wait_for(port: int) -> None:
    limit = time.monotonic() + 15
    while time.monotonic() < limit:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"expected a registry at port {port} within 15 s")


def push(host: str, archive: Path, reference: str) -> str:
    """Put a docker-archive into the registry below the name of its own; returns the digest, 64 hexadecimal digits."""
    target = f"docker://{host}/{reference}"
    copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]
    subprocess.run([*copy, f"docker-archive:{archive}", target], check=True)
    shown = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", target],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return shown.stdout.strip().removeprefix("sha256:")


def archives(bundle: Path) -> dict[str, Path]:
    """Reference -> docker-archive of all that a mirror can hold; the project's stand-ins under upstream's names."""
    images = {reference: bundle / "images" / f"{name}.tar" for name, reference in REFERENCES.items()}
    stand_ins = {image.online.tagged: images[image.bundle] for image in IMAGES.values() if image.bundle in images}
    return {reference: file for reference, file in images.items() if "cilium-lab.local" not in reference} | stand_ins


def files(current: Path) -> dict[str, dict[str, Path]]:
    """Name in the table -> {path in the archive: program}; of a program by itself the path is empty."""
    bundle, pulumi = current / "bundle", current / "pulumi/bin"
    bin_ = bundle / "bin"
    names = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")
    plugins = {f"pulumi-{name}": f"pulumi-resource-{name}" for name in PULUMI_PLUGINS}
    return {
        **{name: {"": bin_ / name} for name in HOST_COMMANDS},
        "etcd": {"etcd/etcdctl": bin_ / "etcdctl"},
        "crictl": {"crictl": bin_ / "crictl"},
        "cni-plugins": {name: bundle / "cni" / name for name in CNI},
        "helm": {"linux/helm": bin_ / "helm"},
        "k9s": {"k9s": bin_ / "k9s"},
        "termshark": {"termshark/termshark": bin_ / "termshark"},
        "hubble": {"hubble": bin_ / "hubble"},
        "pulumi": {f"pulumi/{name}": pulumi / name for name in names},
        **{
            table: {program: current / f"plugin-{table.removeprefix('pulumi-')}" / "bin" / program}
            for table, program in plugins.items()
        },
        "chart": {"cilium": bundle / "charts/cilium"},
    }


def make(folder: Path, host: str, current: Path = CURRENT) -> None:
    """Fill the mirror and write its table."""
    arch = machine_arch()
    table: dict[str, Any] = json.loads((ROOT / TABLE).read_text())
    table["files"]["pulumi-libvirt"] = _LIBVIRT
    held = files(current)
    for name, entry in table["files"].items():
        entry["sha256"] = {}
        if name in held:
            address = entry["url"].format(version=entry["version"], arch=entry["arch"][arch])
            path = folder / "files" / address.partition("://")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            _pack(path, held[name])
            entry["sha256"] = {arch: file_sha256(path)}
    images: Mapping[str, Path] = archives(current / "bundle")
    table["images"] = {
        reference: {"sha256": push(host, archive, reference), "source": "a mirror of one's own"}
        for reference, archive in images.items()
    }
    (folder / "upstream.json").write_text(json.dumps(table, indent=1))


def _pack(path: Path, members: Mapping[str, Path]) -> None:
    if "" in members:
        shutil.copyfile(members[""], path)
        return
    tree = path.with_name(f"{path.name}.tree")
    for name, source in members.items():
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    subprocess.run(["tar", "-C", tree, "-I", "gzip -1", "-cf", path, "."], check=True)
    shutil.rmtree(tree)


def main() -> None:
    """Make and serve a mirror."""
    folder = Path(sys.argv[1]).resolve()
    with registry(folder / "registry") as host, serve(folder / "files") as address:
        if not (folder / "upstream.json").exists():
            make(folder, host)
        print(f"--mirror {address} --registry http://{host}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
