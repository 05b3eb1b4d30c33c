"""Colours by role, light and dark, as CSS variables; and SVG that uses them.

Each shape has its light colour as an attribute as well: a viewer that does not know variables drops a style with one.
"""

from __future__ import annotations

import re

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1c2733",
    "muted": "#5b6a78",
    "grid": "#d9e0e7",
    "shade": "#f1f4f7",
    "data": "#3a78b5",
    "area": "#b9d2ea",
    "step": "#cfe0f1",
    "edge": "#4a7fb0",
    "p50": "#2e8b74",
    "p99": "#9a6700",
    "most": "#8a94a0",
    "bad": "#c4262e",
    "fin": "#7b4fb5",
}
"""Role -> colour. Each colour has one role: plots are drawn in these and then named by role."""
DARK = {
    "paper": "#12181f",
    "ink": "#e4ebf2",
    "muted": "#9fb0c0",
    "grid": "#33414f",
    "shade": "#1a222b",
    "data": "#6fb0ec",
    "area": "#24476a",
    "step": "#243f5b",
    "edge": "#7fb2e2",
    "p50": "#5fc9ac",
    "p99": "#e0b04c",
    "most": "#7b8794",
    "bad": "#ff6b70",
    "fin": "#bf97f2",
}
_ROLES = {colour: role for role, colour in LIGHT.items()}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_STYLE = re.compile(r'style="[^"]*"')
_PAINT = re.compile(r"\b(fill|stroke): (#[0-9a-f]{6})")
_OWN_ID = re.compile(r' id="[A-Za-z0-9.]+_[A-Za-z0-9_]+"')
_PLACE = re.compile(r' (?:d|x|y|width|height|transform)="[^"]*"')
_NUMBER = re.compile(r"\d+\.\d+")
_FONT = "system-ui, 'DejaVu Sans', sans-serif"


def variables() -> str:
    """CSS for the page and for an SVG file alone: the variables, following what the reader prefers."""
    light = "".join(f"--{role}:{colour};" for role, colour in LIGHT.items())
    dark = "".join(f"--{role}:{colour};" for role, colour in DARK.items())
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def themed(svg: str, label: str) -> str:
    """matplotlib's SVG as an element for a page: colours by role, no identifiers that another plot has too.

    `label` is for those who cannot see it, and has to be safe in an attribute.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r"<!--.*?-->\n?", "", element, flags=re.DOTALL)
    element = _OWN_ID.sub("", element)
    element = _STYLE.sub(_coloured, element)
    element = element.replace("'DejaVu Sans'", _FONT)
    element = _PLACE.sub(lambda found: _NUMBER.sub(_tenths, found[0]), element)
    element = re.sub(r"\s*\n\s*", " ", element)
    element = re.sub(r"<g/>|<g>\s*</g>", "", element)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return element.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def alone(element: str) -> str:
    """The element as a file of its own."""
    head, end, rest = element.partition(">")
    paper = f"background:{LIGHT['paper']};background:var(--paper)"
    style = f"<style>{variables()}svg{{{paper}}}</style>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{end}{style}{rest}'


def _tenths(number: re.Match[str]) -> str:
    """A tenth of a pixel is less than can be seen."""
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _coloured(style: re.Match[str]) -> str:
    plain = "".join(f'{paint}="{colour}" ' for paint, colour in _PAINT.findall(style[0]))
    return plain + _COLOUR.sub(_variable, style[0])


def _variable(colour: re.Match[str]) -> str:
    role = _ROLES.get(colour[0])
    return f"var(--{role}, {colour[0]})" if role else colour[0]
