"""./lab as a person calls it, and what is said when something fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from airgap import prerequisites
from airgap.builder.builder import Builder
from airgap.builder.recipe import BuildError
from airgap.prerequisites import PrerequisiteError
from labctl import building, cli, inside, testing, venv
from labctl.command import LabError, split
from labctl.embedded import Embedded
from sandbox import sandbox
from sandbox.sandbox import SandboxError

ROOT = Path(__file__).parents[3]
LAB = ROOT / "lab"


def lab(folder: Path, *words: str, program: Path = LAB) -> subprocess.CompletedProcess[str]:
    """./lab with a state of its own and no sandbox."""
    environment = {**os.environ, "CILIUM_LAB_STATE": str(folder / "state"), "CILIUM_LAB_CACHE": str(folder / "cache")}
    return subprocess.run([program, *words], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_command_needs_nothing_but_python() -> None:
    """A machine that has just been installed has no library of others, and ./lab makes the environments with them."""
    folders = ("labctl", "airgap", "sandbox")
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "__main__.py" and "modules" not in path.parts
    ]
    assert len(names) > 50
    program = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); [importlib.import_module(n) for n in sys.argv[2:]]"
    )
    words = [sys.executable, "-I", "-S", "-c", program, ROOT, *names]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_python_and_apt_the_way_to_get_it_is_told(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "readlink"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([tmp_path / "sh", LAB, "up"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "lab: python3 is missing. Fedora: sudo dnf install -y python3\n")


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


def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path) -> None:
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
    assert (done.returncode, done.stderr) == (2, "usage: ./lab ssh [--help] [--stack NAME] HOST [COMMAND...]\n")


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
    monkeypatch.setitem(cli._COMMANDS, "up", command)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("error", [BuildError("the words"), SandboxError("the words"), PrerequisiteError("the words")])
def test_expected_failures_are_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(_words: Sequence[str]) -> int:
        raise error

    replaced(monkeypatch, fail)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr() == ("", "lab up: the words\n")


def test_the_error_output_of_a_failed_command_is_shown(
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


def test_a_foreseen_failure_says_what_was_expected_seen_and_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_words: Sequence[str]) -> int:
        raise LabError(expected="a lab", seen="none", next="./lab up")

    replaced(monkeypatch, fail)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err == "lab up: expected: a lab\n  seen: none\n  next: ./lab up\n"


# --- help and arguments

COMMANDS = sorted(cli._COMMANDS)  # pyright: ignore[reportPrivateUsage] - the commands that there are


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_printed_and_nothing_is_done(tmp_path: Path, name: str, option: str) -> None:
    done = lab(tmp_path, name, option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: ./lab {name}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["status", "verify", "cis", "report", "clean", "doctor", "build"])
def test_an_unknown_option_is_refused_and_nothing_is_done(tmp_path: Path, name: str) -> None:
    done = lab(tmp_path, name, "--dance")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"usage: ./lab {name}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "own", "words"),
    [
        (["get", "pods", "-A"], [], ["get", "pods", "-A"]),
        (["-n", "kube-system", "get", "pods"], [], ["-n", "kube-system", "get", "pods"]),
        (["--stack", "lab", "get", "--help"], ["--stack", "lab"], ["get", "--help"]),
        (["--stack=lab", "--", "--help"], ["--stack=lab"], ["--help"]),
        (["up", "--yes", "--stack", "lab"], [], ["up", "--yes", "--stack", "lab"]),
        (["--force", "--skip-preview"], ["--force"], ["--skip-preview"]),
        (["--stack"], ["--stack"], []),
    ],
)
def test_a_programs_own_words_are_left_to_it(given: list[str], own: list[str], words: list[str]) -> None:
    assert split(given, "--force") == (own, words)


def test_unit_tests_and_checkers_need_neither_root_nor_packages_nor_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user than root, on a machine that lacks every package."""
    called: list[list[str]] = []

    def refuse(*_words: object) -> None:
        raise AssertionError("this installs or builds")

    def pytest_of_the_environment(words: list[str | Path], **_options: object) -> subprocess.CompletedProcess[str]:
        called.append([str(word) for word in words])
        return subprocess.CompletedProcess(words, 5)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(prerequisites, "install", refuse)
    monkeypatch.setattr(Builder, "build", refuse)
    monkeypatch.setattr(venv, "environment", lambda _pins: tmp_path)
    monkeypatch.setattr(subprocess, "run", pytest_of_the_environment)
    assert testing.test(["unit", "-k", "sandbox"]) == 5
    assert testing.lint([]) == 5
    unit = LAB.parent / "tests" / "unit"
    assert called[0][:4] == [f"{tmp_path}/bin/python", "-m", "pytest", str(unit)]
    assert called[0][4:] == ["-n", "auto", "--dist", "worksteal", "-m", "not long", "-k", "sandbox"]
    assert called[1][:3] == called[0][:3]
    assert {str(unit / "test_style.py"), str(unit / "test_layers.py")} <= set(called[1][3:])


