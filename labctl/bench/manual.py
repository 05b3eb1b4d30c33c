"""The study's own procedure under the same probes, there and back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cilium_lab.disruption.run_directory import RECORDS, Folder
from cilium_lab.paths import CURRENT, ROOT
from labctl import session
from labctl.bench.stack import BenchError, Stack
from sandbox import sandbox as room

_SCRIPT = Path(__file__).with_name("manual.sh")
_CHART = CURRENT / "bundle" / "charts" / "cilium"
_RANGES = {"kubernetes": "192.168.0.0/16", "cluster-pool": "172.20.0.0/16"}
"""The study's."""
_LONGEST = 1080.0
"""Seconds; the probes ask for twenty minutes at most."""


def there_and_back(stack: Stack) -> Iterator[tuple[str, Path]]:
    """(name, folder of the record) of each way. Raises BenchError."""
    yield "by hand", _run(stack, "there", ("kubernetes", "cluster-pool"))
    yield "by hand, back", _run(stack, "back", ("cluster-pool", "kubernetes"))
    for node, routes in _dead_routes(stack).items():
        print(f"left on {node} by the procedure by hand, and removed: {'; '.join(routes)}", flush=True)


def _dead_routes(stack: Stack) -> dict[str, list[str]]:
    """Remove the routes into the range that nobody has an address of any more; what they were, by node.

    An agent takes a peer's route off when the CiliumNode loses the block. One that was down when the CiliumNode was
    deleted never learns of it, and a staged migration is stopped by such a route: another node may get that block.
    """
    script = (
        f"ip -4 route show root {_RANGES['cluster-pool']} |"
        " while read -r to rest; do ip route del $to; echo $to $rest; done"
    )
    nodes = [node["metadata"]["name"] for node in stack.kubectl("get", "nodes")["items"]]
    found = {node: session.output(["ssh", "-F", session.SSH_CONFIG, node, script]).splitlines() for node in nodes}
    return {node: routes for node, routes in found.items() if routes}


def _run(stack: Stack, way: str, modes: tuple[str, str]) -> Path:
    folder = Folder.new(RECORDS, "manual")
    folder.change(*modes)
    document = json.dumps(_document())
    _probes("begin", folder, document)
    log = stack.folder / f"manual-{way}.log"
    with log.open("w") as stream:
        words = room.command([_SCRIPT, way, _CHART, modes[1], _RANGES[modes[1]]], Path("/"))
        process = subprocess.Popen(
            words, env=session.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream, text=True
        )
        try:
            _follow(process, folder, stream)
        finally:
            process.kill()
    code = process.wait()
    _probes("end", folder, document)
    folder.end("done" if code == 0 else f"exit status {code}")
    if code:
        raise BenchError(f"the manual procedure ({way}) ended with {code}: {log}")
    return folder.path


def _follow(process: subprocess.Popen[str], folder: Folder, log: Any) -> None:
    """Turn the script's STEP lines into events; everything goes to the log."""
    assert process.stdout is not None
    limit = time.monotonic() + _LONGEST
    step, since = "", time.monotonic()
    for line in process.stdout:
        log.write(line)
        log.flush()
        if line.startswith("STEP "):
            now = time.monotonic()
            if step:
                folder.event(step, "", "done", now - since, "")
            step, since = line.removeprefix("STEP ").strip(), now
            if step != "end":
                folder.event(step, "", "begins", 0.0, "")
        if time.monotonic() > limit:
            raise BenchError(f"the manual procedure takes longer than {_LONGEST:.0f} s")
    process.wait()


def _probes(what: str, folder: Folder, document: str) -> None:
    python = ROOT / ".venv" / "bin" / "python"
    words = room.command([python, "-m", "cilium_lab.disruption", what, folder.path], ROOT)
    done = subprocess.run(words, env=session.environment(), input=document, text=True, capture_output=True)
    if done.returncode:
        raise BenchError(f"the probes ({what}): {done.stderr.strip()[-600:]}")


def _document() -> dict[str, object]:
    """How to get into the lab, from the files that `./lab ssh` and `./lab kubectl` use."""
    want: dict[str, Any] = json.loads(session.EXPECTATION.read_text())
    workers = [name for name in want["nodes"] if name != want["control_plane"]]
    hosts = {
        "nodes": want["nodes"],
        "inside": [want["control_plane"], *workers[:1]],
        "router": want["router"],
        "routerAddress": want["router_address"],
        "behind": want["router_study_address"],
        "key": session.SSH_KEY.read_text(),
        "knownHosts": session.KNOWN_HOSTS.read_text(),
    }
    return {"kubeconfig": session.KUBECONFIG.read_text(), "hosts": hosts}
