"""The builder: what it keeps, in which order it builds, what a failure or an interruption leaves behind."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.builder.builder import Cleaned
from airgap.builder.recipe import BuildError, Recipe, Workspace
from tests.helpers.artifacts_folder import Folder, use


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return use(tmp_path, monkeypatch)


class Journal:
    """Notes when recipes begin and end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0

    def recipe(self, name: str, content: str = "", seconds: float = 0.0) -> Callable[[Workspace], None]:
        def make(ws: Workspace) -> None:
            with self._lock:
                self.lines.append(name)
                self._running += 1
                self.most = max(self.most, self._running)
            time.sleep(seconds)
            (ws.out / name).write_text(content or name)
            with self._lock:
                self._running -= 1

        return make


@pytest.fixture
def journal() -> Journal:
    return Journal()


# --- the key and the cache


def test_an_artifact_is_built_once(folder: Folder, journal: Journal) -> None:
    recipe = Recipe("one", journal.recipe("one"))
    first = folder.builder(recipe).build(["one"])
    second = folder.builder(recipe).build(["one"])
    assert journal.lines == ["one"]
    assert [built.fresh for built in (*first, *second)] == [True, False]
    assert first[0].folder == second[0].folder
    assert (first[0].size, first[0].sha256) == (second[0].size, second[0].sha256)
    assert first[0].sha256 == hashlib.sha256(b"one").hexdigest()


def test_every_kind_of_input_changes_the_key(folder: Folder, journal: Journal, tmp_path: Path) -> None:
    make = journal.recipe("one")
    file, tree = tmp_path / "file", tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    file.write_text("a")
    (tree / "sub" / "leaf").write_text("a")

    def key(*literals: str, name: str = "one") -> str:
        return folder.builder(Recipe(name, make, inputs=(file, tree, *literals))).key(name)

    keys = [key("1.0"), key("1.1"), key(), key("1.0", name="two")]
    file.write_text("b")
    keys.append(key("1.0"))
    (tree / "sub" / "leaf").write_text("b")
    keys.append(key("1.0"))
    (tree / "sub" / "leaf").chmod(0o755)
    keys.append(key("1.0"))
    (tree / "sub" / "leaf").rename(tree / "leaf")
    keys.append(key("1.0"))
    (tree / "link").symlink_to("leaf")
    keys.append(key("1.0"))
    (tree / "link").unlink()
    (tree / "link").symlink_to("file")
    keys.append(key("1.0"))
    assert len(set(keys)) == len(keys)
    assert key("1.0") == key("1.0")


def test_what_python_leaves_behind_is_no_input(folder: Folder, journal: Journal, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    recipe = Recipe("one", journal.recipe("one"), inputs=(tree,))
    before = folder.builder(recipe).key("one")
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "x.pyc").write_text("x")
    assert folder.builder(recipe).key("one") == before


def test_a_change_reaches_what_needs_it_and_nothing_else(folder: Folder, journal: Journal) -> None:
    def catalogue(version: str) -> list[Recipe]:
        return [
            Recipe("base", journal.recipe("base"), inputs=(version,)),
            Recipe("upon", journal.recipe("upon"), needs=("base",)),
            Recipe("top", journal.recipe("top"), needs=("upon",)),
            Recipe("other", journal.recipe("other")),
        ]

    folder.builder(*catalogue("1")).build(["top", "other"])
    journal.lines.clear()
    changed = folder.builder(*catalogue("2"))
    assert changed.missing(["top", "other"]) == ["base", "upon", "top"]
    changed.build(["top", "other"])
    assert journal.lines == ["base", "upon", "top"]


def test_what_was_made_from_other_inputs_is_outdated(folder: Folder, journal: Journal) -> None:
    old = folder.builder(Recipe("one", journal.recipe("one"), inputs=("1",))).build(["one"])
    newer = folder.builder(Recipe("one", journal.recipe("one"), inputs=("2",)))
    new = newer.build(["one"])
    assert newer.outdated() == [old[0].folder]
    assert new[0].folder.exists()


