"""The checks that capture: a healthy answer, answers that must make each one fail, and the scripts with stand-ins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.checks import captures
from cilium_lab.kube.ssh import HostError
from tests.helpers.fake_lab import CURL_PODS, ONE, PODS, WANT, WEBPODS, FakeLab, assert_fails, items, look, pod

POD, NODE, OTHER, ROUTER = "192.168.0.5", "172.31.1.10", "172.31.1.11", "172.31.1.20"


def shown(source: str, destination: str, what: str) -> dict[str, Any]:
    line = f"16:28:31.055425 IP {source} > {destination}: {what}\n" if source else ""
    return {**PODS, f"SSH k8s-cp .*|\n.*{destination}": line}


def test_a_ping_of_a_node_keeps_its_source_with_native_routing_alone() -> None:
    kept, masqueraded = shown(POD, OTHER, "ICMP echo request"), shown(NODE, OTHER, "ICMP echo request")
    assert look(captures.ping_of_a_node, kept).ok
    assert_fails(look(captures.ping_of_a_node, masqueraded), NODE)
    tunnel = replace(WANT, routing="vxlan")
    assert look(captures.ping_of_a_node, masqueraded, tunnel).ok
    assert_fails(look(captures.ping_of_a_node, kept, tunnel), POD)


@pytest.mark.parametrize(("check", "port"), [(captures.ping_of_the_router, ""), (captures.udp_to_the_router, ".41234")])
def test_what_goes_to_the_router_has_the_nodes_source(check: Any, port: str) -> None:
    assert look(check, shown(f"{NODE}{port}", ROUTER, "whatever")).ok
    assert_fails(look(check, shown(f"{POD}{port}", ROUTER, "whatever")), POD)
    assert_fails(look(check, shown(f"{OTHER}{port}", ROUTER, "whatever")), OTHER)
    assert_fails(look(check, shown("", ROUTER, "")), "no such packet")


def test_a_curl_pod_on_another_node_is_told_and_not_waited_for() -> None:
    lab = FakeLab({CURL_PODS: items(pod("curl-pod", POD, "k8s-w1"))})
    with pytest.raises(ValueError, match="curl-pod is on k8s-w1"):
        captures.ping_of_the_router(WANT, lab)


REQUEST = f"    4   0.000812 {POD} → 192.168.1.7 HTTP 143 GET / HTTP/1.1 "
ANSWER = f"    6   0.001300 192.168.1.7 → {POD} HTTP 460 HTTP/1.1 200 OK  (text/plain)"
SYN = f"    1   0.000000 {POD} → 192.168.1.7 TCP 74 47312 → 80 [SYN] Seq=0"


def test_a_capture_that_termshark_reads() -> None:
    assert look(captures.capture_is_read, {**PODS, "SSH k8s-cp": f"{SYN}\n{REQUEST}\n{ANSWER}\n"}).ok


@pytest.mark.parametrize(
    ("listing", "word"),
    [
        ("", "0 packets"),
        (f"{SYN}\n{REQUEST}\n", "200 OK"),
        (f"{SYN}\n{ANSWER}\n", "GET"),
        (f"{REQUEST.replace(POD, NODE)}\n{ANSWER.replace(POD, NODE)}\n", "none with"),
        (f"{REQUEST}\n{ANSWER.replace('200 OK', '503 Busy')}\n", "200 OK"),
    ],
)
def test_a_capture_without_request_or_answer_fails(listing: str, word: str) -> None:
    assert_fails(look(captures.capture_is_read, {**PODS, "SSH k8s-cp": listing}), word)


def test_the_capture_is_of_a_webpod_on_another_node() -> None:
    here = pod("webpod-0", "192.168.0.9", "k8s-cp")
    lab = FakeLab({WEBPODS: items(here, ONE), CURL_PODS: PODS[CURL_PODS], "SSH k8s-cp": f"{REQUEST}\n{ANSWER}\n"})
    assert captures.capture_is_read(WANT, lab).ok
    assert not any("192.168.0.9" in request for request in lab.requests)
    with pytest.raises(ValueError, match="no ready webpod on another node"):
        captures.capture_is_read(WANT, FakeLab({WEBPODS: items(here), CURL_PODS: PODS[CURL_PODS]}))


_TCPDUMP = """\
echo "tcpdump: listening on ens160" >&2
while [ ! -e "$FOLDER/sent" ]; do sleep 0.02; done
for word in "$@"; do case $word in */http.pcap) echo 'HTTP/1.1 200 OK' > "$word"; sleep 9 ;; esac; done
echo '1.0 IP 172.31.1.10 > 172.31.1.20: ICMP echo request'
"""
_KUBECTL = """\
echo "$*" >> "$FOLDER/calls"
touch "$FOLDER/sent"
"""


def run(folder: Path, script: str, programs: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The script with these stand-ins and a folder for temporary files of its own."""
    (folder / "tmp").mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "FOLDER": str(folder), "TMPDIR": str(folder / "tmp")}
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, env=environment, timeout=20)


def test_the_packet_is_sent_once_tcpdump_listens_and_nothing_stays(tmp_path: Path) -> None:
    script = captures.packet_script("ens160", captures.ping(ROUTER, 71))
    done = run(tmp_path, script, {"tcpdump": _TCPDUMP, "kubectl": _KUBECTL})
    assert captures.sources(done.stdout) == [NODE], done.stderr
    assert f"exec curl-pod -- ping -c 2 -i 0.3 -W 1 -s 71 {ROUTER}" in (tmp_path / "calls").read_text()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_tcpdump_that_does_not_start_fails_in_its_own_words(tmp_path: Path) -> None:
    script = captures.packet_script("ens160", captures.ping(ROUTER, 71))
    refused = "echo 'tcpdump: ens160: No such device exists' >&2; exit 1"
    done = run(tmp_path, script, {"tcpdump": refused, "kubectl": _KUBECTL})
    assert done.returncode == 1
    assert "No such device exists" in done.stderr
    assert not (tmp_path / "sent").exists()
    lab = {**PODS, "SSH k8s-cp": HostError(f"k8s-cp: exit status 1: {done.stderr}")}
    with pytest.raises(HostError, match="No such device"):
        look(captures.ping_of_the_router, lab)


def test_the_page_is_read_before_the_capture_ends(tmp_path: Path) -> None:
    script = captures.pages_script("ens160", POD, "192.168.1.7")
    programs = {"tcpdump": _TCPDUMP, "kubectl": _KUBECTL, "termshark": 'echo "read $*"; cat "$2"'}
    done = run(tmp_path, script, programs)
    assert done.stdout.startswith("read -r "), done.stderr
    assert "HTTP/1.1 200 OK" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []
