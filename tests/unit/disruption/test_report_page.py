"""The page: complete, loads nothing, holds no other words than it should, and shows even one failure."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cilium_lab.disruption.record import read_record
from cilium_lab.disruption.report.page import page, plots, reasons
from cilium_lab.disruption.report.plots import timeline
from cilium_lab.disruption.report.theme import DARK, LIGHT
from cilium_lab.disruption.stages import Name, Stage
from tests.helpers.recorded_migration import ADDRESSES, begins, event, happened, probe, second, write

PAGE = "http:10.97.1.2:80@100"
HOSTILE = st.text(max_size=30) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=y>',
        "$x_",
        "]]>",
        "&#60;b",
        "\x00\x08",
        "a\nb",
        "{{ 7*7 }}",
        "--",
    ]
)

_TAGS = """
html head meta title style body main h1 h2 h3 p dl div dt dd i svg defs g path text use clippath clipPath rect
table thead tbody tr th td section ul li span details summary
"""
TAGS = frozenset(_TAGS.split())
"""All that the page and its plots are made of."""


class Reader(HTMLParser):
    """Tags with their attributes, and all text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def made(folder: Path) -> str:
    lines = probe("service", PAGE, happened("service", 7, "failed", "dial tcp: i/o timeout"))
    return page(read_record(write(folder, {"router": lines})))


def test_the_page_has_everything(tmp_path: Path) -> None:
    shown = " ".join(" ".join(Reader(made(tmp_path)).text).split())
    for words in (
        "kubernetes → cluster-pool",
        "Thresholds were exceeded: 1 of 1800 requests failed.",
        "4 move-node",
        "dial tcp: i/o timeout",
        "192.168.1.0/24",
        "172.20.1.4 default/curl-pod",
        "service · router 100/s",
        "threshold for outages: 500 ms",
        "10:00:07",
    ):
        assert words in shown, words


def test_failures_that_differ_in_a_number_are_one_reason(tmp_path: Path) -> None:
    words = [f"read tcp 172.31.1.10:{port}->10.97.1.2:80: i/o timeout" for port in (40001, 40002)]
    failed = [happened("service", at, "failed", why) for at, why in zip((7, 9), words, strict=True)]
    (only,) = reasons(read_record(write(tmp_path, {"router": probe("service", PAGE, *failed)})))
    assert (only.count, only.why) == (2, "read tcp 172.31.1.10:N->10.97.1.2:80: i/o timeout")
    assert only.last - only.first == 2


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    shown = made(tmp_path)
    read = Reader(shown)
    assert not {"script", "link", "img", "iframe", "object", "image", "a"} & set(read.tags)
    names = {name for name, _ in read.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href")}
    assert {value[0] for name, value in read.attributes if name == "xlink:href"} <= {"#"}
    assert "@import" not in shown
    assert set(re.findall(r"url\((.)", shown)) <= {"#"}


def test_each_reference_has_one_target(tmp_path: Path) -> None:
    read = Reader(made(tmp_path))
    targets = [value for name, value in read.attributes if name == "id"]
    assert len(targets) == len(set(targets))
    used = {value[1:] for name, value in read.attributes if name == "xlink:href"}
    used |= {value[5:-1] for name, value in read.attributes if name == "clip-path"}
    assert used == set(targets) & used != set()


def test_one_failure_of_thousands_is_a_mark_of_its_own(tmp_path: Path) -> None:
    good = read_record(write(tmp_path / "good", {"router": probe("service", PAGE)}))
    bad = read_record(
        write(tmp_path / "bad", {"router": probe("service", PAGE, happened("service", 7, "failed", "x"))})
    )
    marks = [plots(record)["timeline.svg"].count("var(--bad") for record in (good, bad)]
    assert marks[1] >= marks[0] + 2


def test_every_colour_of_a_plot_follows_the_reader(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, {"router": probe("service", PAGE)}))
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)
    for name, svg in plots(record).items():
        ElementTree.fromstring(svg)
        drawn = svg.partition("</style>")[2]
        # a plain colour may only stand before a style that replaces it
        styled = re.sub(r'(?:(?:fill|stroke)="#[0-9a-f]{6}" )+(?=style=")', "", drawn)
        without = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", styled)
        assert re.findall(r"#[0-9a-f]{6}\b[;\"]", without) == [], name
        assert "prefers-color-scheme:dark" in svg


ROOT = Path(__file__).parents[3]


