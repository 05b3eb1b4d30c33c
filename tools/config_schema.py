"""Makes schema/config.schema.json: the JSON Schema of a stack's file, for editors.

    python3 -m tools.config_schema > schema/config.schema.json

It knows one value at a time: types, choices, limits and the forms of texts. What values have to do with each other
the program itself checks, in every preview.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from cilium_lab.config.errors import NAMESPACE
from cilium_lab.config.keys import REQUIRED, Format, Key
from cilium_lab.config.schema import BY_PATH, KEYS, children

Schema = dict[str, object]

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(\.{_OCTET}){{3}}"
_PART = "[a-z0-9._-]+"

PATTERNS: Mapping[Format, str] = {
    "cidr": rf"{_ADDRESS}/([1-9]|[12][0-9]|3[0-2])",
    "address": _ADDRESS,
    "interface": rf"{_ADDRESS}/([89]|[12][0-9]|30)",
    "name": r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
    "link": r"[a-zA-Z][-_.a-zA-Z0-9]{0,14}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/.*",
    "version": r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}",
    "image": (
        rf"(?=[^/]*[.:])[a-z0-9.-]+(:[0-9]+)?/{_PART}(/{_PART})*"
        r"((:(?!latest$)[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})|((:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?@sha256:[0-9a-f]{64}))"
    ),
    "path": r"/.*",
    "pod": r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?",
}
"""The forms of cilium_lab/config/formats.py as patterns of ECMA 262, as far as a pattern can tell."""


def config_schema() -> Schema:
    """The whole schema. Keys of other namespaces (pulumi:, libvirt:) are none of its business."""
    keys = {f"{NAMESPACE}:{key.path}": _value(key) for key in KEYS if not key.parent}
    foreign = {"not": {"pattern": f"^{NAMESPACE}:"}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Made by tools/config_schema.py from cilium_lab/config/schema.py; change it there.",
        "title": f"Stack of the project {NAMESPACE}",
        "type": "object",
        "properties": {
            "config": {
                "description": "What the stack's lab is. Whatever is not given has its default.",
                "type": "object",
                "properties": keys,
                "propertyNames": {"anyOf": [{"enum": list(keys)}, foreign]},
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "additionalProperties": False,
    }


def _value(key: Key) -> Schema:
    schema: Schema = {"description": key.description, "type": key.type}
    schema |= {"object": _object, "array": _array, "integer": _integer, "string": _text}.get(key.type, _nothing)(key)
    if key.default is not REQUIRED:
        schema["default"] = key.default
    if key.example not in ("", key.default):
        schema["examples"] = [key.example]
    return schema


def _nothing(_key: Key) -> Schema:
    return {}


def _object(key: Key) -> Schema:
    return {} if key.form == "any" else _members(key.path)


def _members(path: str) -> Schema:
    members = children(path)
    required = [member.name for member in members if member.default is REQUIRED]
    schema: Schema = {"properties": {member.name: _value(member) for member in members}, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _array(key: Key) -> Schema:
    element = BY_PATH.get(f"{key.path}[]")
    return {"items": _value(element) if element else {"type": "object", **_members(f"{key.path}[]")}}


def _integer(key: Key) -> Schema:
    return {"minimum": key.low, "maximum": key.high}


def _text(key: Key) -> Schema:
    unset = key.default == ""
    if key.choices:
        return {"enum": [*key.choices, *([""] if unset else [])]}
    pattern = PATTERNS.get(key.form) if key.form else None
    if pattern is None:
        return {}
    return {"pattern": f"^({pattern}|)$" if unset else f"^({pattern})$"}


def text() -> str:
    """The file's whole text."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
