"""Makes docs/configuration.md: every configuration key with its type, default, meaning and an example.

python3 -m tools.config_table > docs/configuration.md
"""

from __future__ import annotations

import json
import sys

from cilium_lab.config.errors import NAMESPACE
from cilium_lab.config.keys import REQUIRED, Format, Key
from cilium_lab.config.schema import KEYS

_HEAD = f"""\
<!-- Made by tools/config_table.py from cilium_lab/config/schema.py; change it there. -->
# Configuration

Every key is set with `pulumi config set KEY VALUE` (`--path` for a member: `pulumi config set --path
'clusterPool.cidrs[0]' 172.20.0.0/16`), or in `Pulumi.<stack>.yaml` as `{NAMESPACE}:KEY`. Whatever is not given has its
default. `pulumi preview` checks all of them at once, and names each mistake with a value that would be right; an editor
that knows YAML schemas completes and checks them by `schema/config.schema.json`, which the stacks' files name.

`a.b` is a member of the object `a`, `a[]` an element of the list `a`.

| key | type | default | meaning | example |
| --- | --- | --- | --- | --- |
"""

_FORMS: dict[Format, str] = {
    "cidr": "IPv4 range",
    "address": "IPv4 address",
    "interface": "IPv4 address with prefix length",
    "name": "RFC 1123 label",
    "link": "name of a network link",
    "uri": "libvirt URI",
    "version": "version x.y.z",
    "image": "image with registry and tag or digest",
    "path": "absolute path",
    "pod": "namespace/name of a pod",
}
_REFUSED = """
## Values that are refused

Somebody may expect them to work; each is refused with its reason before anything is made.

| key | value | reason |
| --- | --- | --- |
"""


def config_table() -> str:
    """The file's whole text."""
    rows = "".join(_row(key) for key in KEYS)
    refused = "".join(f"| `{key.path}` | `{value}` | {_plain(why)} |\n" for key in KEYS for value, why in key.refused)
    return f"{_HEAD}{rows}{_REFUSED}{refused}"


def _row(key: Key) -> str:
    cells = (f"`{key.path}`", _type(key), _default(key), _plain(key.description), _example(key))
    return f"| {' | '.join(cells)} |\n"


def _type(key: Key) -> str:
    if key.choices:
        return f"string: {', '.join(f'`{choice}`' for choice in key.choices)}"
    if key.low is not None:
        return f"integer, {key.low} to {key.high}"
    form = _FORMS.get(key.form) if key.form else None
    return f"{key.type}: {form}" if form else key.type


def _default(key: Key) -> str:
    if key.default is REQUIRED:
        return "must be given"
    if key.default == "":
        return "not set"
    return "see its members" if key.type == "object" and key.form != "any" else _code(key.default)


def _example(key: Key) -> str:
    if key.type == "object" and key.form != "any":
        return "see its members"
    # One element says how the others look.
    return _code(key.example[:1] if isinstance(key.example, list) else key.example)


def _code(value: object) -> str:
    return f"`{_plain(value if isinstance(value, str) else json.dumps(value))}`"


def _plain(text: str) -> str:
    """A text that can stand in a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(config_table())
