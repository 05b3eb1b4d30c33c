"""What a command of the study is, and how its expectation follows from the lab that it runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from cilium_lab.checks.expectation import Expectation

CONTROL_PLANE, WORKER_1, WORKER_2, ROUTER = "k8s-cp", "k8s-w1", "k8s-w2", "router"
HOSTS = {CONTROL_PLANE: "172.31.1.10", WORKER_1: "172.31.1.11", WORKER_2: "172.31.1.12", ROUTER: "172.31.1.20"}
"""The study's hosts, whose names and addresses stand in its commands."""
_ADDRESS = r"\d+\.\d+\.\d+\.\d+"


@dataclass(frozen=True)
class Command:
    """One command as the study types it. What has no expectation is not run."""

    typed: str
    shows: str
    """What the study shows for it, in short."""
    expect: tuple[str, ...] = ()
    """Regular expressions, each found in what it prints; `<pod>` and its like stand for this lab's values."""
    why: str = ""
    """Why it does not run, why `instead` runs, or how its output differs. Empty: as in the study."""
    host: str = CONTROL_PLANE
    """Where it runs."""
    instead: str = ""
    """What is run in its place: bounded in time, without a terminal, without a change."""
    mode: str = ""
    """The only IPAM mode in which the study shows this."""
    needs: str = ""
    """A program that its host may lack."""
    limit: int = 15
    """Seconds that it may take."""

    @property
    def script(self) -> str:
        """What runs; empty where nothing does."""
        return (self.instead or self.typed) if self.expect else ""


@dataclass(frozen=True)
class Section:
    """Commands under a title of the study."""

    title: str
    commands: tuple[Command, ...]


def values(want: Expectation) -> dict[str, str]:
    """What the words in angle brackets of an expectation stand for on this lab, as regular expressions."""
    pools = [IPv4Network(cidr) for cidr in want.pod_ranges]
    own = IPv4Network(want.kubernetes_range)
    used = [own] if want.ipam_mode == "kubernetes" else [cidr for cidr in pools if cidr != own]
    return {
        "mode": re.escape(want.ipam_mode),
        "pod": _any(used),
        "kubernetes-address": _any([own]),
        "mask": str(want.node_mask),
        "kubernetes-range": re.escape(str(own)),
        "native-range": re.escape(want.native_range),
        "address": _ADDRESS,
        "cilium": re.escape(want.cilium_version),
        "interface": re.escape(want.router_interface),
        "page": re.escape(want.router_page),
        "nodes": str(len(want.nodes)),
    }


def patterns(command: Command, want: Expectation) -> tuple[str, ...]:
    """The command's expectation on this lab. Raises KeyError for a word that stands for nothing."""
    known = values(want)
    return tuple(re.sub(r"(?<!\?)<([a-z-]+)>", lambda word: known[word[1]], text) for text in command.expect)


def _any(networks: list[IPv4Network]) -> str:
    """Matches an address whose leading whole octets are those of one of the networks."""
    return f"(?:{'|'.join(map(_inside, networks))})"


def _inside(network: IPv4Network) -> str:
    whole = network.prefixlen // 8
    fixed = [re.escape(octet) for octet in str(network.network_address).split(".")[:whole]]
    return r"\.".join([*fixed, *[r"\d+"] * (4 - whole)])
