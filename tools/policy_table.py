"""Makes docs/policies.md: every policy with its level, reason, remedy and options.

python3 -m tools.policy_table > docs/policies.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from policies.pack import RULES
from policies.rule import Rule

_HEAD = """\
<!-- Made by tools/policy_table.py from policies/; change it there. -->
# Policies

`policies/` is a [policy pack](https://www.pulumi.com/docs/insights/policy/) in Python. It runs on any backend:

```sh
pulumi preview --policy-pack policies
pulumi up --policy-pack policies --policy-pack-config my-policies.json
./lab pulumi preview --policy-pack policies      # in the sandbox of the embedded stack
```

A mandatory violation fails the preview, and `pulumi up` then makes nothing; an advisory one is a warning. Levels
(`mandatory`, `advisory`, `disabled`) and options are set in a file:

```json
{
  "size-memory-fits": "mandatory",
  "network-node-ports": {"enforcementLevel": "advisory", "highest": 31000},
  "cilium-values-typed": {"reasons": {"bpf.mapDynamicSizeRatio": "three nodes share 24 GiB"}}
}
```

## What a policy can't see

The engine shows a policy the inputs of every resource, its parent and its dependencies. It does not show

- what the stack was before: that the pool only grows is checked by kubeadm's range and by the option `held`; the
  migration compares with the live cluster;
- what a resource is deleted with: the policies check that a remote command comes after its host and has no delete line;
  that `deleted_with` is set on all of them is tested in `tests/unit/policies/test_policies_access.py`;
- which values are secrets: outputs are checked by the resource's options and, after an update, by the form of keys;
  that exports are secret is tested in the same file;
- in a first preview, whatever depends on a key that is not made yet (connections, the definitions of containers): in
  the update the policies on one resource check it before it is made, and those on all at the end.

Known exceptions are listed with their reasons: in `policies/supply.py` (`ACCEPTED_TAGS`) two images of the stack `lab`
that are named by tag, in `policies/access.py` (`ACCEPTED_ENDS`) the script that removes a worker from the cluster. A
test fails when one of them is not needed any more.
"""


def policy_table() -> str:
    """The file's whole text."""
    return _HEAD + "".join(line for rule in RULES for line in _section(rule))


def _section(rule: Rule) -> Iterator[str]:
    first = next(other for other in RULES if _family(other) == _family(rule))
    if rule is first:
        yield f"\n## {_family(rule).capitalize()}\n"
    scope = "each resource by itself" if rule.scope == "resource" else "all resources together"
    yield f"\n### `{rule.name}`\n\n{rule.level.capitalize()}; checks {scope}. {rule.reason}\n\n"
    yield f"**Remedy:** {rule.remedy}.\n"
    for option in rule.options:
        yield f"\n**Option** `{option.name}`, by default `{json.dumps(option.default)}`.\n"


def _family(rule: Rule) -> str:
    return rule.name.partition("-")[0]


if __name__ == "__main__":
    sys.stdout.write(policy_table())
