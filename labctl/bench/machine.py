"""What the machine's processors did while something was measured, by the kernel's own counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_IDLE = ("idle", "iowait")
_FIELDS: tuple[str, ...] = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""The first columns of proc_stat(5); the others are contained in these."""


@dataclass(frozen=True)
class Load:
    """Shares of all processors' time, 0 to 1."""

    busy: float
    stolen: float
    """Taken by the hypervisor for others, while there was something to do."""
    waited: float | None
    """Share of the time in which a task was ready and had no processor; None where the kernel does not tell (PSI)."""

    def __str__(self) -> str:
        waited = "" if self.waited is None else f", tasks waited for one {self.waited:.0%} of the time"
        return f"processors {self.busy:.0%} busy, {self.stolen:.1%} stolen by the hypervisor{waited}"


@dataclass(frozen=True)
class Counts:
    """At one moment, since boot."""

    ticks: dict[str, int]
    waited_us: int | None
    uptime_us: float

    @classmethod
    def read(cls, proc: Path = Path("/proc")) -> Counts:
        """Raises OSError."""
        numbers = (proc / "stat").read_text().splitlines()[0].split()[1:]
        ticks = dict(zip(_FIELDS, map(int, numbers), strict=False))
        uptime = float((proc / "uptime").read_text().split()[0])
        return cls(ticks, _waited(proc / "pressure/cpu"), uptime * 1e6)

    def until(self, later: Counts) -> Load:
        """What was between the two."""
        spent = {name: later.ticks[name] - count for name, count in self.ticks.items()}
        total = max(1, sum(spent.values()))
        waited = None
        if self.waited_us is not None and later.waited_us is not None:
            waited = (later.waited_us - self.waited_us) / max(1.0, later.uptime_us - self.uptime_us)
        idle = sum(spent.get(name, 0) for name in _IDLE)
        return Load(1 - idle / total, spent.get("steal", 0) / total, waited)


def _waited(path: Path) -> int | None:
    """The total of the line `some` in microseconds."""
    try:
        some = path.read_text().splitlines()[0]
    except OSError:
        return None
    return int(some.rpartition("total=")[2])
