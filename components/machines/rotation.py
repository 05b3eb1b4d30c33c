"""How a running host gets the keys of a new epoch: it is not re-created, and accepts a key at every moment.

1. The new pair is made and kept beside the earlier ones (`new_key_pair`), before any host is touched.
2. `give_keys` reaches the host with whichever pair it has, and gives it the new ones: its host key, and the user's
   beside those that may log in. It ends when the host shows the new host key to the new user key.
3. Every other remote command of the host follows with the new keys: their connection has changed, so they run again.
4. When all hosts are that far, `revoke-old-keys.sh` ends the earlier user keys.

A run that is killed in between is finished by the next: nothing is read but the state's list of pairs and the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from shlex import join

import pulumi
from pulumi_command import local

from cilium_lab.config.topology import Host
from components.machines.files import File, pack
from components.machines.keys import KeyPair, Pair

_SCRIPT = "components/scripts/local/give-keys.sh"
_SECONDS = 600
"""For the first contact: a virtual machine boots, and cloud-init makes its keys."""


def give_keys(
    host: Host, user: KeyPair, own: KeyPair, domain: pulumi.CustomResource, *, opts: pulumi.ResourceOptions
) -> local.Command:
    """The host has today's keys: `own` is its host key, `user` logs in. It runs beside Pulumi: a remote command has but
    one key to try.
    """
    return local.Command(
        f"{host.name}-keys",
        create=join([_SCRIPT, str(host.address), str(_SECONDS)]),
        stdin=pulumi.Output.secret(pulumi.Output.all(user.pairs, own.pairs).apply(partial(_bundle, str(host.address)))),
        # a host that was re-created has its first keys again
        triggers=[domain.id],
        logging=local.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=opts,
    )


def _bundle(address: str, keys: list[Sequence[Pair]]) -> str:
    return keys_bundle(address, *keys)


def keys_bundle(address: str, users: Sequence[Pair], hosts: Sequence[Pair]) -> str:
    """What give-keys.sh gets on its standard input; both lists have their newest pair first."""
    known = [f"{address} {pair.public.strip()}\n" for pair in hosts]
    for_host = {
        "authorized_key": File(users[0].public.strip() + "\n"),
        "ssh_host_ed25519_key": File(hosts[0].private.strip() + "\n"),
        "ssh_host_ed25519_key.pub": File(hosts[0].public.strip() + "\n", 0o644),
    }
    files = {f"user-{number:02}": File(pair.private.strip() + "\n") for number, pair in enumerate(users)}
    files |= {"known_hosts": File("".join(known)), "known_hosts-now": File(known[0]), "for-host": File(pack(for_host))}
    return pack(files)