def test_a_machine_of_another_architecture_is_refused_before_anything_is_built(
    folder: Folder, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(BuildError, match="expected a machine of x86_64 or aarch64, and this one is riscv64"):
        folder.builder(Recipe("one", journal.recipe("one"))).build(["one"])
    assert journal.lines == []


def test_an_input_that_is_not_there_is_named(folder: Folder, journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        folder.builder(Recipe("one", journal.recipe("one"), inputs=(tmp_path / "nowhere",))).build(["one"])


def test_an_unknown_recipe_is_refused_with_those_that_are_known(folder: Folder, journal: Journal) -> None:
    with pytest.raises(BuildError, match=r"no recipe is named 'tow'; there are: one, two"):
        folder.builder(Recipe("two", journal.recipe("two")), Recipe("one", journal.recipe("one"))).build(["tow"])


def test_a_dot_in_a_name_does_not_mix_artifacts_up(folder: Folder, journal: Journal) -> None:
    for version in ("1", "2"):
        folder.builder(Recipe("tool-1.2", journal.recipe(f"v{version}"), inputs=(version,))).build(["tool-1.2"])
    assert journal.lines == ["v1", "v2"]
    assert len(folder.names()) == 4


# --- the clean-up


def test_a_clean_up_keeps_an_artifact_whose_scratch_was_left_behind(folder: Folder, journal: Journal) -> None:
    builder = folder.builder(Recipe("one", journal.recipe("one")))
    made = builder.build(["one"])[0]
    for suffix in ("work", "partial"):
        (folder.artifacts / f"{made.folder.name}.{suffix}").mkdir()
    assert set(builder.clean().removed) == {f"{made.folder.name}.work", f"{made.folder.name}.partial"}
    assert folder.names() == {made.folder.name, f"{made.folder.name}.json"}
    assert builder.missing(["one"]) == []


def test_a_clean_up_removes_what_other_recipes_left_with_its_records(folder: Folder, journal: Journal) -> None:
    old = folder.builder(Recipe("one", journal.recipe("one"), inputs=("1",))).build(["one"])[0]
    gone = folder.builder(Recipe("gone", journal.recipe("gone"))).build(["gone"])[0]
    shutil.rmtree(gone.folder)
    (folder.artifacts / f"{old.folder.name}.work").mkdir()
    (folder.artifacts / "somebody-elses").mkdir()
    builder = folder.builder(Recipe("one", journal.recipe("one"), inputs=("2",)))
    new = builder.build(["one"])[0]
    assert set(builder.clean().removed) == {old.folder.name, f"{old.folder.name}.work", f"{gone.folder.name}.json"}
    assert folder.names() == {new.folder.name, f"{new.folder.name}.json", "somebody-elses"}
    assert builder.clean() == Cleaned((), ())


def test_a_clean_up_keeps_the_scratch_of_an_interrupted_build(folder: Folder, journal: Journal) -> None:
    def fail(ws: Workspace) -> None:
        (ws.work / "half").touch()
        ws.run(["false"])

    builder = folder.builder(Recipe("one", fail))
    with pytest.raises(BuildError):
        builder.build(["one"])
    left = folder.names()
    assert builder.clean() == Cleaned((), ())
    assert folder.names() == left != set()


def test_a_clean_up_leaves_a_build_that_runs_alone(folder: Folder, journal: Journal) -> None:
    running, go_on = threading.Event(), threading.Event()

    def make(ws: Workspace) -> None:
        (ws.work / "half").touch()
        running.set()
        assert go_on.wait(10)
        (ws.out / "result").touch()

    other = folder.builder(Recipe("one", make, inputs=("of another checkout",)))
    builder = folder.builder(Recipe("one", journal.recipe("one")))
    thread = threading.Thread(target=other.build, args=(["one"],))
    thread.start()
    try:
        assert running.wait(10)
        cleaned = builder.clean()
    finally:
        go_on.set()
        thread.join()
    name = other.folder("one").name
    assert cleaned == Cleaned((), (f"{name}.partial", f"{name}.work"))
    assert folder.names() == {name, f"{name}.json"}
    assert builder.clean() == Cleaned((name,), ())


# --- the order


def test_the_longest_chain_starts_first_and_two_run_at_a_time(folder: Folder, journal: Journal) -> None:
    recipes = [
        Recipe("short", journal.recipe("short", seconds=0.05), cost=5),
        Recipe("middle", journal.recipe("middle", seconds=0.2), cost=30),
        Recipe("begins-long", journal.recipe("begins-long", seconds=0.2), cost=1),
        Recipe("ends-long", journal.recipe("ends-long", seconds=0.05), cost=100, needs=("begins-long",)),
    ]
    folder.builder(*recipes).build([recipe.name for recipe in recipes])
    assert set(journal.lines[:2]) == {"begins-long", "middle"}
    assert journal.lines.index("begins-long") < journal.lines.index("ends-long")
    assert journal.most == 2


def test_a_recipe_reads_what_it_needs(folder: Folder, journal: Journal) -> None:
    def make(ws: Workspace) -> None:
        (ws.out / "copy").write_text((ws.need("base") / "base").read_text().upper())
        with pytest.raises(KeyError):
            ws.need("undeclared")

    base = Recipe("base", journal.recipe("base", "text"))
    folder.builder(base, Recipe("upon", make, needs=("base",))).build(["upon"])
    assert (folder.current / "upon" / "copy").read_text() == "TEXT"


def test_one_that_compiles_the_same_comes_after_the_other_if_both_are_made(folder: Folder, journal: Journal) -> None:
    first = Recipe("first", journal.recipe("first", seconds=0.1), cost=1)
    alike = Recipe("alike", journal.recipe("alike"), cost=500, after="first")
    folder.builder(first, alike).build(["alike"])
    assert journal.lines == ["alike"]  # no need of it
    again = Recipe("alike", journal.recipe("alike"), ("changed",), cost=500, after="first")
    folder.builder(first, again).build(["alike", "first"])
    assert journal.lines == ["alike", "first", "alike"]


def test_one_that_comes_after_a_failed_one_is_made(folder: Folder, journal: Journal) -> None:
    def fail(_ws: Workspace) -> None:
        raise BuildError("no")

    recipes = (Recipe("first", fail), Recipe("alike", journal.recipe("alike"), after="first"))
    with pytest.raises(BuildError, match="first: no"):
        folder.builder(*recipes).build(["first", "alike"])
    assert journal.lines == ["alike"]


def test_downloads_do_not_wait_for_builds(folder: Folder, journal: Journal) -> None:
    builds = [Recipe(f"b{number}", journal.recipe(f"b{number}", seconds=0.3), cost=90) for number in range(3)]
    downloads = [Recipe(f"d{number}", journal.recipe(f"d{number}", seconds=0.3), downloads=True) for number in range(5)]
    folder.builder(*builds, *downloads).build([recipe.name for recipe in (*builds, *downloads)])
    assert journal.most == 6
    assert {name[0] for name in journal.lines[:6]} == {"b", "d"}


def test_what_a_whole_artifact_was_made_of_is_not_missed(folder: Folder, journal: Journal) -> None:
    """As on a machine that the artifact alone was carried to."""
    recipes = (Recipe("base", journal.recipe("base")), Recipe("upon", journal.recipe("upon"), needs=("base",)))
    base, _ = folder.builder(*recipes).build(["upon"])
    shutil.rmtree(base.folder)
    (folder.artifacts / f"{base.folder.name}.json").unlink()
    builder = folder.builder(*recipes)
    assert builder.missing(["upon"]) == []
    assert [built.name for built in builder.build(["upon"])] == ["upon"]
    assert journal.lines == ["base", "upon"]
    assert builder.missing(["base", "upon"]) == ["base"]


def test_an_artifact_is_taken_in_with_its_record_last(folder: Folder, journal: Journal, tmp_path: Path) -> None:
    recipe = Recipe("one", journal.recipe("one", "text"))
    made = folder.builder(recipe).build(["one"])[0]
    beside = folder.artifacts / ".carried"
    beside.mkdir()
    for name in (made.folder.name, f"{made.folder.name}.json"):
        (folder.artifacts / name).rename(beside / name)
    made.folder.mkdir()
    (made.folder / "half").touch()  # of a run that was cut off
    builder = folder.builder(recipe)
    builder.take_in("one", beside)
    builder.link(["one"])
    assert (folder.current / "one" / "one").read_text() == "text"
    assert sorted(path.name for path in made.folder.iterdir()) == ["one"]
    assert not builder.build(["one"])[0].fresh


# --- what is left behind


def test_wanted_artifacts_are_linked_and_relinked(folder: Folder, journal: Journal) -> None:
    def built(content: str) -> Path:
        recipes = (
            Recipe("base", journal.recipe("base")),
            Recipe("one", journal.recipe("one", content), (content,), ("base",)),
        )
        return folder.builder(*recipes).build(["one"])[-1].folder

    for content in ("a", "b", "a"):
        made = built(content)
        link = folder.current / "one"
        assert link.is_symlink()
        assert link.resolve() == made
        assert (link / "one").read_text() == content
    assert journal.lines == ["base", "one", "one"]
    assert {path.name for path in folder.current.iterdir()} == {"one"}


def test_the_record_is_written_last(folder: Folder, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    write = Path.write_text

    def noting(self: Path, text: str) -> int:
        if self.suffix == ".json":
            seen.append((self.with_suffix("") / "one").read_text() == "one")
        return write(self, text)

    monkeypatch.setattr(Path, "write_text", noting)
    made = folder.builder(Recipe("one", journal.recipe("one"))).build(["one"])[0]
    assert seen == [True]
    assert folder.names() == {made.folder.name, f"{made.folder.name}.json"}
    record = json.loads((folder.artifacts / f"{made.folder.name}.json").read_text())
    assert (record["name"], record["key"], record["size"]) == ("one", made.key, 3)


def test_an_artifact_without_a_record_is_made_again(folder: Folder, journal: Journal) -> None:
    recipe = Recipe("one", journal.recipe("one"))
    made = folder.builder(recipe).build(["one"])[0]
    (folder.artifacts / f"{made.folder.name}.json").unlink()
    (made.folder / "rest").write_text("of a run that was cut off")
    folder.builder(recipe).build(["one"])
    assert journal.lines == ["one", "one"]
    assert [path.name for path in made.folder.iterdir()] == ["one"]


# --- failures


def test_a_failure_stops_only_what_needs_it(folder: Folder, journal: Journal) -> None:
    def fail(ws: Workspace) -> None:
        ws.run(["sh", "-c", "echo the cause >&2; exit 7"])

    recipes = [
        Recipe("bad", fail, cost=100),
        Recipe("upon-bad", journal.recipe("upon-bad"), needs=("bad",)),
        Recipe("slow", journal.recipe("slow", seconds=0.2)),
        Recipe("upon-slow", journal.recipe("upon-slow"), needs=("slow",)),
    ]
    with pytest.raises(BuildError) as caught:
        folder.builder(*recipes).build([recipe.name for recipe in recipes])
    assert "bad: exit status 7: sh -c" in str(caught.value)
    assert "    the cause" in str(caught.value)
    assert "upon-bad" not in str(caught.value)
    assert journal.lines == ["slow", "upon-slow"]
    assert folder.builder(*recipes).missing(["upon-bad", "upon-slow"]) == ["bad", "upon-bad"]


def test_only_the_end_of_a_long_log_is_shown(folder: Folder) -> None:
    def fail(ws: Workspace) -> None:
        ws.run(["sh", "-c", "seq 1000; exit 1"])

    with pytest.raises(BuildError) as caught:
        folder.builder(Recipe("bad", fail)).build(["bad"])
    assert "    1000" in str(caught.value)
    assert "    900\n" not in str(caught.value)


def test_a_recipe_goes_on_where_it_failed(folder: Folder) -> None:
    def make(ws: Workspace) -> None:
        first = ws.work / "first"
        if not first.exists():
            (ws.out / "half").write_text("must not stay")
            first.write_text("done")
            raise RuntimeError("no more today")
        (ws.out / "whole").write_text(first.read_text())

    recipe = Recipe("one", make)
    with pytest.raises(BuildError, match="one: no more today"):
        folder.builder(recipe).build(["one"])
    made = folder.builder(recipe).build(["one"])[0]
    assert [path.name for path in made.folder.iterdir()] == ["whole"]
    assert folder.names() == {made.folder.name, f"{made.folder.name}.json"}


def test_output_is_returned_and_a_failing_command_is_not(folder: Folder) -> None:
    def make(ws: Workspace) -> None:
        printed = ws.output(["sh", "-c", "echo $WORD; cat"], env={"WORD": "said"})
        (ws.out / "printed").write_text(printed)
        ws.run(["sh", "-c", "cat > given"], stdin=b"given")
        assert (ws.work / "given").read_bytes() == b"given"
        ws.output(["false"])

    with pytest.raises(BuildError, match="exit status 1: false"):
        folder.builder(Recipe("one", make)).build(["one"])
