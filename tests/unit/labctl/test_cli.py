"""./lab as a person calls it, and what is said when something fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from airgap.builder.recipe import BuildError
from airgap.prerequisites import PrerequisiteError
from labctl import cli, commands, session
from sandbox import sandbox as room
from sandbox.sandbox import RoomError

LAB = Path(__file__).parents[3] / "lab"


def lab(folder: Path, *words: str, program: Path = LAB) -> subprocess.CompletedProcess[str]:
    """./lab with a state of its own and no room."""
    environment = {**os.environ, "CILIUM_LAB_STATE": str(folder / "state"), "CILIUM_LAB_CACHE": str(folder / "cache")}
    return subprocess.run([program, *words], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("words", [[], ["help"], ["-h"], ["--help"]])
def test_usage_names_every_command(tmp_path: Path, words: list[str]) -> None:
    done = lab(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ./lab COMMAND")
    for name in ("up", "test", "verify", "status", "doctor", "shell", "pulumi", "kubectl", "ssh", "destroy", "build"):
        assert re.search(rf"^  {name} +\w", done.stdout, re.MULTILINE), name


def test_a_link_to_the_command_works_from_any_folder(tmp_path: Path) -> None:
    link = tmp_path / "mylab"
    link.symlink_to(LAB)
    assert lab(tmp_path, "help", program=link).stdout == lab(tmp_path, "help").stdout


def test_what_lies_where_the_caller_is_has_no_say(tmp_path: Path) -> None:
    (tmp_path / "labctl").mkdir()
    (tmp_path / "labctl" / "__main__.py").write_text("raise SystemExit('another checkout')")
    (tmp_path / "json.py").write_text("raise SystemExit('not the library')")
    assert lab(tmp_path, "help").returncode == 0


def test_an_unknown_command_is_refused_with_the_usage(tmp_path: Path) -> None:
    done = lab(tmp_path, "dance")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: no command 'dance'\n")
    assert "usage: ./lab" in done.stderr


@pytest.mark.parametrize("words", [["kubectl", "get", "pods"], ["ssh", "router"], ["verify"]])
def test_without_a_lab_one_line_says_so(tmp_path: Path, words: list[str]) -> None:
    done = lab(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lab {words[0]}: the lab is not running. Next: ./lab up\n"


def test_status_without_a_lab(tmp_path: Path) -> None:
    done = lab(tmp_path, "status")
    assert (done.returncode, done.stdout) == (3, "the lab is not running. Next: ./lab up\n")


def test_ssh_without_a_host_is_refused(tmp_path: Path) -> None:
    done = lab(tmp_path, "ssh")
    assert (done.returncode, done.stderr) == (2, "usage: ./lab ssh HOST [COMMAND...]\n")


def test_destroy_where_nothing_is_leaves_nothing(tmp_path: Path) -> None:
    for words in (["destroy"], ["destroy", "--force"]):
        assert lab(tmp_path, *words).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_is_refused_in_one_line(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("./lab build looks at the machine first, and wants root")
    done = lab(tmp_path, "build", "kubelett")
    assert done.returncode == 1
    assert done.stderr.startswith("lab build: no recipe is named 'kubelett'; there are: base-tree, bundle")
    assert done.stderr.count("\n") == 1


def replaced(monkeypatch: pytest.MonkeyPatch, command: Callable[[Sequence[str]], int]) -> None:
    # the table is the only place where a command is bound to its function
    monkeypatch.setitem(cli._COMMANDS, "up", ("", command))  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("error", [BuildError("the words"), RoomError("the words"), PrerequisiteError("the words")])
def test_expected_failures_are_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(_words: Sequence[str]) -> int:
        raise error

    replaced(monkeypatch, fail)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr() == ("", "lab up: the words\n")


def test_the_words_of_a_command_that_failed_quietly_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_words: Sequence[str]) -> int:
        subprocess.run(["sh", "-c", "echo the reason >&2; exit 9"], check=True, capture_output=True)
        return 0

    replaced(monkeypatch, fail)
    assert cli.main(["up"]) == 1
    shown = capsys.readouterr().err
    assert "lab up: exit status 9: sh -c" in shown
    assert shown.endswith("the reason\n")


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_words: Sequence[str]) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    replaced(monkeypatch, interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
    try:
        assert cli.main(["up"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "lab up: interrupted; run it again to go on\n"


def test_exit_status_and_arguments_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Sequence[str]] = []
    replaced(monkeypatch, lambda words: given.append(words) or 42)
    assert cli.main(["up", "--target", "a b"]) == 42
    assert given == [["--target", "a b"]]


# --- programs in the room


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (commands.kubectl, ["kubectl", "get", "pods"]),
        (commands.pulumi, ["pulumi", "--cwd", str(LAB.parent), "get", "pods"]),
        (commands.ssh, ["ssh", "-F", str(session.SSH_CONFIG), "get", "pods"]),
        (commands.shell, ["/bin/dash", "-c", "get pods"]),
    ],
)
def test_programs_replace_the_command_and_get_its_words(
    monkeypatch: pytest.MonkeyPatch, command: Callable[[Sequence[str]], int], words: list[str]
) -> None:
    become: list[str] = []

    def execute(_file: str, argv: list[str], environment: dict[str, str]) -> None:
        become.extend(argv)
        assert environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        assert "PULUMI_CONFIG_PASSPHRASE" not in environment
        raise SystemExit(0)

    monkeypatch.setattr(room, "pid", lambda: os.getpid())
    monkeypatch.setattr(session, "release_dead_locks", lambda: None)
    monkeypatch.setattr(os, "execvpe", execute)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.setenv("SHELL", "/bin/dash")
    with pytest.raises(SystemExit):
        command(["get", "pods"])
    assert become[: become.index("--")] == [
        "nsenter",
        f"--target={os.getpid()}",
        "--mount",
        "--net",
        "--pid",
        "--cgroup",
    ]
    assert become[-len(words) :] == words
