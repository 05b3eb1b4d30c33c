"""What `./lab up` prints at its end, and what `./lab destroy` needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from airgap import prerequisites
from airgap.recipes import TOOLCHAIN
from labctl import lifecycle, session, source, venv
from labctl.embedded import Embedded
from labctl.figures import Figures
from sandbox import sandbox


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a destroy does, in its order: a stack in tmp_path/state, a cache in tmp_path/cache."""
    steps: list[str] = []

    def note(step: str, result: object = None) -> object:
        return lambda *_words, **_options: steps.append(step) or result

    def run(_session: Embedded, argv: Sequence[str | Path], **_options: object) -> int:
        steps.append(" ".join(str(word) for word in argv if not str(word).startswith("/")))
        return 0

    state = tmp_path / "state"
    monkeypatch.setattr(lifecycle, "STATE", state)
    monkeypatch.setattr(lifecycle, "CURRENT", tmp_path / "cache")
    monkeypatch.setattr(lifecycle, "Embedded", lambda: Embedded(state))
    monkeypatch.setattr(source, "make", lambda names: steps.append(f"build {' '.join(names)}") or [])
    monkeypatch.setattr(session, "ROOT", tmp_path)
    (tmp_path / "Pulumi.embedded.yaml").write_text("config: {}\n")
    monkeypatch.setattr(prerequisites, "install", note("packages"))
    monkeypatch.setattr(venv, "link_program_environment", note("Python environment"))
    monkeypatch.setattr(sandbox, "start", note("open", True))
    monkeypatch.setattr(sandbox, "stop", note("close"))
    monkeypatch.setattr(Embedded, "prepare", note("prepare"))
    monkeypatch.setattr(Embedded, "run", run)
    return steps


def stack(state: Path, *resources: str) -> None:
    checkpoint = state / "backend" / ".pulumi" / "stacks" / "cilium-lab" / "embedded.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text(json.dumps({"checkpoint": {"latest": {"resources": [{"urn": urn} for urn in resources]}}}))


def test_a_destroy_builds_nothing_where_the_toolchain_is_there(tmp_path: Path, done: list[str]) -> None:
    stack(tmp_path / "state", "a")
    for artifact in TOOLCHAIN:
        (tmp_path / "cache" / artifact).mkdir(parents=True)
    assert lifecycle.destroy(["--debug"]) == 0
    destroyed = "pulumi --cwd destroy --yes --skip-preview --stack embedded --debug"
    healed = "-m cilium_lab.libvirt.healing destroy --stack embedded"
    assert done == ["packages", "Python environment", "open", "prepare", healed, destroyed, "close"]


def test_a_destroy_builds_a_missing_toolchain_and_no_more(tmp_path: Path, done: list[str]) -> None:
    stack(tmp_path / "state", "a")
    assert lifecycle.destroy([]) == 0
    assert [step for step in done if step.startswith("build")] == [f"build {' '.join(TOOLCHAIN)}"]


def test_a_destroy_without_a_stack_only_closes_and_forgets(tmp_path: Path, done: list[str]) -> None:
    stack(tmp_path / "state")
    (tmp_path / "state" / "hosts" / "router").mkdir(parents=True)
    (tmp_path / "state" / "kubeconfig").touch()
    assert lifecycle.destroy([]) == 0
    assert done == ["close"]
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["backend"]


