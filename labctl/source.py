"""Where artifacts come from: downloaded from upstream or mirrors of it, or built from package registries."""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import get_args

from airgap import prerequisites
from airgap.builder.builder import Builder
from airgap.builder.recipe import NO_MIRROR, BuildError, Built, Mirror
from airgap.builder.report import Progress
from airgap.catalogue import Source, catalogue
from airgap.recipes import debian
from cilium_lab.config.upstream import DIGESTS, FILES
from cilium_lab.paths import STATE
from labctl.command import LabError

_CHOSEN = STATE / "source.json"
_LIMIT = 8.0
"""Seconds that a host of upstream has to answer."""
_REGISTRIES = {"docker.io": "registry-1.docker.io"}
"""Registries that answer under another name than that in references."""
OPTIONS = ("--from", "--mirror", "--registry")
"""Those of `add_options`, each with a value."""


@dataclass(frozen=True)
class Supply:
    """A source, and the mirrors of it."""

    source: Source
    mirror: Mirror = NO_MIRROR

    def builder(self) -> Builder:
        """A builder of this source's recipes."""
        return Builder(catalogue(self.source), Progress(), self.mirror)

    def build(self, wanted: Sequence[str]) -> list[Built]:
        """Make these artifacts, and what they need, where they are missing."""
        builder = self.builder()
        if "base-tree" in builder.missing(wanted):
            _require_debian()
        if self.source == "upstream" and builder.missing(wanted):
            prerequisites.install(prerequisites.DOWNLOADS)
        return builder.build(wanted)


def _require_debian() -> None:
    """LabError where nothing says where Debian's packages come from: hosts' root file systems are made of them, and a
    build would tell after half an hour.
    """
    try:
        debian.machine_sources()
    except BuildError as error:
        raise LabError(
            expected=f"Debian's {debian.RELEASE} in /etc/apt, which the hosts' root file system is made of",
            seen=str(error),
            next="on a Debian machine: ./lab bundle export lab.tar; here: ./lab bundle import lab.tar",
        ) from None


BUILT = Supply("registries")


def add_options(to: argparse.ArgumentParser) -> None:
    """The options that choose a source."""
    to.add_argument(
        "--from",
        dest="source",
        choices=get_args(Source),
        help="download what upstream publishes, or build from package registries; without it the source of the last "
        "time, and at first upstream where it can be reached",
    )
    to.add_argument("--mirror", metavar="URL", default="", help="fetch upstream's files from URL/HOST/PATH")
    to.add_argument(
        "--registry",
        metavar="HOST[/PATH]",
        default="",
        help="fetch upstream's images from there, each below the name of its own registry; http://HOST without TLS",
    )


def chosen(given: argparse.Namespace, wanted: Sequence[str]) -> Supply:
    """The source that the options name, or the usual one. LabError for options that do not fit."""
    mirror = Mirror(given.mirror, given.registry)
    if given.mirror and not given.mirror.startswith(("http://", "https://")):
        raise LabError(expected="a URL: --mirror https://mirror.example/upstream", seen=given.mirror, next="the URL")
    if re.search(r"[@\s]|^(?!https?://)[^/]*://", given.registry):
        raise LabError(
            expected="--registry HOST[:PORT][/PATH]", seen=given.registry, next="the host alone, or with a path"
        )
    if given.source == "registries":
        if mirror != NO_MIRROR:
            raise LabError(
                expected="--mirror and --registry with what upstream publishes",
                seen="--from registries, which builds",
                next="leave out one of them; package registries have mirrors of their own (GOPROXY, pip.conf, apt)",
            )
        return BUILT
    if given.source == "upstream" or mirror != NO_MIRROR:
        return Supply("upstream", mirror)
    return usual(wanted)


def make(wanted: Sequence[str], given: argparse.Namespace | None = None) -> list[Built]:
    """Make the wanted artifacts from the source that the options name, and keep to it from now on."""
    supply = chosen(given, wanted) if given else usual(wanted)
    built = supply.build(wanted)
    remember(supply)
    return built


def usual(wanted: Sequence[str]) -> Supply:
    """The source where no option names one: that of the last time; else the one that all that is wanted was made from;
    else upstream, if it can be reached. The reason is printed where something has to be made.
    """
    last = _last()
    if last is not None:
        return last
    for supply in (BUILT, Supply("upstream")):
        if not supply.builder().missing(wanted):
            return supply
    silent = unreachable()
    if silent:
        print(f"building from package registries: upstream is out of reach ({silent})", file=sys.stderr)
        return BUILT
    print("downloading from upstream, which can be reached (--from registries builds instead)", file=sys.stderr)
    return Supply("upstream")


def remember(supply: Supply) -> None:
    """Let the next `./lab up` of this state take the same source. The file is private: a mirror's URL may hold a word
    that lets in.
    """
    _CHOSEN.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = _CHOSEN.with_name(f".{_CHOSEN.name}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"source": supply.source, "mirror": asdict(supply.mirror)}) + "\n")
    fresh.replace(_CHOSEN)


def _last() -> Supply | None:
    try:
        kept = json.loads(_CHOSEN.read_text())
        return Supply(kept["source"], Mirror(**kept["mirror"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def hosts() -> list[str]:
    """The hosts that upstream's files and images come from."""
    files = {download.url.split("/")[2] for name, download in FILES.items() if name != "rocky"}
    registries = {image.partition("/")[0] for image in DIGESTS}
    return sorted(files | {_REGISTRIES.get(name, name) for name in registries})


def unreachable() -> str:
    """The first host of upstream that does not answer, and why; empty when all do. Proxies of the environment hold."""
    with ThreadPoolExecutor(8) as pool:
        return next((said for said in pool.map(_silence, hosts()) if said), "")


def _silence(host: str) -> str:
    request = urllib.request.Request(f"https://{host}/", method="HEAD", headers={"User-Agent": "cilium-lab"})
    try:
        urllib.request.urlopen(request, timeout=_LIMIT).close()
    except urllib.error.HTTPError:
        return ""  # it answered
    except OSError as error:
        return f"{host}: {getattr(error, 'reason', error)}"
    return ""
