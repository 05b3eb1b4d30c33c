"""Print the Pulumi packages of this Python, each with the pulumi-plugin.json that it carries, as a JSON list."""

import importlib.metadata
import importlib.util
import json
import pathlib
import re

MANIFEST = "pulumi-plugin.json"


def manifest(distribution, name):
    """The path of a package's pulumi-plugin.json, or None."""
    for file in distribution.files or []:
        if file.name == MANIFEST and len(file.parts) == 2:
            return pathlib.Path(file.locate())
    if not name.startswith("pulumi-"):
        return None
    spec = importlib.util.find_spec(name.replace("-", "_"))  # an editable install lists no files
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((path for path in (pathlib.Path(f) / MANIFEST for f in folders) if path.exists()), None)


found = {}
for distribution in importlib.metadata.distributions():
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
    if not name or name in found or name == "pulumi-policy":  # a policy pack's SDK has no plugin
        continue
    path = manifest(distribution, name)
    if path or name.startswith("pulumi-"):
        plugin = json.loads(path.read_text(encoding="utf-8")) if path else None
        found[name] = {"name": name, "version": distribution.version, "plugin": plugin}
print(json.dumps(list(found.values())))
