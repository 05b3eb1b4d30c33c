"""SSH key pairs, made once per stack on the machine that runs Pulumi, kept as secrets of the state alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from shlex import quote

import pulumi
from pulumi_command import local

_SCRIPT = "components/scripts/local/new-key.sh"


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 pair in OpenSSH's formats; `private` is a secret."""

    private: pulumi.Output[str]
    public: pulumi.Output[str]


def new_key_pair(name: str, comment: str, *, opts: pulumi.ResourceOptions | None = None) -> KeyPair:
    """Make a key pair when the stack is first brought up, and keep it."""
    made = local.Command(
        name,
        create=f"{_SCRIPT} {quote(comment)}",
        logging=local.Logging.STDERR,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(additional_secret_outputs=["stdout"], ignore_changes=["create"]), opts
        ),
    )
    # The public half must not be a secret: what is made of it would be one as well, and unreadable in a preview.
    public = pulumi.Output.unsecret(made.stdout.apply(lambda text: str(json.loads(text)["public"])))
    return KeyPair(pulumi.Output.secret(made.stdout.apply(lambda text: str(json.loads(text)["private"]))), public)
