"""What upstream publishes and the project downloads: addresses, sums and digests, read from upstream.json.

A sum is the publisher's figure for exactly that file, and `source` says where it is on record; what has none on record
is not in the table: a sum is never made up, nor taken from a first download. The table is data, so that a mirror with
other files than upstream's can be served by a copy of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Arch = Literal["amd64", "arm64"]


@dataclass(frozen=True)
class Download:
    """A file that upstream publishes. `{version}` and `{arch}` stand in `url` and `sums`.

    `sha256` belongs to `version`. Of another version, which a configuration may name, the sum is read from the list
    that its publisher keeps at `sums`, where it keeps one.
    """

    version: str
    url: str
    sums: str
    arch: Mapping[Arch, str]
    """What the publisher calls the architectures."""
    sha256: Mapping[Arch, str]
    source: str

    def address(self, version: str, arch: Arch) -> str:
        """Where the file lies."""
        return self.url.format(version=version, arch=self.arch[arch])

    def published(self, version: str, arch: Arch) -> str:
        """Where the publisher's list of sums lies."""
        return self.sums.format(version=version, arch=self.arch[arch])

    def pinned(self, version: str, arch: Arch) -> str | None:
        """The sum, 64 hexadecimal digits; None for a version that is not the pinned one."""
        return self.sha256.get(arch) if version == self.version else None


@dataclass(frozen=True)
class Digest:
    """The sha256 of an image's index for all architectures, 64 hexadecimal digits."""

    sha256: str
    source: str


_TABLE: Mapping[str, Any] = json.loads(Path(__file__).with_name("upstream.json").read_text())
FILES: Mapping[str, Download] = {name: Download(**entry) for name, entry in _TABLE["files"].items()}
"""By the name of the program in it."""
DIGESTS: Mapping[str, Digest] = {image: Digest(**entry) for image, entry in _TABLE["images"].items()}
"""By full reference: registry/repository:tag."""
