"""What a pod's specification needs: each kind of reference, and what is optional."""

from __future__ import annotations

from typing import Any

import pytest

from cilium_lab.kube.needs import Image, Reference, full_name, needs


def secret(name: str, *keys: str) -> Reference:
    return Reference("Secret", name, frozenset(keys))


def config(name: str, *keys: str) -> Reference:
    return Reference("ConfigMap", name, frozenset(keys))


@pytest.mark.parametrize(
    ("volume", "found"),
    [
        ({"secret": {"secretName": "a"}}, [secret("a")]),
        ({"secret": {"secretName": "a", "items": [{"key": "k", "path": "p"}]}}, [secret("a", "k")]),
        ({"secret": {"secretName": "a", "optional": True}}, []),
        ({"configMap": {"name": "a"}}, [config("a")]),
        ({"configMap": {"name": "a", "optional": True}}, []),
        (
            {
                "projected": {
                    "sources": [
                        {"secret": {"name": "a"}},
                        {"secret": {"name": "b", "optional": True}},
                        {"configMap": {"name": "c", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                        {"serviceAccountToken": {"path": "token"}},
                    ]
                }
            },
            [secret("a"), config("c", "ca.crt")],
        ),
        ({"emptyDir": {}}, []),
    ],
)
def test_objects_that_volumes_name(volume: dict[str, Any], found: list[Reference]) -> None:
    assert needs({"volumes": [{"name": "v", **volume}]}).objects == tuple(found)


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_objects_that_the_environment_names(where: str) -> None:
    container = {
        "envFrom": [
            {"secretRef": {"name": "a"}},
            {"configMapRef": {"name": "b"}},
            {"configMapRef": {"name": "x", "optional": True}},
        ],
        "env": [
            {"name": "PLAIN", "value": "1"},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}},
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "d", "key": "k"}}},
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k", "optional": True}}},
            {"name": "Y", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    assert needs({where: [container]}).objects == (secret("a"), config("b"), secret("c", "k"), config("d", "k"))


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("team/app:1", "docker.io/team/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("registry.example/app", "registry.example/app:latest"),
        ("registry.example:5000/team/app", "registry.example:5000/team/app:latest"),
        ("registry.example:5000/team/app:2", "registry.example:5000/team/app:2"),
        ("registry.example/app@sha256:0a", "registry.example/app@sha256:0a"),
        ("registry.example/app:1@sha256:0a", "registry.example/app@sha256:0a"),
    ],
)
def test_an_image_has_the_name_that_the_runtime_lists(image: str, full: str) -> None:
    assert full_name(image) == full


def test_images_and_their_pull_policies() -> None:
    found = needs(
        {
            "initContainers": [{"image": "tools.example/a:1", "imagePullPolicy": "Never"}],
            "containers": [{"image": "tools.example/b:1"}, {"image": "tools.example/c"}],
        }
    )
    assert found.images == (
        Image("tools.example/a:1", "Never"),
        Image("tools.example/b:1", "IfNotPresent"),
        Image("tools.example/c:latest", "Always"),
    )


def test_what_its_node_and_other_programs_have_to_give() -> None:
    found = needs(
        {
            "volumes": [
                {"name": "a", "hostPath": {"path": "/data", "type": "Directory"}},
                {"name": "b", "hostPath": {"path": "/made", "type": "DirectoryOrCreate"}},
                {"name": "c", "hostPath": {"path": "/any"}},
            ],
            "schedulerName": "mine",
            "schedulingGates": [{"name": "example.com/wait"}],
            "readinessGates": [{"conditionType": "example.com/healthy"}],
            "resourceClaims": [{"name": "device", "resourceClaimName": "one"}],
        }
    )
    assert (found.paths, found.kept) == (("/data",), ("/data", "/made", "/any"))
    assert (found.scheduler, found.gated) == ("mine", True)
    assert (found.conditions, found.devices) == (("example.com/healthy",), ("device",))
    assert needs({}).scheduler == "default-scheduler"
