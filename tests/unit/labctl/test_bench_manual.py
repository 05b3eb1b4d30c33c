"""The study's procedure in the record: its STEP lines become events."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

from cilium_lab.disruption.report.reading import read_record
from cilium_lab.disruption.report.steps import steps
from cilium_lab.disruption.run_directory import Folder
from labctl.bench import manual


def test_steps_of_the_script_become_steps_of_the_record(tmp_path: Path) -> None:
    folder = Folder.new(tmp_path, "manual")
    script = "echo STEP helm upgrade; echo words; echo STEP restart the agents; echo more; echo STEP end"
    log = io.StringIO()
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        # what calls it runs the script in a lab
        manual._follow(process, folder, log)  # pyright: ignore[reportPrivateUsage]
    folder.change("kubernetes", "cluster-pool")
    folder.end("done")
    found = steps(read_record(folder.path))
    assert [(step.stage, step.complete) for step in found] == [("helm upgrade", True), ("restart the agents", True)]
    assert "words\n" in log.getvalue()


def test_the_document_is_what_the_probes_read(tmp_path: Path) -> None:
    """The program itself, up to the point where it would need a cluster."""
    hosts = {
        "nodes": {"k8s-cp": "127.0.0.1"},
        "inside": ["k8s-cp"],
        "router": "router",
        "routerAddress": "127.0.0.1",
        "behind": "10.10.1.200",
        "key": "none",
        "knownHosts": "",
    }
    document = json.dumps({"kubeconfig": "{}", "hosts": hosts})
    words = [sys.executable, "-m", "cilium_lab.disruption", "begin", str(tmp_path)]
    done = subprocess.run(words, input=document, text=True, capture_output=True, env={"PATH": "/nonexistent"})
    assert (done.returncode, done.stderr.startswith("the probes: kubectl proxy")) == (1, True), done.stderr
    assert subprocess.run([*words[:3], "dance"], input="", text=True, capture_output=True).returncode == 2
