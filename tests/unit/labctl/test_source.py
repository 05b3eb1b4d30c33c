"""Where artifacts come from when nobody, or somebody, says so."""

from __future__ import annotations

import argparse
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.builder.builder import Builder
from airgap.builder.recipe import Mirror
from airgap.catalogue import catalogue
from labctl import source
from labctl.command import LabError
from labctl.source import BUILT, Supply

HERE = Mirror("http://127.0.0.1:1", "http://127.0.0.1:2/team")


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    source.add_options(parser)
    return parser.parse_args(words)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose cache is empty, and that reaches nothing."""
    monkeypatch.setattr(source, "_CHOSEN", tmp_path / "source.json")
    monkeypatch.setattr(Builder, "missing", lambda _self, wanted: list(wanted))
    monkeypatch.setattr(source, "unreachable", lambda: "dl.example: no such host")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--from", "registries"), BUILT),
        (("--from", "upstream"), Supply("upstream")),
        (("--mirror", HERE.files, "--registry", HERE.images), Supply("upstream", HERE)),
        (("--registry", HERE.images), Supply("upstream", Mirror("", HERE.images))),
    ],
)
def test_options_decide(words: tuple[str, ...], expected: Supply) -> None:
    source.remember(Supply("upstream", Mirror("http://elsewhere")))
    assert source.chosen(options(*words), ["x"]) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from=registries", "--mirror", HERE.files), "seen: --from registries"),
        (("--mirror", "mirror.example"), "expected: a URL: --mirror https://"),
        (("--registry", "docker://r.example"), r"expected: --registry HOST\[:PORT\]"),
        (("--registry", "r.example/x@sha256:1"), "seen: r.example/x@sha256:1"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(LabError, match=told):
        source.chosen(options(*words), ["x"])


def test_what_was_downloaded_already_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a lab of downloads was carried to, and its state was removed."""
    downloads = {recipe.name for recipe in catalogue("upstream") if recipe.downloads}
    monkeypatch.setattr(Builder, "missing", lambda self, _wanted: [] if self._downloads == downloads else ["x"])
    assert source.usual(["x"]) == Supply("upstream")


def test_without_options_it_is_the_source_of_the_last_time() -> None:
    source.remember(Supply("upstream", HERE))
    assert source.chosen(options(), ["x"]) == Supply("upstream", HERE)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": "upstream"}', '{"source": "x", "mirror": {"a": 1}}'])
def test_a_record_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text(text)
    assert source.usual(["x"]) == BUILT


def test_at_first_upstream_is_taken_where_it_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert source.usual(["x"]) == BUILT
    assert "upstream is out of reach (dl.example: no such host)" in capsys.readouterr().err
    monkeypatch.setattr(source, "unreachable", lambda: "")
    assert source.usual(["x"]) == Supply("upstream")
    assert "--from registries builds instead" in capsys.readouterr().err


def test_what_is_built_already_is_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Builder, "missing", lambda _self, _wanted: [])
    monkeypatch.setattr(source, "unreachable", lambda: pytest.fail("nobody has to be reached"))
    assert source.usual(["x"]) == BUILT
    assert capsys.readouterr().err == ""


def test_only_a_build_that_went_well_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_self: Builder, _wanted: object) -> None:
        raise ValueError

    monkeypatch.setattr(Builder, "build", fail)
    with pytest.raises(ValueError, match=r"^$"):
        source.make(["x"], options("--from", "registries"))
    assert not (tmp_path / "source.json").exists()
    monkeypatch.setattr(Builder, "build", lambda _self, _wanted: [])
    source.make(["x"], options("--from", "registries"))
    assert json.loads((tmp_path / "source.json").read_text())["source"] == "registries"
    assert (tmp_path / "source.json").stat().st_mode & 0o777 == 0o600


def test_every_host_of_upstream_is_asked() -> None:
    assert {"dl.k8s.io", "quay.io", "registry.k8s.io", "registry-1.docker.io", "get.pulumi.com"} <= set(source.hosts())
    assert "docker.io" not in source.hosts()
    assert not any("rocky" in host for host in source.hosts())


class _Refusing(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        self.send_error(407)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def proxy() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_proxy_that_refuses_is_the_reason(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    assert "407" in source._silence("dl.example")


@pytest.mark.parametrize(
    ("mirror", "address", "repository", "plain"),
    [
        (Mirror(), "https://a.example/v1/f", "quay.io/team/tool", False),
        (Mirror("http://m:80/x/", "r.example"), "http://m:80/x/a.example/v1/f", "r.example/quay.io/team/tool", False),
        (Mirror("", "http://r:5000/p"), "https://a.example/v1/f", "r:5000/p/quay.io/team/tool", True),
        (Mirror("", "https://r.example/"), "https://a.example/v1/f", "r.example/quay.io/team/tool", False),
    ],
)
def test_a_mirror_keeps_upstreams_own_names(mirror: Mirror, address: str, repository: str, plain: bool) -> None:
    assert mirror.address("https://a.example/v1/f") == address
    assert mirror.repository("quay.io/team/tool") == repository
    assert mirror.plain is plain


def test_without_debians_packages_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []
    monkeypatch.setattr(Builder, "build", lambda _self, wanted: built.append(list(wanted)) or [])
    monkeypatch.setattr("airgap.recipes.debian._APT", tmp_path)
    with pytest.raises(LabError, match=r"(?s)seen: .*found nothing.*next: .*\./lab bundle import lab\.tar"):
        BUILT.build(["base-tree"])
    assert built == []
    BUILT.build(["probe"])  # which takes nothing of Debian's
    (tmp_path / "sources.list").write_text("deb http://mirror.example/debian bookworm main\n")
    BUILT.build(["base-tree"])
    assert built == [["probe"], ["base-tree"]]
