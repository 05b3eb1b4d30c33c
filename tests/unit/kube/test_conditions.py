"""The one loop that waits: what it reports meanwhile, when it ends, and what counts as a condition that fails."""

from __future__ import annotations

import pytest

from cilium_lab.kube.client import ApiError
from cilium_lab.kube.conditions import Clock, Condition, ConditionTimeout, Event, Result, Waiter, assess, met, unmet
from cilium_lab.kube.deadline import seconds_left, time_limit


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clock = Clock(lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_condition_that_comes_true_is_reported_with_its_seconds_and_its_evidence() -> None:
    time, told, events = Time(), list[str](), list[Event]()
    waiter = Waiter(told.append, time.clock, events.append, stage="4 move-node")
    assess_at = Condition("pods back", lambda: met("3 pods") if time.now >= 25 else unmet_now(), 60.0, "k8s-w1")
    assert waiter.wait(assess_at).seen == "3 pods"
    assert [event.what for event in events] == ["waiting: pods back", "waiting: pods back", "pods back"]
    assert told[-1].split() == ["4", "move-node", "k8s-w1", "25.2", "s", "pods", "back:", "3", "pods"]
    assert (events[-1].stage, events[-1].node, round(events[-1].seconds, 1)) == ("4 move-node", "k8s-w1", 25.2)


def unmet_now() -> Result:
    return unmet(expected="3 pods", seen="2 pods", next="`kubectl get pods`")


def test_a_condition_that_does_not_hold_ends_the_wait_with_all_that_helps() -> None:
    time = Time()
    with pytest.raises(ConditionTimeout) as caught:
        Waiter(lambda _: None, time.clock).wait(Condition("pods back", unmet_now, 60.0, "k8s-w1"))
    assert 60 <= time.now < 61
    assert str(caught.value).splitlines() == [
        "pods back on k8s-w1: not within 60 s",
        "  expected: 3 pods",
        "  seen:     2 pods",
        "  next:     `kubectl get pods`",
    ]


@pytest.mark.parametrize("error", [ApiError("GET /x", 503, "starting"), KeyError("items"), ValueError("no address")])
def test_an_answer_that_is_missing_or_strange_is_a_condition_that_does_not_hold(error: Exception) -> None:
    def broken() -> Result:
        raise error

    result = assess(Condition("answers", broken))
    assert not result.ok
    assert str(error) in result.seen


def test_requests_of_an_assessment_have_what_is_left_of_the_timeout_and_two_seconds_at_least() -> None:
    time, left = Time(), list[float]()

    def look() -> Result:
        left.append(seconds_left(3600.0))
        return unmet_now()

    with pytest.raises(ConditionTimeout):
        Waiter(lambda _: None, time.clock, pause=20.0).wait(Condition("answers", look, 60.0))
    assert [round(seconds) for seconds in left] == [60, 40, 20, 2]
    assess(Condition("answers", look, 7.0))
    assert round(left[-1]) == 7
    assert seconds_left(3600.0) == 3600.0


def test_of_two_limits_the_earlier_one_counts() -> None:
    with time_limit(50.0):
        with time_limit(100.0):
            assert 49 < seconds_left(3600.0) <= 50
        with time_limit(5.0):
            assert 4 < seconds_left(3600.0) <= 5
        assert 49 < seconds_left(3600.0) <= 50
        assert seconds_left(1.0) == 1.0
    with time_limit(-1.0):
        assert seconds_left(3600.0) == 0.0
