"""`./lab bundle`: what a lab is made of in one file, for a machine without a network."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from airgap import prerequisites
from airgap.builder import golang
from airgap.builder.builder import ARTIFACTS, Builder
from airgap.builder.digest import file_sha256
from airgap.builder.recipe import Built, Mirror, machine_arch
from airgap.builder.report import megabytes
from airgap.recipes import BUNDLE, TOOLCHAIN, debian
from airgap.recipes.packages import MACHINE_PACKAGES
from cilium_lab.paths import CACHE, ROOT
from labctl import source, venv
from labctl.command import LabError, parser
from labctl.source import Supply

_SCHEMA = 1
_PROJECT, _MANIFEST = "cilium-lab", "manifest.json"
_PACKAGES, _WHEELS, _ARTIFACTS = "packages", "wheels", "artifacts.tar.zst"
_SPARE = 1 << 30
"""Bytes that have to stay free after an import: a lab's state."""
_ATTRIBUTES = ("--numeric-owner", "--xattrs", "--xattrs-include=*")
"""Owners, capabilities of files and overlayfs' marks are part of a root file system."""
_INSTALL = ROOT / "airgap" / "install-offline.sh"


def bundle(arguments: Sequence[str]) -> int:
    """Carry a lab to a machine without a network: bundle export FILE here, bundle import FILE there.

    The file holds this checkout, all that a lab is made of, the Python packages and the Debian packages that the
    machine may lack. There: tar -xf FILE cilium-lab && cilium-lab/lab bundle import FILE && cilium-lab/lab up
    """
    made = parser(bundle)
    made.add_argument("action", choices=("export", "import"))
    made.add_argument("file", metavar="FILE", type=Path)
    made.add_argument("names", metavar="NAME", nargs="*", help="further artifacts to export: vm-image, kube-bench ...")
    given = made.parse_args(arguments)
    prerequisites.require_root()
    if given.action == "export":
        return _export(given.file.absolute(), given.names)
    return _import(given.file.absolute())


