"""Watches the machine's own interfaces for packets with an address of the lab."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

LAB_RANGES = ("172.31.0.0/20", "10.10.0.0/16", "192.168.0.0/16", "172.20.0.0/16", "10.96.0.0/12")


def own_addresses() -> list[str]:
    """The machine's own IPv4 addresses, whose traffic is not the lab's even if it lies in such a range."""
    done = subprocess.run(["ip", "-4", "-o", "address"], capture_output=True, text=True, check=True)
    return [line.split()[3].partition("/")[0] for line in done.stdout.splitlines()]


class Capture:
    """tcpdump on all interfaces of the machine's own network namespace, as a context manager."""

    def __enter__(self) -> Capture:
        self._file = Path(tempfile.mkstemp(suffix=".pcap")[1])
        ranges = " or ".join(f"net {cidr}" for cidr in LAB_RANGES)
        excluded = "".join(f" and not host {address}" for address in own_addresses())
        words = ["tcpdump", "-n", "-U", "-i", "any", "-w", str(self._file), f"({ranges}){excluded}"]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        # it says so when it listens; packets before that would be missed
        while b"listening on" not in (line := self._process.stderr.readline()):
            assert line, f"tcpdump did not start: exit status {self._process.wait()}"
        return self

    def packets(self) -> list[str]:
        """What was seen so far, one line a packet."""
        read = ["tcpdump", "-n", "-r", str(self._file)]
        return subprocess.run(read, capture_output=True, text=True, check=True).stdout.splitlines()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        self._file.unlink()
