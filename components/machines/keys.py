"""SSH key pairs, made once per stack and epoch on the machine that runs Pulumi, kept as secrets of the state alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

import pulumi
from pulumi_command import local

_SCRIPT = "components/scripts/local/new-key.sh"


@dataclass(frozen=True)
class Pair:
    """An ed25519 pair in OpenSSH's formats."""

    private: str
    public: str


@dataclass(frozen=True)
class KeyPair:
    """Today's pair, and all that came before it; `private` and `pairs` are secrets."""

    private: pulumi.Output[str]
    public: pulumi.Output[str]
    pairs: pulumi.Output[Sequence[Pair]]
    """Today's first, the pair of the stack's first epoch last. A host that was off when the key was changed, or that
    was re-created from its first description, still has an earlier one."""

    @property
    def first(self) -> pulumi.Output[Pair]:
        """The pair of the stack's first epoch, which no change of the epoch changes; a secret."""
        return self.pairs.apply(lambda pairs: pairs[-1])


def new_key_pair(name: str, comment: str, epoch: int, *, opts: pulumi.ResourceOptions | None = None) -> KeyPair:
    """Make a key pair when the stack is first brought up, another when `epoch` grows, and keep them."""
    made = local.Command(
        name,
        create=f"{_SCRIPT} {quote(comment)} {epoch}",
        logging=local.Logging.STDERR,
        # the script puts the new pair before those that it is told of
        add_previous_output_in_env=True,
        opts=pulumi.ResourceOptions.merge(pulumi.ResourceOptions(additional_secret_outputs=["stdout"]), opts),
    )
    pairs = pulumi.Output.secret(made.stdout.apply(read_pairs))
    # The public half must not be a secret: what is made of it would be one as well, and unreadable in a preview.
    public = pulumi.Output.unsecret(pairs.apply(lambda found: found[0].public))
    return KeyPair(pairs.apply(lambda found: found[0].private), public, pairs)


def read_pairs(text: str) -> Sequence[Pair]:
    """What new-key.sh prints, newest first. Raises ValueError or KeyError for anything else."""
    return [Pair(str(pair["private"]), str(pair["public"])) for pair in json.loads(text)]