def _export(file: Path, further: Sequence[str]) -> int:
    prerequisites.install((*prerequisites.PACKAGES, prerequisites.ZSTD))
    wanted = [*TOOLCHAIN, *BUNDLE, *further]
    supply = source.usual(wanted)
    built = {one.name: one for one in supply.build([*wanted, MACHINE_PACKAGES])}
    packages = built[MACHINE_PACKAGES].folder
    wheels = venv.wheels()
    carried = [built[name] for name in wanted]
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as scratch:
        work = Path(scratch)
        _say("packing", carried)
        _pack(carried, work / _ARTIFACTS)
        manifest = _manifest(supply, carried, file_sha256(work / _ARTIFACTS))
        (work / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        (work / _PACKAGES).symlink_to(packages)
        (work / _WHEELS).symlink_to(wheels)
        whole = work / "whole.tar"
        _tar("-cf", whole, "-C", ROOT, f"--transform=s,^,{_PROJECT}/,", "--null", "-T", "-", stdin=_project())
        _tar("-rhf", whole, "-C", work, _MANIFEST, _PACKAGES, _WHEELS, _ARTIFACTS)
        whole.replace(file)
    print(f"{file}: {megabytes(file.stat().st_size)}, sha256 {file_sha256(file)}")
    print(f"there: tar -xf {file.name} {_PROJECT} && {_PROJECT}/lab bundle import {file.name} && {_PROJECT}/lab up")
    return 0


def _say(doing: str, carried: Sequence[Built]) -> None:
    print(
        f"{doing} {len(carried)} artifacts, {megabytes(sum(one.size for one in carried))}", file=sys.stderr, flush=True
    )


def _pack(carried: Sequence[Built], target: Path) -> None:
    names = [name for one in carried for name in (one.folder.name, f"{one.folder.name}.json")]
    with target.open("wb") as out:
        tar = subprocess.Popen(["tar", *_ATTRIBUTES, "-C", ARTIFACTS, "-cf", "-", *names], stdout=subprocess.PIPE)
        zstd = subprocess.run(["zstd", "--quiet", "-T0", "-3"], stdin=tar.stdout, stdout=out)
    if tar.wait() or zstd.returncode:
        raise LabError(
            expected=f"the artifacts in {target}",
            seen=f"tar ended with {tar.returncode}, zstd with {zstd.returncode}: their messages are above",
            next="free space on that disk, then run it again",
        )


def _tar(*words: str | Path, stdin: str | None = None) -> None:
    subprocess.run(["tar", *words], check=True, input=stdin, text=True)


def _project() -> str:
    """The files of the checkout, each ended by a null byte.

    Those that git would clone or could add; of a copy without git all.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        return "".join(f"{name}\0" for name in listed.stdout.split("\0") if name and (ROOT / name).exists())
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return "".join(f"{path}\0" for path in sorted(paths) if not {".venv", "__pycache__"} & set(path.parts))


def _manifest(supply: Supply, carried: Sequence[Built], sha256: str) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "arch": machine_arch(),
        "go": golang.version(),
        "debian": debian.RELEASE,
        "supply": {"source": supply.source, "mirror": asdict(supply.mirror)},
        "artifacts": {one.name: one.key for one in carried},
        "bytes": sum(one.size for one in carried),
        "sha256": sha256,
    }


def _import(file: Path) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(file) as whole:
            manifest = _checked(json.loads(_member(whole, _MANIFEST).read()))
            supply = Supply(manifest["supply"]["source"], Mirror(**manifest["supply"]["mirror"]))
            with golang.carried(manifest["go"]):
                _take(whole, manifest, supply.builder())
    except (OSError, tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise LabError(
            expected=f"a whole file of ./lab bundle export: {file}",
            seen=f"{error or type(error).__name__}",
            next="compare its size and sha256 with what the export printed, and copy it again",
        ) from error
    source.remember(supply)
    print(f"{len(manifest['artifacts'])} artifacts are in the cache; next: {ROOT}/lab up")
    return 0


def _take(whole: tarfile.TarFile, manifest: Mapping[str, Any], builder: Builder) -> None:
    _same_recipes(builder, manifest["artifacts"])
    _install_packages(whole)
    _keep_wheels(whole)
    _unpack(whole, manifest, builder)


def _checked(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest of a file that fits this machine."""
    for name, expected in (("schema", _SCHEMA), ("arch", machine_arch())):
        if manifest[name] != expected:
            raise LabError(
                expected=f"a file with {name} {expected}", seen=f"{name} {manifest[name]}", next="export another one"
            )
    free = shutil.disk_usage(CACHE).free
    if free < manifest["bytes"] + _SPARE:
        raise LabError(
            expected=f"{megabytes(manifest['bytes'] + _SPARE)} free for {CACHE}",
            seen=megabytes(free),
            next="free space, or name another folder with CILIUM_LAB_CACHE",
        )
    return manifest


def _same_recipes(builder: Builder, artifacts: Mapping[str, str]) -> None:
    other = [name for name, key in artifacts.items() if builder.key(name) != key]
    if other:
        raise LabError(
            expected="artifacts of this checkout's recipes",
            seen=f"other recipes made {', '.join(other)}",
            next=f"take the checkout out of the file and import with its own: tar -xf FILE {_PROJECT}",
        )


def _install_packages(whole: tarfile.TarFile) -> None:
    """Install the Debian packages that this machine lacks."""
    lacking = prerequisites.missing((*prerequisites.PACKAGES, prerequisites.ZSTD))
    if not lacking:
        return
    with tempfile.TemporaryDirectory() as folder:
        _extract(whole, _PACKAGES, Path(folder))
        print(f"installing Debian packages from the file: {' '.join(lacking)}", file=sys.stderr, flush=True)
        done = subprocess.run([_INSTALL, folder, *lacking], capture_output=True, text=True)
    if done.returncode:
        raise LabError(
            expected=f"the packages {' '.join(lacking)} from the file, which are Debian's {debian.RELEASE}",
            seen=f"{done.stdout[-500:]}{done.stderr[-1500:]}".strip(),
            next="install them from this distribution's own installation medium, then run it again",
        )


def _keep_wheels(whole: tarfile.TarFile) -> None:
    fresh = CACHE / ".wheels"
    shutil.rmtree(fresh, ignore_errors=True)
    _extract(whole, _WHEELS, fresh)
    shutil.rmtree(venv.WHEELS, ignore_errors=True)
    fresh.rename(venv.WHEELS)


def _extract(whole: tarfile.TarFile, folder: str, target: Path) -> None:
    """The files of one folder of the archive, which has none below it."""
    target.mkdir(parents=True, exist_ok=True)
    for member in whole.getmembers():
        levels = Path(member.name).parts
        if member.isfile() and len(levels) == 2 and levels[0] == folder:
            with (target / levels[1]).open("wb") as out:
                shutil.copyfileobj(_member(whole, member.name), out)


def _member(whole: tarfile.TarFile, name: str) -> IO[bytes]:
    return cast(IO[bytes], whole.extractfile(name))  # KeyError where there is none


def _unpack(whole: tarfile.TarFile, manifest: Mapping[str, Any], builder: Builder) -> None:
    """Put the artifacts into the cache, after their sum was found to be right."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    names = cast(Mapping[str, str], manifest["artifacts"])
    print(f"unpacking {len(names)} artifacts, {megabytes(manifest['bytes'])}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=".import.", dir=ARTIFACTS) as scratch:
        seen = _untar(_member(whole, _ARTIFACTS), Path(scratch))
        if seen != manifest["sha256"]:
            raise ValueError(f"its artifacts have the sha256 {seen}, and the manifest says {manifest['sha256']}")
        for name in names:
            builder.take_in(name, Path(scratch))
    builder.link(names)


def _untar(stream: IO[bytes], target: Path) -> str:
    """Unpack a compressed archive; returns its sha256."""
    digest = hashlib.sha256()
    tar = subprocess.Popen(["tar", *_ATTRIBUTES, "--zstd", "-C", target, "-xf", "-"], stdin=subprocess.PIPE)
    with suppress(BrokenPipeError), cast(IO[bytes], tar.stdin) as pipe:  # tar tells by itself why it ends early
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            pipe.write(chunk)
    if tar.wait():
        raise ValueError(f"tar ended with {tar.returncode}; its message is above")
    return digest.hexdigest()
