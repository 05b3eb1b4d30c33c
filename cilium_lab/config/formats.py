"""What a single value must look like, whatever the other values are: how texts are written, and fixed numbers.

A `Format` is the only description of such a text: the program reads values by it, editors get its pattern through the
JSON Schema, and docs/configuration.md its label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

WRONG = "wrong_value"
"""The type of the errors that are worded here; `ctx` holds `problem` and `example` (None: the option's own)."""


def wrong(problem: str, example: object = None) -> PydanticCustomError:
    """The error of a value that is wrong by itself, in the project's words."""
    return PydanticCustomError(WRONG, "{problem}", {"problem": problem, "example": example})


@dataclass(frozen=True)
class Format:
    """A kind of text. `pattern` is of ECMA 262 and as exact as a pattern can be; `read` raises `wrong(...)`."""

    label: str
    pattern: str
    read: Callable[[str], object]

    def validate(self, value: object) -> object:
        """The value of a text; what the program itself made (a default) is a value already."""
        if isinstance(value, IPv4Network | IPv4Address):  # an IPv4Interface is an IPv4Address
            return value
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return self.read(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Instead of pydantic's own schema of the annotated type, so that null is refused for `X | None` as well."""
        text = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(self.validate, serialization=text)


@dataclass(frozen=True)
class Only:
    """A number that has one right value for now; `reason` continues the sentence that the wrong value begins."""

    value: int
    reason: str

    def validate(self, value: int) -> int:
        if value != self.value:
            raise wrong(f"{value} {self.reason}", self.value)
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.validate, handler(source))


def _special(network: IPv4Network) -> bool:
    special = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
    return any(network.overlaps(IPv4Network(s)) for s in special)


def _cidr(text: str) -> IPv4Network:
    try:
        network = IPv4Network(text, strict=False)
    except ValueError:
        raise wrong(f"{text!r} is not an IPv4 range such as a.b.c.d/n") from None
    if "/" not in text or not text.partition("/")[2].isdigit():
        raise wrong(f"{text!r} has no prefix length", str(network) if "/" in text else None)
    if str(network) != text:
        raise wrong(f"{text!r} has bits set behind its prefix", str(network))
    if network.prefixlen == 0 or _special(network):
        raise wrong(f"{text!r} is not a range for unicast addresses")
    return network


def _address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise wrong(f"{text!r} is not an IPv4 address (without prefix length)") from None
    if _special(IPv4Network(f"{address}/32")):
        raise wrong(f"{text!r} is not a unicast address")
    return address


def _interface(text: str) -> IPv4Interface:
    address, _, length = text.partition("/")
    try:
        _address(address)
    except PydanticCustomError:
        length = ""
    if not length.isdigit() or not 8 <= int(length) <= 30:
        raise wrong(f"{text!r} is not an IPv4 address with a prefix length of 8 to 30")
    return IPv4Interface(text)


def _image(text: str) -> str:
    match = _IMAGE.fullmatch(text)
    if not match or ("." not in match["host"] and ":" not in match["host"]):
        raise wrong(f"{text!r} is not a full image reference: registry/name:tag")
    if not match["digest"] and match["tag"] in (None, "latest"):
        raise wrong(f"{text!r} is not pinned by a tag other than latest, or by a digest")
    return text


def _uri(text: str) -> str:
    uri = urlsplit(text)
    if not uri.scheme or not text.startswith(f"{uri.scheme}://") or not uri.path:
        raise wrong(f"{text!r} is not a libvirt URI")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise wrong(f"{text!r} is not an absolute path")
    return text


def _matching(label: str, pattern: str, what: str) -> Format:
    """A format that its pattern describes completely."""
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(f"{text!r} is not {what}")
        return text

    return Format(label, pattern, read)


_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_QUAD = rf"{_OCTET}(\.{_OCTET}){{3}}"
_PART = "[a-z0-9._-]+"
_TAG = "[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
_IMAGE = re.compile(
    rf"(?P<host>[a-z0-9.-]+(:[0-9]+)?)/(?P<path>{_PART}(/{_PART})*)"
    rf"(:(?P<tag>{_TAG}))?(@sha256:(?P<digest>[0-9a-f]{{64}}))?"
)

CIDR = Format("IPv4 range", rf"{_QUAD}/([1-9]|[12][0-9]|3[0-2])", _cidr)
ADDRESS = Format("IPv4 address", _QUAD, _address)
INTERFACE = Format("IPv4 address with prefix length", rf"{_QUAD}/([89]|[12][0-9]|30)", _interface)
NAME = _matching("RFC 1123 label", _LABEL, "a name of lower-case letters, digits and hyphens (RFC 1123, 63 at most)")
LINK = _matching(
    "name of a network link",
    "[a-zA-Z][-_.a-zA-Z0-9]{0,14}",
    "a name of a network link (15 characters at most, no spaces or slashes)",
)
VERSION = _matching("version x.y.z", r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", "a version x.y.z")
POD = _matching(
    "namespace/name of a pod", rf"{_LABEL}/[a-z0-9]([-.a-z0-9]{{0,251}}[a-z0-9])?", "a pod as namespace/name"
)
IMAGE = Format(
    "image with registry and tag or digest",
    rf"(?=[^/]*[.:])[a-z0-9.-]+(:[0-9]+)?/{_PART}(/{_PART})*"
    rf"((:(?!latest$){_TAG})|((:{_TAG})?@sha256:[0-9a-f]{{64}}))",
    _image,
)
URI = Format("libvirt URI", r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/.*", _uri)
PATH = Format("absolute path", "/.*", _path)

Cidr = Annotated[IPv4Network, CIDR]
Address = Annotated[IPv4Address, ADDRESS]
Interface = Annotated[IPv4Interface, INTERFACE]
Name = Annotated[str, NAME]
Link = Annotated[str, LINK]
Version = Annotated[str, VERSION]
Pod = Annotated[str, POD]
ImageReference = Annotated[str, IMAGE]
Uri = Annotated[str, URI]
