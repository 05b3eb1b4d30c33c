"""Makes schema/config.schema.json: the JSON Schema of a stack's file, for editors.

    python3 -m tools.config_schema > schema/config.schema.json

It knows one value at a time: types, choices, limits and the formats of texts. What values have to do with each other
the program itself checks, in every preview.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cilium_lab.config.errors import NAMESPACE
from cilium_lab.config.options import REQUIRED, Option, children
from cilium_lab.config.schema import OPTIONS

Schema = dict[str, object]


def config_schema(options: Sequence[Option] = OPTIONS) -> Schema:
    """The whole schema. Options of other namespaces (pulumi:, libvirt:) pass."""
    members = {f"{NAMESPACE}:{option.path}": value_schema(option, options) for option in children(options, "")}
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
                "properties": members,
                "propertyNames": {"anyOf": [{"enum": list(members)}, foreign]},
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "additionalProperties": False,
    }


def value_schema(option: Option, options: Sequence[Option] = OPTIONS) -> Schema:
    """The schema of one option's value, with all that it holds."""
    schema: Schema = {"description": option.description, "type": option.type}
    if option.type == "object" and not option.open:
        schema |= _members(option.path, options)
    elif option.type == "array":
        schema["items"] = _element(f"{option.path}[]", options)
    schema |= _limits(option)
    if option.default is not REQUIRED:
        schema["default"] = option.default
    if option.example not in ("", option.default):
        schema["examples"] = [option.example]
    return schema


def _members(path: str, options: Sequence[Option]) -> Schema:
    members = children(options, path)
    required = [member.name for member in members if member.default is REQUIRED]
    properties = {member.name: value_schema(member, options) for member in members}
    schema: Schema = {"properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _element(path: str, options: Sequence[Option]) -> Schema:
    """The schema of a list's elements: an option of their own, or an object."""
    own = [option for option in options if option.path == path]
    return value_schema(own[0], options) if own else {"type": "object", **_members(path, options)}


def _limits(option: Option) -> Schema:
    unset = option.default == ""
    if option.choices:
        return {"enum": [*option.choices, *([""] if unset else [])]}
    if option.format:
        pattern = option.format.pattern
        return {"pattern": f"^({pattern}|)$" if unset else f"^({pattern})$"}
    return {} if option.low is None else {"minimum": option.low, "maximum": option.high}


def text() -> str:
    """The file's whole text."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
