"""Debian 12 trees: the base that everything shares, and packages laid on top of it.

Which mirror to use is read from the machine's own apt sources when a tree is built; no file of the
project names it, and it does not remain in a tree. The machine's package database, lists and archives stay untouched,
and what has to be mounted is mounted in namespaces that end with the command.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.builder.recipe import BuildError, Recipe, Workspace

RELEASE = "bookworm"
IN_TREE = Path(__file__).with_name("in-tree.sh")
"""An input of every recipe that changes a tree."""

PRIVATE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
"""Starts a command whose mounts and processes are its own, and end with it."""
_APT = Path("/etc/apt")
# Left behind by the package tools, or rebuilt when needed; licences (the copyright files) stay.
_LEFTOVERS = (
    "dev/*", "run/*", "tmp/*", "var/log/*", "var/cache/apt/*", "var/cache/ldconfig/*", "var/cache/man/*",
    "var/cache/debconf/*-old", "var/lib/apt/lists/*", "var/lib/dpkg/*-old", "var/lib/systemd/catalog/*",
    "etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/*-", "etc/apt/sources.list", "etc/apt/sources.list.d/*", "etc/resolv.conf", "etc/hostname",
    "etc/machine-id", "etc/ssh/ssh_host_*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*",
    "usr/share/lintian/*", "usr/share/i18n/*",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One archive of Debian packages in the machine's apt configuration."""

    uri: str
    suite: str
    signed_by: str

    def line(self) -> str:
        """The source in apt's one-line form, `main` only."""
        option = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {option}{self.uri} {self.suite} main"


def parse_list(text: str) -> Iterator[Source]:
    """Sources of a one-line file (`deb [options] URI SUITE COMPONENT...`)."""
    for line in text.splitlines():
        head, _, rest = line.strip().partition(" ")
        if head != "deb":
            continue
        options, _, rest = rest.strip()[1:].partition("]") if rest.strip().startswith("[") else ("", "", rest)
        words = rest.split()
        signed = next((word.partition("=")[2] for word in options.split() if word.startswith("signed-by=")), "")
        if len(words) >= 3 and "main" in words[2:]:
            yield Source(words[0], words[1], signed)


def parse_deb822(text: str) -> Iterator[Source]:
    """Sources of a deb822 file (stanzas of `Types:`, `URIs:`, `Suites:`, `Components:`)."""
    for stanza in text.split("\n\n"):
        lines = [line for line in stanza.splitlines() if ":" in line and not line.startswith("#")]
        fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "deb" not in fields.get("types", "").split() or "main" not in fields.get("components", "").split():
            continue
        if fields.get("enabled", "yes").lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, fields.get("signed-by", ""))


def choose(sources: Sequence[Source]) -> list[Source]:
    """The sources of that release, the release itself first. BuildError when the machine has none."""
    suites = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
    chosen = [source for suite in suites for source in sources if source.suite == suite]
    if not chosen or chosen[0].suite != RELEASE:
        seen = ", ".join(sorted({source.suite for source in sources})) or "nothing"
        raise BuildError(
            f"expected an apt source for Debian's {RELEASE} in {_APT}, found {seen}: add a mirror of it there"
        )
    return chosen


def machine_sources() -> list[Source]:
    """The sources in /etc/apt, reduced to that release."""
    lists = [_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*.list"))]
    found = [source for path in lists if path.exists() for source in parse_list(path.read_text())]
    for path in sorted((_APT / "sources.list.d").glob("*.sources")):
        found += parse_deb822(path.read_text())
    return choose(found)


def in_tree(
    ws: Workspace, tree: Path, command: Sequence[str], *, lower: Path | None = None, apt: Path | None = None
) -> None:
    """Run a command with the tree as root, without network; with `lower`, only the changes land in `tree`."""
    tree.mkdir(exist_ok=True)
    where = [tree, lower or "-", apt or "-"]
    ws.run([*PRIVATE, "--net", "sh", IN_TREE, *where, *command])


def download(ws: Workspace, status: Path, words: Sequence[str]) -> Path:
    """Fetch what `apt-get WORDS` would install on a tree with this dpkg status file; returns apt's folder.

    The machine's apt configuration (a proxy, say) holds; its state is left alone.
    """
    apt = ws.work / "apt"
    (apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(status, apt / "status")  # apt locks the folder of the status file, and trees are shared
    (apt / "sources.list").write_text("".join(f"{source.line()}\n" for source in machine_sources()))
    settings = _settings(apt, f"{apt}/status")
    ws.run(["apt-get", *settings, "-q", "update"])
    ws.run(["apt-get", *settings, "-q", "-y", "--download-only", *words])
    return apt


def change(ws: Workspace, tree: Path, words: Sequence[str], *, lower: Path | None = None) -> None:
    """Run `apt-get WORDS` on a tree: downloaded first from outside, then installed inside without network."""
    apt = download(ws, (lower or tree) / "var/lib/dpkg/status", words)
    settings = _settings(Path("/run/apt"), "/var/lib/dpkg/status")
    in_tree(ws, tree, ["apt-get", *settings, "-q", "-y", "--no-download", *words], lower=lower, apt=apt)


def trim(tree: Path) -> None:
    """Remove what the package tools left, documentation but for licences, and every trace of the mirror."""
    for pattern in _LEFTOVERS:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in sorted(tree.glob("usr/share/doc/**/*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name != "copyright":
            path.unlink()


def _settings(apt: Path, status: str) -> list[str]:
    pairs = {
        "Dir::Etc::SourceList": f"{apt}/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": f"{apt}/lists",
        "Dir::State::status": status,
        "Dir::Cache": f"{apt}/cache",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",  # the folder lies below /root, which apt's own user cannot read
        "Acquire::Languages": "none",
        "DPkg::Options::": "--force-unsafe-io",  # a tree that was half written is thrown away
    }
    return [word for name, value in pairs.items() for word in ("-o", f"{name}={value}")]


def _base_tree(ws: Workspace) -> None:
    """Debian's smallest system, of the release's newest packages, by mmdebstrap: half a minute, not a whole one."""
    tree, options = ws.out / "tree", ws.work / "apt.conf"
    # A proxy of the machine's apt, for example, which mmdebstrap does not look at.
    options.write_text(ws.output(["apt-config", "dump", "Acquire"]))
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--quiet", f"--aptopt={options}"]
    # What is installed when /bin is a link from the start; else a package that makes it one, and Perl for that.
    words += ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--include=usr-is-merged"]
    words += ["--dpkgopt=force-unsafe-io", RELEASE]  # a tree that was half written is thrown away
    ws.run([*PRIVATE, "--mount-proc", *words, tree, *(source.line() for source in machine_sources())])
    trim(tree)


RECIPES = (Recipe("base-tree", _base_tree, inputs=(IN_TREE,), cost=60),)
