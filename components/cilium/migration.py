"""The migration of a live cluster, behind Cilium's release: it brings every node to what the release says.

Like the preflight it runs `cilium_lab.rollout` as a program of its own and is quick where there is nothing to do.
"""

from __future__ import annotations

import pulumi
from pulumi_command import local

from components.cilium.preflight import PROGRAM, Preflight


class Migration(pulumi.ComponentResource):
    """`done` is made when every node runs the mode and the ranges of the configuration."""

    done: pulumi.Resource

    def __init__(self, name: str, preflight: Preflight, *, opts: pulumi.ResourceOptions | None = None) -> None:
        """`opts.depends_on` should name Cilium's release and the ConfigMap of the non-masquerade CIDRs."""
        super().__init__("cilium-lab:migration:Migration", name, None, opts)
        self.done = local.Command(
            f"{name}-run",
            create=f"{PROGRAM} run",
            stdin=preflight.request,
            # Not for the program: it runs again after each preflight.
            environment={"PREFLIGHT": preflight.answer},
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A component's dependencies are not its children's.
                depends_on=opts.depends_on if opts else None,
                # Where an earlier version had the answer. Each change of a trigger is shown as a replacement, also the
                # change to none.
                ignore_changes=["triggers"],
            ),
        )
        self.register_outputs({})
