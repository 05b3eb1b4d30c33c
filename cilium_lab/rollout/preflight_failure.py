"""A reason why a road is closed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why the cluster cannot get there, and what the user may do."""

    what: str
    instead: str
    passing: bool = False
    """It may go by itself: something is only on its way up."""

    def __str__(self) -> str:
        return f"{self.what}; {self.instead}"


Refusals = tuple[Refusal, ...]
