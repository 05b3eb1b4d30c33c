"""Writes docker-archive tars (`ctr images import`, `podman load`): the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.builder.digest import file_sha256
from airgap.builder.recipe import machine_arch

EPOCH = 1752537600
"""Modification time of every file, 2025-07-15: a fixed time, so that the same input gives the same bytes."""
_CREATED = "2025-07-15T00:00:00Z"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Config:
    """What a container made of the image runs, as far as the pod does not say otherwise."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"

    def document(self, digests: Sequence[str]) -> bytes:
        """The image's configuration, as canonical JSON, for layers with these sha256 digests."""
        run: dict[str, object] = {"Env": [f"PATH={PATH}", *self.env], "WorkingDir": self.workdir}
        optional = {"Entrypoint": list(self.entrypoint), "Cmd": list(self.cmd), "User": self.user}
        run |= {key: value for key, value in optional.items() if value}
        document = {
            "architecture": machine_arch(),
            "os": "linux",
            "created": _CREATED,
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            "history": [{"created": _CREATED, "created_by": "cilium-lab bundle"} for _ in digests],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of a layer that is made entry by entry, not from a tree."""

    source: Path | bytes | None = None
    """A file on disk, the content itself, or None for a folder."""
    mode: int = 0o755
    link: str = ""
    """Target of a symbolic link; `source` is then ignored."""
    owner: int = 0
    """User and group id."""


def layer_from_entries(entries: Mapping[str, Entry], out: Path) -> None:
    """Write a layer of {path without leading slash: entry}; parent folders are added."""
    whole = {str(parent): Entry() for path in entries for parent in list(Path(path).parents)[:-1]} | dict(entries)
    with _writer(out) as tar:
        for path, entry in sorted(whole.items()):
            info = tarfile.TarInfo(path)
            info.mode, info.mtime, info.uid, info.gid = entry.mode, EPOCH, entry.owner, entry.owner
            if entry.link:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(info)
            elif entry.source is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif isinstance(entry.source, bytes):
                info.size = len(entry.source)
                tar.addfile(info, io.BytesIO(entry.source))
            else:
                info.size = entry.source.stat().st_size
                with entry.source.open("rb") as stream:
                    tar.addfile(info, stream)


def layer_from_tree(tree: Path, out: Path) -> None:
    """Write a layer of a whole folder, owners and modes as they are.

    The whiteouts of overlayfs become those of images. Device nodes are left out: the runtime makes its own.
    """
    with _writer(out) as tar:
        for path in sorted(tree.rglob("*")):
            name, status = str(path.relative_to(tree)), path.lstat()
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:  # how overlayfs marks a removed file
                info = tarfile.TarInfo(str(path.relative_to(tree).with_name(f".wh.{path.name}")))
                info.mtime = EPOCH
                tar.addfile(info)
            elif stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
                tar.add(path, arcname=name, recursive=False, filter=_timeless)


def write_archive(out: Path, ref: str, config: Config, layers: Sequence[Path]) -> None:
    """Write the image `ref` (registry/name:tag) with these layer tars, the lowest first."""
    digests = [file_sha256(layer) for layer in layers]
    document = config.document(digests)
    name = f"{hashlib.sha256(document).hexdigest()}.json"
    files = [f"{digest}/layer.tar" for digest in digests]
    manifest = json.dumps([{"Config": name, "RepoTags": [ref], "Layers": files}]).encode()
    entries = {name: Entry(document, 0o644), "manifest.json": Entry(manifest, 0o644)}
    layer_from_entries(entries | {file: Entry(layer, 0o644) for file, layer in zip(files, layers, strict=True)}, out)


def _writer(out: Path) -> tarfile.TarFile:
    return tarfile.open(out, "w", format=tarfile.GNU_FORMAT)


def _timeless(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime, info.uname, info.gname = EPOCH, "", ""
    return info
