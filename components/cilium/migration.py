"""The migration as resources: a preflight before Cilium's release changes, and the road after it.

Both run this package as a program of its own, with progress on standard error, and are quick where there is nothing to
do: on a new cluster and on an unchanged one. Their document is standard input, a secret because of the kubeconfig.

The preflight's answer names its run. Whatever comes behind takes that name in, so that every resource looks at the
cluster again after each preflight. Without it Pulumi would compare with the state of the last run that ended well, find
that nothing has changed since, and leave a migration half done that was killed and then turned round.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local

from cilium_lab.config.model import LabConfig
from cilium_lab.disruption.targets import Hosts
from cilium_lab.rollout.preview import look_ahead
from cilium_lab.rollout.request import Desired, render
from components.cilium.migration_request import desired_cluster

_PROGRAM = ".venv/bin/python -m cilium_lab.rollout"


@dataclass(frozen=True)
class Passed:
    """What a preflight that found the road open hands on."""

    run: str
    """Its name: another one each time."""
    in_use: tuple[IPv4Network, ...]
    """Ranges that nodes have blocks of besides those of the configuration."""


def passed(answer: str) -> Passed:
    """Reads a preflight's standard output. Raises ValueError or KeyError if it is not one."""
    tree: dict[str, Any] = json.loads(answer)
    return Passed(str(tree["run"]), tuple(IPv4Network(cidr) for cidr in tree["inUse"]))


async def _foretell(desired: Desired, kubeconfig: str) -> None:
    """A preview runs no command, so the program itself looks, beside everything else that it previews."""
    if lines := await asyncio.to_thread(look_ahead, desired, kubeconfig):
        pulumi.log.warn("\n".join(lines))


def _render_hosts(hosts: Hosts) -> dict[str, object]:
    return {"hosts": hosts.render()}


class Migration(pulumi.ComponentResource):
    """`passed` is known when the preflight has found the road open; `go` adds the road itself."""

    passed: pulumi.Output[Passed]

    def __init__(
        self,
        name: str,
        config: LabConfig,
        kubeconfig: pulumi.Input[str],
        records: Path,
        hosts: pulumi.Output[Hosts] | None = None,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`opts.depends_on` should name the nodes: the preflight needs the API server and counts them.

        `records` is the folder of the records of migrations. `hosts` are where probes ask meanwhile; None: nobody does.
        """
        super().__init__("cilium-lab:migration:Migration", name, None, opts)
        self._name = name
        if pulumi.runtime.is_dry_run():
            # Known unless the cluster itself is still to be made or changed.
            pulumi.Output.from_input(kubeconfig).apply(lambda text: _foretell(desired_cluster(config), text))
        desired = {**render(desired_cluster(config)), "records": str(records)}
        nobody: dict[str, object] = {}
        asking = hosts.apply(_render_hosts) if hosts else pulumi.Output.from_input(nobody)
        self._document = pulumi.Output.secret(
            pulumi.Output.all(kubeconfig=kubeconfig, asking=asking).apply(
                lambda had: json.dumps({**desired, **had["asking"], "kubeconfig": had["kubeconfig"]}, sort_keys=True)
            )
        )
        preflight = local.Command(
            f"{name}-preflight",
            create=f"{_PROGRAM} preflight",
            stdin=self._document,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            # A component's dependencies are not its children's.
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on if opts else None),
        )
        # Its answer holds no secret, only its input does; else all of Cilium's values would be hidden.
        self._answer = pulumi.Output.unsecret(preflight.stdout)
        self.passed = self._answer.apply(passed)
        self.register_outputs({})

    def go(self, after: Sequence[pulumi.Resource]) -> local.Command:
        """The road, when `after` (Cilium's release and the list that is not masqueraded) is as wanted."""
        return local.Command(
            f"{self._name}-run",
            create=f"{_PROGRAM} run",
            stdin=self._document,
            triggers=[self._answer],
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
