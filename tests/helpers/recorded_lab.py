"""The whole lab as the engine would be shown it: registered against mocks, and read as the policy pack reads it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from google.protobuf import json_format
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from cilium_lab.artifacts.bundle import ONLINE, Archive, Artifacts
from cilium_lab.config.images import default_images
from cilium_lab.config.load import parse
from components.lab import Lab
from policies.pack import plain_object
from policies.resource import Resource
from tests.helpers.pulumi_recorder import Recording, Registered, record

ROOT = Path(__file__).parents[2]
STACKS = ("lab", "embedded")
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
KUBECONFIG = "users: [{name: admin, user: {client-key-data: bm90IGEga2V5}}]\n"
IDENTITY = "3f1e8f9c-6d0e-4a55-9f27-1f6f6a2b7c11\n"
_ADDON_IMAGES = ("quay.io/cilium/hubble-ui", "quay.io/cilium/hubble-ui-backend", "quay.io/cilium/cilium-envoy")


def bundle(held_back: str = "") -> Artifacts:
    """A bundle that lacks nothing but perhaps one repository, so that every add-on is there to be judged."""
    images = default_images("bundle")
    held = [getattr(images, name) for name in type(images).model_fields]
    more = [f"{image}:v1.0.0" for image in _ADDON_IMAGES if image != held_back]
    return Artifacts(images=frozenset([*held, *more]), arch="amd64")


def stack_config(stack: str) -> dict[str, Any]:
    """The configuration in a stack's file, without the project's name."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("cilium-lab:"): value for key, value in config.items()}


class Exports(pulumi.ComponentResource):
    """What the stack exports, as outputs that the recorder sees."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        super().__init__("test:index:Exports", "exports")
        self.register_outputs(outputs)


def record_lab(
    stack: str,
    *,
    preview: bool = False,
    held_back: str = "",
    archives: tuple[Archive, ...] = (),
    kubernetes: tuple[Archive, ...] = (),
    **config: Any,
) -> Recording:
    """The stack's lab with its configuration and `config`; in a preview nothing has a result yet.

    `archives` are images of a release of Cilium beside the bundle; `kubernetes` is the same of Kubernetes.
    """
    lab = parse({**stack_config(stack), **config})
    held = replace(bundle(held_back), archives=archives, kubernetes=kubernetes) if lab.artifacts == "bundle" else ONLINE
    with (
        patch("components.lab.find_artifacts", lambda *_: held),
        # The lab is the same, whatever this machine lacks and its libvirt holds.
        patch("components.lab.refuse", lambda *_: None),
    ):
        return record(
            lambda: Exports(Lab("lab", lab).outputs), outputs=_nothing if preview else _outputs, preview=preview
        )


def _nothing(_args: pulumi.runtime.MockResourceArgs) -> Mapping[str, Any]:
    return {}


def _outputs(args: pulumi.runtime.MockResourceArgs) -> Mapping[str, Any]:
    if args.typ.startswith("command:"):
        return {"stdout": _stdout(args.name), "stderr": ""}
    return {}


def _stdout(name: str) -> str:
    if name == "migration-preflight":
        return '{"run": "2026-01-01T00:00:00+00:00", "inUse": [], "podCidrs": {}}'
    if name.endswith("-key"):
        private = PRIVATE_KEY.replace("\n", "\\n")
        return f'[{{"epoch": 1, "private": "{private}", "public": "ssh-ed25519 AAAA {name}"}}]'
    results = {"identity": IDENTITY, "k8s-cp-kubeadm-init": f"sha256:{'0' * 64}", "k8s-cp-kubeconfig": KUBECONFIG}
    return results.get(name, "")


def plain(struct: Any) -> dict[str, object]:
    """Properties of the protocol as the policy pack gets them from its SDK."""
    return plain_object(unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(struct))))


def seen(recording: Recording) -> tuple[Resource, ...]:
    """Every resource as a stack policy sees it, after an update."""
    providers = {
        item.name: plain(item.request.object)
        for item in recording.registered
        if item.token.startswith("pulumi:providers:")
    }
    return tuple(_seen(item, providers) for item in recording.registered)


def _seen(item: Registered, providers: Mapping[str, Mapping[str, object]]) -> Resource:
    request = item.request
    props = plain(request.object)
    stdout = {"stdout": _stdout(item.name)} if item.token.startswith("command:") else {}
    return Resource(
        type=item.token,
        name=item.name,
        urn=item.urn,
        props=props,
        parent=request.parent,
        outputs={**props, **stdout},
        secret_outputs=frozenset(request.additionalSecretOutputs),
        depends_on=frozenset(request.dependencies),
        provider=providers.get(item.provider.rpartition("::")[0].rpartition("::")[2], {}),
    )


@functools.cache
def lab(stack: str) -> tuple[Resource, ...]:
    """The stack's lab with its own configuration, as a stack policy sees it."""
    return seen(record_lab(stack))


def changed(resources: tuple[Resource, ...], name: str, path: str, value: object) -> tuple[Resource, ...]:
    """The same resources, but for one input of the one with that name; None takes the input away."""
    assert any(resource.name == name for resource in resources), f"no resource is named {name}"
    return tuple(
        replace(resource, props=_with(resource.props, path.split("."), value)) if resource.name == name else resource
        for resource in resources
    )


def _with(props: Mapping[str, object], path: list[str], value: object) -> dict[str, object]:
    head, *rest = path
    below = props.get(head)
    new = _with(below if isinstance(below, Mapping) else {}, rest, value) if rest else value
    return {**{k: v for k, v in props.items() if k != head}, **({} if new is None else {head: new})}
