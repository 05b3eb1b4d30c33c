"""Makes Pulumi.yaml: the project's head, and one entry for each top-level option.

    python3 -m tools.project_file > Pulumi.yaml

No entry has an engine `type`. With one, the engine would refuse a value of another shape before the program
runs: one option at a time, and without saying what would be right. The program checks types itself, all options at
once, so the type stands in the description.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import yaml

from cilium_lab.config.errors import NAMESPACE
from cilium_lab.config.options import Option, children
from cilium_lab.config.schema import OPTIONS

_HEAD = f"""\
# Made by tools/project_file.py from cilium_lab/config/schema.py; change it there.
name: {NAMESPACE}
requiredPulumiVersion: ">=3.208.0" # replacement_trigger
description: The Cilium study lab, and the migration of its live cluster from one IPAM mode to another
runtime:
  name: python
  options:
    toolchain: pip
    virtualenv: .venv
# Types stand in the descriptions: the program reports every wrong value at once, with one that is right.
config:
"""


def project_file(options: Sequence[Option] = OPTIONS) -> str:
    """The whole text of Pulumi.yaml."""
    return _HEAD + "".join(_entry(option) for option in children(options, ""))


def _entry(option: Option) -> str:
    choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
    description = f"{option.type}{choices}: {option.description}"
    entry = {option.path: {"description": description, "default": option.default}}
    text = yaml.safe_dump(entry, sort_keys=False, width=1000, allow_unicode=True)
    return "".join(f"  {line}\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.stdout.write(project_file())
