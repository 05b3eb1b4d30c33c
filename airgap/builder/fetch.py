"""Downloads of upstream's files and images, by curl and skopeo: resumed where they stopped, and taken whole or not.

What was fetched so far stays in the recipe's scratch folder, so that a run that was interrupted goes on there. Nothing
is believed before its sum fits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airgap.builder.digest import file_sha256
from airgap.builder.recipe import BuildError, Workspace, machine_arch

_PAUSES = (1.0, 3.0, 9.0)
"""Seconds between two attempts of a file; what has arrived is kept."""
_CURL = (
    *("curl", "--silent", "--show-error", "--fail", "--location", "--proto", "=http,https"),
    *("--connect-timeout", "20"),
    # Slower than 4 KiB/s for half a minute is a connection that hangs.
    *("--speed-limit", "4096", "--speed-time", "30"),
)
# skopeo has no limit for a connection that hangs; a digest is proof enough, so no signature is looked for.
_COPY = ("skopeo", "--command-timeout", "20m", "--insecure-policy", "copy", "--quiet")


def file(ws: Workspace, url: str, sha256: str) -> Path:
    """Fetch the file of upstream's address, from the mirror where there is one, into the scratch folder.

    `sha256` is 64 hexadecimal digits. BuildError names the address, what was expected and what was seen.
    """
    address = ws.mirror.address(url)
    target = ws.work / url.rpartition("/")[2]
    if target.exists():  # only a file whose sum fitted has this name
        return target
    part = target.with_name(f"{target.name}.part")
    ws.transfer.into, ws.transfer.total = part, _size(ws, address)
    resumed = part.exists()
    _receive(ws, address, part, sha256)
    seen = file_sha256(part)
    if seen != sha256 and resumed:  # it may be another file by now
        part.unlink()
        _receive(ws, address, part, sha256)
        seen = file_sha256(part)
    if seen != sha256:
        size = part.stat().st_size
        part.unlink()
        raise BuildError(
            f"what was fetched is not upstream's file, and was thrown away\n    address: {address}\n"
            f"    expected: sha256 {sha256}\n    seen: sha256 {seen}, {size} bytes\n    next: {_next(ws)}"
        )
    part.rename(target)
    return target


def _receive(ws: Workspace, address: str, part: Path, sha256: str) -> None:
    for pause in (*_PAUSES, None):
        try:
            ws.run([*_CURL, "--continue-at", "-", "--output", part, address])
            return
        except BuildError as error:
            if part.exists() and file_sha256(part) == sha256:
                return  # it was whole already, and a server refuses to send what comes after the end
            if pause is None or ws.stop.wait(pause):
                raise BuildError(
                    f"a file could not be fetched\n    address: {address}\n"
                    f"    expected: {ws.transfer.total or 'some'} bytes\n"
                    f"    seen: {part.stat().st_size if part.exists() else 0} bytes; {_said(error)}\n"
                    f"    next: {_next(ws)}"
                ) from None


def _size(ws: Workspace, address: str) -> int:
    """What the server says of the file's size; 0 where it says nothing: the download itself tells why."""
    try:
        heads = ws.output([*_CURL, "--head", address])
    except BuildError:
        return 0
    sizes = [line.split(":")[1] for line in heads.splitlines() if line.lower().startswith("content-length:")]
    return int(sizes[-1]) if sizes else 0


def image(ws: Workspace, reference: str, digest: str, archive: Path) -> None:
    """Fetch an image of this machine's architecture and write it as a docker-archive under that reference.

    `reference` is registry/repository:tag, `digest` the sha256 of its index, which decides what is fetched.
    """
    name, layout = reference.rpartition(":")[0], ws.work / "layout"
    plain = ["--tls-verify=false"] if ws.mirror.plain else []
    source = f"docker://{ws.mirror.repository(name)}@sha256:{digest}"
    try:
        sizes = _layers(json.loads(ws.output(["skopeo", "inspect", "--raw", *plain, source])), ws, plain, source)
        ws.transfer.into, ws.transfer.total = layout / "blobs", sizes
        words = [*_COPY, "--retry-times", "3"]
        ws.run([*words, *(f"--src{word[1:]}" for word in plain), source, f"oci:{layout}:image"])
        _check_architecture(ws, layout)
    except (BuildError, ValueError) as error:
        raise BuildError(
            f"an image could not be fetched\n    image: {reference}\n    expected: {source.removeprefix('docker://')}\n"
            f"    seen: {_said(error)}\n    next: {_next(ws)}"
        ) from None
    ws.run([*_COPY, f"oci:{layout}:image", f"docker-archive:{archive}:{reference}"])


def _check_architecture(ws: Workspace, layout: Path) -> None:
    """A digest may be that of an image for one architecture alone, and skopeo takes it for any."""
    made_for = json.loads(ws.output(["skopeo", "inspect", "--config", f"oci:{layout}:image"]))["architecture"]
    if made_for != machine_arch():
        raise ValueError(f"the digest is that of an image for {made_for}, and this machine is {machine_arch()}")


def _layers(manifest: dict[str, Any], ws: Workspace, plain: list[str], source: str) -> int:
    """Bytes of all blobs of this architecture's image; `manifest` is an index, or the image's own."""
    if "manifests" in manifest:
        arch = machine_arch()
        wanted = {"os": "linux", "architecture": arch}
        own = [one for one in manifest["manifests"] if wanted.items() <= one.get("platform", {}).items()]
        if not own:
            raise ValueError(f"the index holds no image for linux/{arch}")
        named = f"{source.partition('@')[0]}@{own[0]['digest']}"
        manifest = json.loads(ws.output(["skopeo", "inspect", "--raw", *plain, named]))
    return sum(int(layer["size"]) for layer in manifest["layers"]) + int(manifest["config"]["size"])


def _said(error: Exception) -> str:
    """What the command printed last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _next(ws: Workspace) -> str:
    mirrored = ws.mirror.files or ws.mirror.images
    where = "look at the mirror" if mirrored else "name a mirror (--mirror URL, --registry HOST)"
    return f"run it again, which goes on where it stopped; or {where}; or build it: --from registries"
