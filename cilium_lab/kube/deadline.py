"""How long answers may take: a condition's timeout bounds every request that its assessment makes.

Client and ssh read the limit, conditions set it: it is a module of its own so that none of them imports the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Every request that is made inside ends within `seconds` from now; of two limits the earlier one counts."""
    token = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left(most: float) -> float:
    """How many seconds a request may take now: `most`, or less under a limit; 0 when that is over."""
    return max(0.0, min(most, _deadline.get() - time.monotonic()))


def concurrently(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`call` of each item, eight at a time, under the caller's limit. Raises what a call raises."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        tasks = [pool.submit(copy_context().run, call, item) for item in items]
        return [task.result() for task in tasks]
