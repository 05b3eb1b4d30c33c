"""Makes a module of cilium_lab/config/chart_types from Cilium's chart: its values.schema.json and its templates.

    python3 -m tools.chart_types CHART_FOLDER > cilium_lab/config/chart_types/v1_17.py

The chart's schema names types only: it is open (unknown keys pass), it leaves some keys out, and it takes any
text where a few words are meant. `STRICTER` says what this project allows at such places, `MISSING` what the chart's
templates read beside the schema.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import cast

Schema = Mapping[str, object]

STRICTER: Mapping[str, str] = {
    # Any text in the schema; the words are those of pkg/ipam/option/option.go that make sense without a
    # cloud.
    "ipam.mode": 'Literal["kubernetes", "cluster-pool", "multi-pool"]',
    "kubeProxyReplacement": "bool",
    "routingMode": 'Literal["native", "tunnel"]',
    "tunnelProtocol": 'Literal["vxlan", "geneve"]',
    "updateStrategy.type": 'Literal["RollingUpdate", "OnDelete"]',
    # Boolean or text in the schema, because the chart takes "true" as well.
    "autoDirectNodeRoutes": "bool",
    "endpointRoutes.enabled": "bool",
    "k8sServicePort": "int",
    # A list without a type for its elements.
    "hubble.metrics.enabled": "list[str]",
    "ipam.operator.clusterPoolIPv4PodCIDRList": "list[str]",
    "hubble.ui.service.type": 'Literal["ClusterIP", "NodePort"]',
}

MISSING: Mapping[str, str] = {
    "clusterHealthPort": "int",
    "clustermesh.disableKubernetesHostAliases": "bool",
    "clustermesh.apiserver.metrics.serviceMonitor.namespace": "str",
    "clustermesh.apiserver.tls.auto.schedule": "str",
    "cni.configMap": "str",
    "cni.externalRouting": "bool",
    "cni.readCniConf": "str",
    "devices": "str | list[str]",
    "disableEnvoyVersionCheck": "bool",
    "disableIptablesFeederRules": "list[str]",
    "dnsPolicyUnloadOnShutdown": "bool",
    "dnsProxy.enableTransparentMode": "bool",
    "egressGateway.maxPolicyEntries": "int",
    "egressMasqueradeInterfaces": "str",
    "enableIdentityMark": "bool",
    "enableK8sEndpointSlice": "bool",
    "envoy.prometheus.serviceMonitor.namespace": "str",
    "fragmentTracking": "bool",
    "hubble.eventBufferCapacity": "int",
    "hubble.eventQueueSize": "int",
    "hubble.lostEventSendInterval": "str",
    "hubble.peerService.servicePort": "int",
    "hubble.relay.prometheus.serviceMonitor.namespace": "str",
    "hubble.relay.servicePort": "int",
    "iptablesLockTimeout": "str",
    "k8s.apiServerURLs": "str",
    "k8s.serviceProxyName": "str",
    "kubeProxyReplacement": "bool",
    "l2announcements.leaseDuration": "str",
    "l2announcements.leaseRenewDeadline": "str",
    "l2announcements.leaseRetryPeriod": "str",
    "labels": "str",
    "loadBalancer.algorithm": "str",
    "loadBalancer.dsrDispatch": "str",
    "loadBalancer.mode": "str",
    "loadBalancer.protocolDifferentiation.enabled": "bool",
    "loadBalancer.reflectorWaitTime": "str",
    "loadBalancer.serviceTopology": "bool",
    "loadBalancer.standalone": "bool",
    "logOptions": "dict[str, object]",
    "monitor.eventTypes": "list[str]",
    "monitor.resources": "dict[str, object]",
    "nodeLabels": "str",
    "nodePort.directRoutingDevice": "str",
    "nodeinit.revertReconfigureKubelet": "bool",
    "nonIdempotentAnnotations": "dict[str, str]",
    "operator.prometheus.serviceMonitor.namespace": "str",
    "policyAuditMode": "bool",
    "prometheus.serviceMonitor.namespace": "str",
    "sessionAffinity": "bool",
    "tls.caBundle.content": "str",
}
"""Path -> type of what the templates of some release read and its schema leaves out: values.yaml has most of it as
comments alone. Left out are azure, and what the chart refuses or has replaced (hostServices, tunnel,
enableCnpStatusUpdates, enableK8sEventHandover, hubble.export.file...); ipMasqAgent.config is the program's own."""
_READ = re.compile(r"\.Values\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_TYPE = "x-type"

_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_HEADER = '''"""Types of the values of Cilium's Helm chart.

Made by tools/chart_types.py from the chart's values.schema.json; don't edit.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

'''


def values_read(chart: Path) -> frozenset[str]:
    """The paths of all values that the chart's templates read."""
    files = (file for file in (chart / "templates").rglob("*") if file.is_file())
    return frozenset(path for file in files for path in _READ.findall(file.read_text(encoding="utf-8")))


def generate(schema: Schema, read: Set[str]) -> str:
    """The text of the module: one TypedDict for each object of the schema, the root last (`ChartValues`).

    `read` are the paths of the values that the templates read.
    """
    unused = set(STRICTER)
    classes: list[str] = []
    root = _object(_with_missing(schema, read), (), classes, unused)
    if unused:
        raise ValueError(f"STRICTER names keys that the chart's schema does not reach: {', '.join(sorted(unused))}")
    assert root == "ChartValues"
    return _HEADER + "\n".join(classes)


def _with_missing(schema: Schema, read: Set[str]) -> Schema:
    """The schema with what it leaves out and the templates read."""
    for path in MISSING.keys() & read:
        schema = _with(schema, path.split("."), {_TYPE: MISSING[path]})
    return schema


def _with(schema: Schema, steps: list[str], added: Schema) -> Schema:
    """The schema itself where it has the path already."""
    properties = _properties(schema)
    name, rest = steps[0], steps[1:]
    if not rest and name in properties:
        return schema
    below = _with(cast(Schema, properties.get(name) or {"type": "object"}), rest, added) if rest else added
    return {**schema, "properties": dict(sorted({**properties, name: below}.items()))}


def _object(schema: Schema, path: tuple[str, ...], classes: list[str], unused: set[str]) -> str:
    fields = {
        name: _type(cast(Schema, member), (*path, name), classes, unused)
        for name, member in _properties(schema).items()
    }
    name = "Chart" + ("".join(_camel(part) for part in path) or "Values")
    classes.append(_typed_dict(name, fields))
    return name


def _typed_dict(name: str, fields: Mapping[str, str]) -> str:
    if all(field.isidentifier() and not keyword.iskeyword(field) for field in fields):
        body = "\n".join(f"    {field}: {kind}" for field, kind in fields.items())
        return f"\nclass {name}(TypedDict, total=False):\n{body}\n"
    # Keys such as io.cilium/app are no Python names.
    body = "\n".join(f'        "{field}": {kind},' for field, kind in fields.items())
    return f'\n{name} = TypedDict(\n    "{name}",\n    {{\n{body}\n    }},\n    total=False,\n)\n'


def _type(schema: Schema, path: tuple[str, ...], classes: list[str], unused: set[str]) -> str:
    dotted = ".".join(path)
    if dotted in STRICTER:
        unused.discard(dotted)
        return STRICTER[dotted]
    if _TYPE in schema:
        return str(schema[_TYPE])
    alternatives = cast(list[Schema], schema.get("anyOf") or schema.get("oneOf") or [])
    if alternatives:
        return _union(_type(alternative, path, classes, unused) for alternative in _distinct(alternatives))
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in cast(list[object], schema['enum']))}]"
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    kinds = cast(list[object], kind if isinstance(kind, list) else [kind])
    return _union(_simple(str(one), schema, path, classes, unused) for one in kinds)


