"""What a single value must look like, whatever the other values are: types, ranges, and the forms of texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from urllib.parse import urlsplit

from cilium_lab.config.keys import Key

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_POD = re.compile(rf"{_LABEL.pattern}/[a-z0-9]([-.a-z0-9]{{0,251}}[a-z0-9])?")
_LINK = re.compile(r"[a-zA-Z][-_.a-zA-Z0-9]{0,14}")
_VERSION = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")
_IMAGE = re.compile(
    r"(?P<host>[a-z0-9.-]+(:[0-9]+)?)/(?P<path>[a-z0-9._-]+(/[a-z0-9._-]+)*)"
    r"(:(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}))?(@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_ARTICLES = {
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def judge(key: Key, value: object) -> tuple[str, object]:
    """What is wrong with a value by itself (empty when nothing is), and one that would be right."""
    kinds: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    wanted = kinds[key.type]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return f"{value!r} is not {_ARTICLES.get(key.type, 'a text')}", key.example
    reasons = dict(key.refused)
    if isinstance(value, str) and value in reasons:
        return f"{value!r} cannot be had in this lab: {reasons[value]}", key.example
    if key.choices and value not in key.choices:
        return f"{value!r} is not one of {', '.join(key.choices)}", key.example
    if isinstance(value, int) and key.low is not None and key.high is not None and not key.low <= value <= key.high:
        return f"{value} is not between {key.low} and {key.high}", key.example
    if isinstance(value, str) and key.form in _FORMS:
        problem, example = _FORMS[key.form](value)
        return problem, example or key.example
    return "", key.example


def _cidr(value: str) -> tuple[str, object]:
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        return f"{value!r} is not an IPv4 range such as a.b.c.d/n", None
    if "/" not in value or not value.partition("/")[2].isdigit():
        return f"{value!r} has no prefix length", str(network) if "/" in value else None
    if str(network) != value:
        return f"{value!r} has bits set behind its prefix", str(network)
    if network.prefixlen == 0 or _special(network):
        return f"{value!r} is not a range for unicast addresses", None
    return "", None


def _special(network: IPv4Network) -> bool:
    special = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
    return any(network.overlaps(IPv4Network(s)) for s in special)


def _address(value: str) -> tuple[str, object]:
    try:
        address = IPv4Address(value)
    except ValueError:
        return f"{value!r} is not an IPv4 address (without prefix length)", None
    if _special(IPv4Network(f"{address}/32")):
        return f"{value!r} is not a unicast address", None
    return "", None


def _interface(value: str) -> tuple[str, object]:
    address, slash, length = value.partition("/")
    problem, _ = _address(address)
    if problem or not slash or not length.isdigit() or not 8 <= int(length) <= 30:
        return f"{value!r} is not an IPv4 address with a prefix length of 8 to 30", None
    return "", None


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], tuple[str, object]]:
    return lambda value: ("" if pattern.fullmatch(value) else f"{value!r} is not {what}", None)


def _image(value: str) -> tuple[str, object]:
    match = _IMAGE.fullmatch(value)
    if not match or ("." not in match["host"] and ":" not in match["host"]):
        return f"{value!r} is not a full image reference: registry/name:tag", None
    if not match["digest"] and match["tag"] in (None, "latest"):
        return f"{value!r} is not pinned by a tag other than latest, or by a digest", None
    return "", None


def _uri(value: str) -> tuple[str, object]:
    parts = urlsplit(value)
    if not parts.scheme or not value.startswith(f"{parts.scheme}://") or not parts.path:
        return f"{value!r} is not a libvirt URI", None
    return "", None


def _path(value: str) -> tuple[str, object]:
    return ("" if value.startswith("/") else f"{value!r} is not an absolute path"), None


_FORMS: dict[str | None, Callable[[str], tuple[str, object]]] = {
    "cidr": _cidr,
    "address": _address,
    "interface": _interface,
    "name": _matching(_LABEL, "a name of lower-case letters, digits and hyphens (RFC 1123, 63 at most)"),
    "link": _matching(_LINK, "a name of a network link (15 characters at most, no spaces or slashes)"),
    "version": _matching(_VERSION, "a version x.y.z"),
    "image": _image,
    "uri": _uri,
    "path": _path,
    "pod": _matching(_POD, "a pod as namespace/name"),
}
