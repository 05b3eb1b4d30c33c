"""The Pulumi CLI, its Python language host, and the plugins: `plugin-NAME` holds bin/pulumi-resource-NAME."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from airgap.builder.golang import MODULES
from airgap.builder.recipe import Recipe, Workspace
from cilium_lab.config.versions import PULUMI, PULUMI_PLUGINS

_SDK = "github.com/pulumi/pulumi/sdk/v3"
_KUBERNETES = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_KUBERNETES_SDK = "github.com/pulumi/pulumi-kubernetes/sdk/v4"
_EXECUTOR = "pulumi-language-python-exec"
_RPC_CLIENT = "github.com/digitalocean/go-libvirt"
_KIND = re.compile(r"\bvar res \w+\.\w+$", re.MULTILINE)
_TYPED_PACKAGE = re.compile(rf'^\t(?:\w+ )?"{re.escape(_KUBERNETES_SDK)}/go/kubernetes/[^"]+"\n', re.MULTILINE)
_UNBUFFERED, _BUFFERED = "c := make(chan response)\n", "c := make(chan response, 16)\n"


def _build(ws: Workspace, module: str, command: str, package: str, version: str, cwd: Path | None = None) -> None:
    """Build one command into out/bin; `version` is "variable=value"."""
    (ws.out / "bin").mkdir(exist_ok=True)
    ws.go_build(module, {f"bin/{command}": package}, ldflags=f"-X {version}", cwd=cwd)


def _cli(ws: Workspace) -> None:
    """The CLI, with the language host in its folder: the CLI warns in every run when it finds the host elsewhere."""
    version = f"{_SDK}/go/common/version.Version=v{PULUMI}"
    _build(ws, "pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", version)
    shutil.copytree(ws.need("pulumi-language-python") / "bin", ws.out / "bin", dirs_exist_ok=True)


def _language_host(ws: Workspace) -> None:
    """The project's own program and, beside it, the SDK's script that runs a Python program."""
    module = "pulumi-language-python"
    _build(ws, module, module, ".", f"{_SDK}/go/common/version.Version=v{PULUMI}")
    script = ws.go_module_dir(module, _SDK) / "python/cmd" / _EXECUTOR
    shutil.copyfile(script, ws.out / "bin" / _EXECUTOR)


def _kubernetes(ws: Workspace) -> None:
    """The genuine provider. Its module leaves the version out of the schema, and a plugin must have one."""
    module, version = "pulumi-kubernetes", PULUMI_PLUGINS["kubernetes"]
    source = ws.go_tree(module, {_KUBERNETES_SDK: "sdk"})
    kinds = source / "sdk/go/kubernetes/yaml/v2/kinds.go"
    kinds.write_text(without_typed_kinds(kinds.read_text()))
    upstream = ws.go_module_dir(module, _KUBERNETES) / "cmd/pulumi-resource-kubernetes"
    schema = json.loads((upstream / "schema.json").read_text())
    (source / "schema.json").write_text(json.dumps({**schema, "version": version}, separators=(",", ":")))
    shutil.copyfile(upstream / "terraform-mapping.json", source / "terraform-mapping.json")
    variable = f"{_KUBERNETES}/pkg/version.Version={version}"
    _build(ws, module, "pulumi-resource-kubernetes", ".", variable, cwd=source)


def _libvirt(ws: Workspace) -> None:
    """The genuine Terraform provider under Pulumi's bridge, whose generator writes the schema first."""
    module, version = "pulumi-libvirt", f"main.version={PULUMI_PLUGINS['libvirt']}"
    source = ws.go_tree(module, {_RPC_CLIENT: "go-libvirt"})
    rpc = source / "go-libvirt/rpc.go"
    rpc.write_text(with_buffer(rpc.read_text()))
    folder = source / "cmd/pulumi-resource-libvirt"
    generator = "pulumi-tfgen-libvirt"
    _build(ws, module, generator, f"./cmd/{generator}", version, cwd=source)
    # Descriptions and examples are for generated SDKs, and converting them would need the Pulumi CLI.
    ws.run([ws.out / "bin" / generator, "schema", "--skip-docs", "--skip-examples", "--out", folder])
    (ws.out / "bin" / generator).unlink()
    _build(ws, module, "pulumi-resource-libvirt", "./cmd/pulumi-resource-libvirt", version, cwd=source)


def without_typed_kinds(text: str) -> str:
    """The Kubernetes SDK's function that registers the objects of a YAML component, with one type for all of them.

    Each of some 150 cases has a Go type of its own, from packages that take a sixth of the whole build to compile, and
    every caller takes the object as any resource. The types that the engine sees are strings, and stay as they are.
    Raises ValueError where the text is another one.
    """
    text, cases = _KIND.subn("var res pulumi.CustomResourceState", text)
    text, imports = _TYPED_PACKAGE.subn("", text)
    if cases < 100 or imports < 50:
        raise ValueError(f"kinds.go should have over 100 kinds and 50 packages, and has {cases} and {imports}")
    return text


def with_buffer(text: str) -> str:
    """The client that speaks libvirt's protocol, with a buffer for responses that are not fetched yet.

    It hands a response over while it holds a lock that the waiting call needs to end. libvirtd ends a download with an
    empty packet and sends another one: when that is there first, the two wait for each other, and every later call of
    the provider waits for ever (seen in a refresh of a cloud-init disk; rpc.go, `callback` and `requestStream`,
    unchanged in the version of 2026-10-13). Raises ValueError when the place is not there exactly once.
    """
    if text.count(_UNBUFFERED) != 1:
        raise ValueError(f"{_UNBUFFERED.strip()!r} should be in rpc.go once, and is {text.count(_UNBUFFERED)} times")
    return text.replace(_UNBUFFERED, _BUFFERED)


def _command(ws: Workspace) -> None:
    _build(ws, "pulumi-command", "pulumi-resource-command", ".", f"main.version={PULUMI_PLUGINS['command']}")


RECIPES = (
    Recipe("pulumi", _cli, inputs=(MODULES / "pulumi",), needs=("pulumi-language-python",), cost=130),
    Recipe("pulumi-language-python", _language_host, inputs=(MODULES / "pulumi-language-python",), cost=60),
    Recipe("plugin-kubernetes", _kubernetes, inputs=(MODULES / "pulumi-kubernetes",), cost=280),
    Recipe("plugin-libvirt", _libvirt, inputs=(MODULES / "pulumi-libvirt",), cost=120),
    Recipe("plugin-command", _command, inputs=(MODULES / "pulumi-command",), cost=60),
)