def test_what_pulumi_could_not_destroy_stays(tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stack(tmp_path / "state", "a")
    (tmp_path / "state" / "kubeconfig").touch()
    monkeypatch.setattr(Embedded, "run", lambda *_words, **_options: 255)
    assert lifecycle.destroy([]) == 255
    assert "close" not in done
    assert (tmp_path / "state" / "kubeconfig").exists()


@pytest.mark.parametrize(
    ("words", "changed", "failed", "second"),
    [
        ((), False, False, "up --yes --skip-preview --stack embedded"),
        ((), True, False, "up --yes --stack embedded"),
        ((), False, True, "up --yes --stack embedded"),
        (("--refresh",), False, False, "up --yes --stack embedded --refresh"),
    ],
)
def test_the_second_up_is_previewed_unless_nothing_has_changed_since_a_good_one(
    tmp_path: Path,
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    changed: bool,
    failed: bool,
    second: str,
) -> None:
    state = tmp_path / "state"
    stack(state, "a")
    files = ["before"]
    monkeypatch.setattr(lifecycle, "open_sandbox", lambda *_words: None)
    monkeypatch.setattr(Embedded, "heal", lambda *_words: 0)
    monkeypatch.setattr(Embedded, "refresh", lambda _session: {"next": []})
    monkeypatch.setattr(lifecycle, "pages", lambda _outputs: [])
    monkeypatch.setattr(Embedded, "fingerprint", lambda _session, state=True: f"{files}")
    for check in (1 if failed else 0, 0):
        monkeypatch.setattr(Embedded, "check", lambda _session, code=check: code)
        monkeypatch.setattr(Embedded, "check_beside", lambda _session: (0, ""))
        assert lifecycle.bring_up(Embedded(state), words) == check
        files += ["changed"] if changed else []
    first, last = (step.removeprefix("pulumi --cwd ") for step in done if step.startswith("pulumi"))
    assert first == " ".join(["up --yes --stack embedded", *words])
    assert last == second


def test_what_was_changed_during_an_up_is_previewed_by_the_next(
    tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi has read the files by then: the lab is not what they say now."""
    state = tmp_path / "state"
    stack(state, "a")
    files = ["before"]

    def check(_session: Embedded) -> int:
        files[:] = ["changed"]
        return 0

    monkeypatch.setattr(lifecycle, "open_sandbox", lambda *_words: None)
    monkeypatch.setattr(Embedded, "heal", lambda *_words: 0)
    monkeypatch.setattr(Embedded, "refresh", lambda _session: {"next": []})
    monkeypatch.setattr(lifecycle, "pages", lambda _outputs: [])
    monkeypatch.setattr(Embedded, "fingerprint", lambda _session, state=True: f"{files}")
    monkeypatch.setattr(Embedded, "check", check)
    for _ in range(2):
        assert lifecycle.bring_up(Embedded(state), ()) == 0
    ups = [step.removeprefix("pulumi --cwd ") for step in done if step.startswith("pulumi")]
    assert ups == ["up --yes --stack embedded"] * 2


def test_the_first_up_is_not_previewed(tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "open_sandbox", lambda *_words: None)
    monkeypatch.setattr(Embedded, "run", lambda _session, words: done.append(" ".join(map(str, words[3:]))) or 1)
    assert lifecycle.bring_up(Embedded(tmp_path / "state"), ["--debug"]) == 1
    assert done == ["up --yes --skip-preview --stack embedded --debug"]


@pytest.mark.parametrize(("after", "told"), [("a", "beside\n"), ("b", "again\n")])
def test_checks_beside_an_update_count_only_if_it_changed_nothing(
    tmp_path: Path,
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    after: str,
    told: str,
) -> None:
    assert done == []
    state = tmp_path / "state"
    stack(state, "a")
    checkpoint = state / "backend" / ".pulumi" / "stacks" / "cilium-lab" / "embedded.json"

    def run(_session: Embedded, _words: Sequence[str | Path]) -> int:
        checkpoint.write_text(json.dumps({"checkpoint": {"latest": {"resources": [{"urn": after}]}}}))
        return 0

    monkeypatch.setattr(Embedded, "run", run)
    monkeypatch.setattr(Embedded, "refresh", lambda _session: {"next": []})
    monkeypatch.setattr(Embedded, "check_beside", lambda _session: (0, "beside\n"))
    monkeypatch.setattr(Embedded, "check", lambda _session: print("again") or 0)
    assert lifecycle.update_unchanged(Embedded(state), Figures())[0] == 0
    assert capsys.readouterr().out == told


def test_up_ends_with_pages_ways_in_and_what_to_try() -> None:
    outputs = {
        "hosts": {"k8s-cp": "172.31.1.10", "router": "172.31.1.20"},
        "pages": {"monitoring": "http://172.31.1.10:30001", "grafana": "http://172.31.1.10:30002"},
        "next": ["get in: ./lab ssh k8s-cp", "look: ./lab status"],
        "expectation": "not for a person",
    }
    told = lifecycle.ending(outputs)
    assert told.splitlines() == [
        "The lab is up.",
        "page monitoring: http://172.31.1.10:30001",
        "page grafana: http://172.31.1.10:30002",
        "get in: ./lab ssh k8s-cp",
        "look: ./lab status",
        "remove: ./lab destroy",
    ]