def _simple(kind: str, schema: Schema, path: tuple[str, ...], classes: list[str], unused: set[str]) -> str:
    if kind == "object":
        return _object(schema, path, classes, unused) if _properties(schema) else "dict[str, object]"
    if kind == "array":
        items = cast(Schema, schema.get("items") or {})
        return f"list[{_type(items, (*path, 'item'), classes, unused) if items else 'object'}]"
    return _SIMPLE.get(kind, "object")


def _distinct(alternatives: list[Schema]) -> Iterator[Schema]:
    """Alternatives that are objects become one with all of their members; equal ones are named once."""
    merged: dict[str, object] = {}
    seen: list[Schema] = []
    for alternative in alternatives:
        if _properties(alternative):
            merged.update(_properties(alternative))
        elif alternative not in seen:
            seen.append(alternative)
    yield from seen
    if merged:
        yield {"type": "object", "properties": merged}


def _properties(schema: Schema) -> Mapping[str, object]:
    return cast(Mapping[str, object], schema.get("properties") or {})


def _union(kinds: Iterator[str]) -> str:
    names = list(dict.fromkeys(kinds))
    # None last, as one writes it by hand.
    return " | ".join(sorted(names, key=lambda name: name == "None"))


def _camel(part: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in part).split()
    return "".join(word[0].upper() + word[1:] for word in words)


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        print("usage: python3 -m tools.chart_types CHART_FOLDER", file=sys.stderr)
        return 2
    chart = Path(argv[1])
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    sys.stdout.write(generate(schema, values_read(chart)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
