"""What every machine is to the rest of the program: a host that answers SSH with a pinned key.

No other package depends on whether a machine is virtual or a container. `Machine.run` makes every remote command of the
program, so that all of them are deleted with their machine (a destroy never connects to a host that is about to be
deleted), show their progress, and hide secrets in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shlex import quote

import pulumi
from pulumi_command import remote

from cilium_lab.config.topology import Host
from components.machines.keys import KeyPair
from components.machines.rotation import give_keys
from components.machines.scripts import HOME, all_scripts, remote_path

_TRIES = 10
_DIAL_TIMEOUT = 5
"""Seconds for one attempt to connect. A host that boots refuses at once or not at all."""


@dataclass(frozen=True)
class Access:
    """Who may log in to a host, and how the host proves that it is the right one."""

    user: KeyPair
    host: KeyPair


class Machine(pulumi.ComponentResource):
    """A running host. Subclasses create `domain` and then call `_await_ready`; the fleet calls `finish`."""

    host: Host
    access: Access
    domain: pulumi.CustomResource
    """What a destroy removes first; everything on the host is deleted with it, and re-created when it is replaced."""
    ready: pulumi.Resource
    """The host has answered SSH and holds the program's scripts."""

    def __init__(
        self, token: str, name: str, host: Host, access: Access, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(f"cilium-lab:machines:{token}", name, None, opts)
        self.host = host
        self.access = access

    def _await_ready(self) -> None:
        child = pulumi.ResourceOptions(parent=self, depends_on=[self.domain], deleted_with=self.domain)
        keys = give_keys(self.host, self.access.user, self.access.host, self.domain, opts=child)
        self.ready = remote.Command(
            f"{self.host.name}-ready",
            connection=self._connection(),
            create=f"mkdir -p {HOME} && base64 -d | tar -x -C {HOME}",
            stdin=all_scripts(),
            triggers=[self.domain.id],
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[keys])),
        )

    def finish(self, machines: Iterable[Machine]) -> None:
        """Revoke the keys of earlier epochs, once all `machines` accept today's: an earlier key opens all or none."""
        ready = [machine.ready for machine in machines]
        self.run("only-keys", "revoke-old-keys.sh", stdin=self.access.user.public, depends_on=ready)
        self.register_outputs({"address": str(self.host.address)})

    def run(
        self,
        what: str,
        script: str,
        *arguments: pulumi.Input[str],
        stdin: pulumi.Input[str] | None = None,
        again_with: Sequence[pulumi.CustomResource] = (),
        secret: bool = False,
        parent: pulumi.Resource | None = None,
        depends_on: Sequence[pulumi.Resource] = (),
    ) -> remote.Command:
        """Run one of the program's scripts on the host, again whenever the script or what it is given changes.

        The resource is named `<host>-<what>`. It is replaced with the host, and with each resource of `again_with`.
        With `secret` what the script prints is a secret; secrets go in by `stdin` alone, because arguments show in
        process lists.
        """
        return remote.Command(
            f"{self.host.name}-{what}",
            connection=self._connection(),
            create=_line(script, arguments),
            stdin=stdin,
            # A host that is replaced starts from nothing, whatever stood on the one before it.
            triggers=[self.domain.id, *(resource.id for resource in again_with)],
            # standard error is progress and errors, standard output is data for the program
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent or self,
                depends_on=[self.ready, *depends_on],
                deleted_with=self.domain,
                additional_secret_outputs=["stdout", "stderr"] if secret else None,
            ),
        )

    def run_before_end_of(
        self, other: Machine, what: str, script: str, *arguments: str, parent: pulumi.Resource
    ) -> remote.Command:
        """Have a script run on this host before another one's machine is replaced or removed, and at no other time.

        What is to be replaced afterwards names the resource in `again_with`. When this host's own machine is deleted,
        for example in a destroy, nothing is run.
        """
        return remote.Command(
            f"{self.host.name}-{what}",
            connection=self._connection(),
            create="true",
            delete=_line(script, arguments),
            triggers=[other.domain.id],
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=[self.ready, other.ready],
                deleted_with=self.domain,
                # the end of the old comes before the start of the new, also where nothing else requires that order
                delete_before_replace=True,
            ),
        )

    def _connection(self) -> remote.ConnectionArgs:
        return remote.ConnectionArgs(
            host=str(self.host.address),
            user="root",
            private_key=self.access.user.private,
            host_key=self.access.host.public,
            dial_error_limit=_TRIES,
            per_dial_timeout=_DIAL_TIMEOUT,
        )


def _line(script: str, arguments: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    path = remote_path(script)
    return pulumi.Output.all(*arguments).apply(lambda values: " ".join([path, *map(quote, values)]))
