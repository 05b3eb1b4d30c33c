"""Makes docs/configuration.md: every option with its type, default, meaning and an example.

python3 -m tools.config_table > docs/configuration.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cilium_lab.config.errors import NAMESPACE
from cilium_lab.config.options import REQUIRED, Option
from cilium_lab.config.schema import OPTIONS

_HEAD = f"""\
<!-- Made by tools/config_table.py from cilium_lab/config/schema.py; change it there. -->
# Configuration

Every option is set with `pulumi config set OPTION VALUE` (`--path` for a member: `pulumi config set --path
'clusterPool.cidrs[0]' 172.20.0.0/16`), or in `Pulumi.<stack>.yaml` as `{NAMESPACE}:OPTION`. Whatever is not given has
its default. `pulumi preview` checks all of them at once, and names each mistake with a value that would be right; an
editor that knows YAML schemas completes and checks them by `schema/config.schema.json`, which the stacks' files name.

`a.b` is a member of the object `a`, `a[]` an element of the list `a`.

| option | type | default | meaning | example |
| --- | --- | --- | --- | --- |
"""

_REFUSED = """
## Values that are refused

They may well be expected to work; each is refused with its reason before anything is made.

| option | value | reason |
| --- | --- | --- |
"""


def config_table(options: Sequence[Option] = OPTIONS) -> str:
    """The file's whole text."""
    rows = "".join(_row(option) for option in options)
    refused = "".join(
        f"| `{option.path}` | `{value}` | {_plain(why)} |\n"
        for option in options
        for value, why in option.refused.items()
    )
    return f"{_HEAD}{rows}{_REFUSED}{refused}"


def _row(option: Option) -> str:
    cells = (f"`{option.path}`", _type(option), _default(option), _plain(option.description), _example(option))
    return f"| {' | '.join(cells)} |\n"


def _type(option: Option) -> str:
    if option.choices:
        return f"{option.type}: {', '.join(f'`{choice}`' for choice in option.choices)}"
    if option.low is not None:
        return f"{option.type}, {option.low} to {option.high}"
    return f"{option.type}: {option.format.label}" if option.format else option.type


def _default(option: Option) -> str:
    if option.default is REQUIRED:
        return "must be given"
    if option.default == "":
        return "not set"
    return "see its members" if option.type == "object" and not option.open else _code(option.default)


def _example(option: Option) -> str:
    if option.type == "object" and not option.open:
        return "see its members"
    # One element shows what the others look like.
    return _code(option.example[:1] if isinstance(option.example, list) else option.example)


def _code(value: object) -> str:
    return f"`{_plain(value if isinstance(value, str) else json.dumps(value))}`"


def _plain(text: str) -> str:
    """A text that can stand in a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(config_table())
