"""What is changed in a dependency of a plugin before it is built."""

from __future__ import annotations

import re

import pytest

from airgap.recipes.toolchain import with_buffer, without_typed_kinds

_CLIENT = "func request() {\n\tc := make(chan response)\n\tregister(c)\n}\n"


def test_the_client_buffers_late_responses() -> None:
    assert with_buffer(_CLIENT) == _CLIENT.replace("(chan response)", "(chan response, 16)")


@pytest.mark.parametrize("text", ["package libvirt\n", _CLIENT * 2])
def test_a_client_without_that_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"in rpc\.go once"):
        with_buffer(text)


def kinds(count: int) -> str:
    """As the SDK's generator writes it, with so many kinds."""
    package = "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
    imports = [f'\tgroup{number}v1 "{package}/group{number}/v1"\n' for number in range(count)]
    cases = [
        f'\tcase "group{number}/v1/Kind":\n\t\tvar res group{number}v1.Kind\n'
        f'\t\terr := ctx.RegisterResource("kubernetes:group{number}/v1:Kind", name, props, &res, opts...)\n'
        for number in range(count)
    ]
    sdk = '\t"github.com/pulumi/pulumi/sdk/v3/go/pulumi"\n'
    return f'package v2\n\nimport (\n\t"fmt"\n\n\t"{package}/apiextensions"\n{"".join(imports)}{sdk})\n{"".join(cases)}'


def test_every_kind_keeps_its_name_and_loses_its_type() -> None:
    before, after = kinds(120), without_typed_kinds(kinds(120))
    names = re.compile(r'RegisterResource\("([^"]+)"')
    assert names.findall(after) == names.findall(before)
    assert after.count("\t\tvar res pulumi.CustomResourceState\n") == 120
    assert re.findall(r'^\t(?:\w+ )?"(.+)"$', after, re.MULTILINE) == [
        "fmt",
        "github.com/pulumi/pulumi/sdk/v3/go/pulumi",
    ]


def test_an_sdk_that_is_written_otherwise_is_refused() -> None:
    with pytest.raises(ValueError, match="over 100 kinds"):
        without_typed_kinds(kinds(3))