@pytest.mark.parametrize(
    ("codes", "whole"),
    [((0, 0), 0), ((5, 0), 0), ((0, 5), 0), ((5, 5), 5), ((1, 5), 1), ((0, 1), 1), ((1, 0), 1), ((2,), 2)],
)
def test_tests_of_the_lab_follow_those_that_run_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], whole: int
) -> None:
    left = list(codes)
    called: list[list[str]] = []

    def pytest_of_the_environment(words: list[str | Path], **_options: object) -> subprocess.CompletedProcess[str]:
        called.append([str(word) for word in words[3:]])
        return subprocess.CompletedProcess(words, left.pop(0))

    monkeypatch.setattr(prerequisites, "install", lambda: None)
    monkeypatch.setattr(testing, "BUILT", SimpleNamespace(build=lambda _recipes: None))
    monkeypatch.setattr(venv, "environment", lambda _pins: tmp_path)
    monkeypatch.setattr(venv, "link_program_environment", lambda: None)
    monkeypatch.setattr(subprocess, "run", pytest_of_the_environment)
    assert testing.test([]) == whole
    assert left == []
    tests = LAB.parent / "tests"
    unit, lab = (
        [str(tests / "unit"), "-n", "auto", "--dist", "worksteal"],
        [str(tests / "engine"), str(tests / "cluster")],
    )
    assert called[0] == [*unit, "-m", "not long"]
    assert called[1:] == [[*lab, "-m", "not long"]][: len(codes) - 1]


@pytest.mark.parametrize("words", [[], ["engine"], ["unit", "cluster"], ["vm"]])
def test_all_other_tests_prepare_the_machine(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PrerequisiteError, match="root"):
        testing.test(words)


def test_a_python_that_makes_no_environments_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "CACHE", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(LabError, match=r"(?s)expected: .*ensurepip.*seen: .*next: .*python3-venv"):
        venv.environment(venv.TESTS)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_is_made_once_by_two_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def run(words: Sequence[str | Path], **_options: object) -> subprocess.CompletedProcess[bytes]:
        if "venv" in words:
            made.append(Path(words[-1]))
            time.sleep(0.2)
            made[-1].mkdir()  # fails where the other one has made it meanwhile
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(venv, "CACHE", tmp_path)
    monkeypatch.setattr(venv, "WHEELS", tmp_path / "wheels")
    monkeypatch.setattr(venv.importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(venv.subprocess, "run", run)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(venv.environment, [venv.PROGRAM, venv.PROGRAM]))
    assert folders == [made[0], made[0]]
    assert len(made) == 1
    assert (made[0] / ".whole").exists()


def test_continuous_integration_runs_what_lint_runs() -> None:
    assert "./lab test" in (LAB.parent / ".ci" / "run").read_text()  # whose unit tests hold the checkers


def test_clean_leaves_everything_while_the_lab_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sandbox, "pid", lambda: 1)
    assert building.clean([]) == 1
    assert "the lab is running" in capsys.readouterr().err


# --- programs in the sandbox


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process becomes; it is then over. The sandbox is open, and holds every program."""
    words: list[str] = []

    def execute(_file: str, argv: list[str], environment: dict[str, str]) -> None:
        words.extend(argv)
        assert environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        assert "PULUMI_CONFIG_PASSPHRASE" not in environment
        assert "PULUMI_STACK" not in environment  # neither the user's, nor one for other projects
        raise SystemExit(0)

    monkeypatch.setattr(sandbox, "pid", lambda: os.getpid())
    monkeypatch.setattr(Embedded, "release_dead_locks", lambda _session: None)
    monkeypatch.setattr(Embedded, "refresh_if_changed", lambda _session: None)
    monkeypatch.setattr(Embedded, "require", lambda _session, _argv: None)
    monkeypatch.setattr(os, "execvpe", execute)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.setenv("PULUMI_STACK", "mine")
    monkeypatch.setenv("SHELL", "/bin/dash")
    return words


@pytest.mark.parametrize("stack", [[], ["--stack", "embedded"]])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (inside.kubectl, ["kubectl", "get", "pods"]),
        (inside.pulumi, ["pulumi", "--cwd", str(LAB.parent), "get", "pods"]),
        (inside.ssh, ["ssh", "-F", str(Embedded().ssh_config), "get", "pods"]),
        (inside.shell, ["/bin/dash", "-c", "get pods"]),
    ],
)
def test_programs_replace_the_command_and_get_its_words(
    become: list[str], command: Callable[[Sequence[str]], int], words: list[str], stack: list[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit):
            command([*stack, "get", "pods"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert become[: become.index("--")] == [
        "nsenter",
        f"--target={os.getpid()}",
        "--mount",
        "--net",
        "--pid",
        "--cgroup",
    ]
    assert become[-len(words) :] == words


def test_a_program_that_the_cache_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle was removed below an open sandbox."""
    monkeypatch.setattr(sandbox, "pid", lambda: os.getpid())
    monkeypatch.setattr("shutil.which", lambda _name, **_more: None)
    with pytest.raises(LabError, match=r"(?s)expected: kubectl of .*bundle.*next: \./lab build"):
        Embedded().output(["kubectl", "get", "nodes"])