def drawn_shapes(element: ElementTree.Element, inherited: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each shape's tag with its fill and stroke, as a viewer sees them that drops a declaration with a variable."""
    tag = element.tag.rpartition("}")[2]
    if tag in ("defs", "clipPath"):
        return
    paints = {**inherited, **{name: value for name in ("fill", "stroke") if (value := element.get(name))}}
    for declaration in element.get("style", "").split(";"):
        name, _, value = map(str.strip, declaration.partition(":"))
        if name in ("fill", "stroke") and "var(" not in value:
            paints[name] = value
    if tag in ("path", "text", "use", "rect"):
        yield tag, paints
    for child in element:
        yield from drawn_shapes(child, paints)


def test_a_viewer_without_variables_shows_every_colour(tmp_path: Path) -> None:
    ends = (happened("stream", 7, "ended", "fin"), happened("stream", 9, "ended", "reset"))
    lines = {
        "router": probe("service", PAGE, happened("service", 7, "failed", "x")),
        "pod": probe("stream", "tcp:10.97.1.2:7@100", *ends),
    }
    for svg in plots(read_record(write(tmp_path, lines))).values():
        assert "svg{background:#ffffff;background:var(--paper)}" in svg
        shapes = list(drawn_shapes(ElementTree.fromstring(svg), {}))
        seen = {paint for _, paints in shapes for paint in paints.values()}
        assert {"path", "text", "use"} <= {tag for tag, _ in shapes}
        assert all("fill" in paints for _, paints in shapes)  # otherwise it is black
        roles = set(LIGHT) - {"paper", "muted"}
        assert {LIGHT[role] for role in roles} <= seen <= {"none", *LIGHT.values()}
        for style, role, colour in re.findall(r"(fill|stroke): var\(--(\w+), (#[0-9a-f]{6})\)", svg):
            assert LIGHT[role] == colour, style


@pytest.mark.parametrize("name", ["migration.svg", "migration-by-hand.svg"])
def test_the_plots_of_the_documentation_do_as_well(name: str) -> None:
    svg = (ROOT / "docs" / name).read_text()
    shapes = list(drawn_shapes(ElementTree.fromstring(svg), {}))
    assert len(shapes) > 50
    assert all("fill" in paints for _, paints in shapes)
    assert {paint for _, paints in shapes for paint in paints.values()} <= {"none", *LIGHT.values()}


@pytest.mark.parametrize("kind", ["no probes", "no events", "nothing", "killed", "silent"])
def test_whatever_is_missing_there_is_a_page(tmp_path: Path, kind: str) -> None:
    lines = {"router": probe("service", PAGE)}
    match kind:
        case "no probes":
            write(tmp_path, {})
        case "no events":
            write(tmp_path, lines, events=None)
        case "nothing":
            write(tmp_path, {}, events=None, addresses=None)
        case "killed":
            write(tmp_path, lines, ended=None, outcome=None, addresses={**ADDRESSES, "after": None})
        case _:
            write(tmp_path, {"router": [begins("service", PAGE)]})
    shown = " ".join(Reader(page(read_record(tmp_path))).text)
    expected = {
        "no probes": "Nothing can be said",
        "no events": "no list of events",
        "nothing": "addresses before and after were not kept",
        "killed": "the run did not come to its end",
        "silent": "Nothing can be said",
    }
    assert expected[kind] in shown


def test_fields_without_a_name_here_stay_out(tmp_path: Path) -> None:
    lines = [{**line, "token": "hunter2"} for line in probe("service", PAGE)]
    addresses = {"before": {"k8s-w1": {"podCIDRs": [], "pods": {}, "key": "hunter2"}}, "kubeconfig": "hunter2"}
    events = [{**event(1, Stage.PREFLIGHT, "", "passed"), "password": "hunter2"}]
    record = read_record(write(tmp_path, {"router": lines}, addresses=addresses, events=events, passphrase="hunter2"))
    assert "hunter2" not in page(record) + "".join(plots(record).values())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HOSTILE, min_size=8, max_size=8))
def test_no_words_of_a_record_become_markup(words: list[str]) -> None:
    stage, node, what, detail, name, why, key, mode = words
    with tempfile.TemporaryDirectory() as folder:
        record = read_record(
            write(
                Path(folder),
                {
                    "router": [
                        begins(name, f"http:{why}@10"),
                        second(name, 1, [1.0]),
                        happened(name, 1, "failed", why),
                        happened(name, 2, "ended", why),
                    ]
                },
                events=[event(1, stage, node, Name.BEGINS, 0.0, detail), event(9, stage, node, what, 1.0, detail)],
                addresses={"before": {node: {"podCIDRs": [mode], "pods": {key: detail}}}, "after": None},
                outcome=detail,
                **{"from": mode, "to": key},
            )
        )
    read = Reader(page(record))
    assert set(read.tags) <= TAGS
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(timeline(record, 1000)).iter()}
    assert tags <= TAGS
