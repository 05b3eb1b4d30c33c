"""Wrong configurations: each error names its option and the reason, and following the advice leads to a right one."""

from __future__ import annotations

from typing import Any

import pytest

from cilium_lab.config.errors import ConfigErrors
from cilium_lab.config.load import parse
from tests.helpers.bad_configs import BAD, hosts, worker
from tests.helpers.corrections import correct_all, errors_of


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_names_option_and_reason(raw: dict[str, Any], key: str, words: str) -> None:
    found = [error for error in errors_of(raw) if error.key == key]
    assert any(words in error.problem for error in found), [str(e) for e in errors_of(raw)]


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_advice_is_right(raw: dict[str, Any], key: str, words: str) -> None:
    assert errors_of(correct_all(raw)) == ()


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_one_mistake_is_reported_once(raw: dict[str, Any], key: str, words: str) -> None:
    keys = [error.key for error in errors_of(raw)]
    assert len(keys) == len(set(keys)) or key == "hosts", keys


def test_everything_is_reported_at_once() -> None:
    raw = {"ipamMode": "eni", "arch": "mips", "podCidr": "172.31.0.0/16", **worker(address="172.31.1.10"), "x": 1}
    with pytest.raises(ConfigErrors) as caught:
        parse(raw)
    text = str(caught.value)
    assert text.startswith("5 errors in the configuration; nothing was changed:")
    for key in ("ipamMode", "arch", "podCidr", "hosts[1].address", "x"):
        assert f"cilium-lab:{key}: " in text
    assert text.count("right: cilium-lab:") == 5


def test_a_wrong_value_does_not_cause_further_complaints() -> None:
    # The node network can't be read, so nothing is reported about the addresses that should lie in it.
    assert [e.key for e in errors_of({"nodeNetwork": {"cidr": "nonsense"}})] == ["nodeNetwork.cidr"]


def test_the_study_without_its_mistakes_is_right() -> None:
    assert errors_of(hosts()) == ()
