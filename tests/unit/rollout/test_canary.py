"""What the canary finds, from its script's output."""

from __future__ import annotations

from ipaddress import IPv4Address

from cilium_lab.rollout import canary
from cilium_lab.rollout.request import Canary
from tests.helpers.migration_world import pod, world


def test_what_the_canary_finds() -> None:
    tried = Canary("tools:1", ("http://a/",), ("web.default",), "default/web")
    echo = pod("web-1", "k8s-w1", "192.168.1.7", labels={"app": "web"})
    assert canary.echo_pods(tried, world(pods=(echo, pod("x", "k8s-w1", "192.168.1.8")))) == (echo,)
    me = IPv4Address("172.20.0.9")
    good = "page http://a/ 404\nname web.default 10.96.0.1\necho 192.168.1.7 RemoteAddr: 172.20.0.9:4711\n"
    assert canary.judge(tried, (echo,), good, me) == canary.Answers(3, {})
    bad = "page http://a/ 000\nname web.default none\necho 192.168.1.7 RemoteAddr: 172.31.1.10:4711\n"
    failed = canary.judge(tried, (echo,), bad, me).failed
    assert [words.split()[0] for words in failed.values()] == ["http://a/", "web.default", "default/web-1"]
    assert "not 172.20.0.9" in failed[canary.ECHO]
    assert len(canary.judge(tried, (echo,), "", me).failed) == 3


def test_what_had_no_answer_before_is_not_repeated() -> None:
    tried = Canary("tools:1", ("http://a/", "http://b/"), ("web.default",), "default/web")
    me = IPv4Address("172.20.0.9")
    echo = pod("web-1", "k8s-w1", "192.168.1.7", labels={"app": "web"})
    before = canary.judge(tried, (echo,), "page http://a/ 200\npage http://b/ 000\nname web.default 10.96.0.1\n", me)
    left = canary.without(tried, before.failed)
    assert left == Canary("tools:1", ("http://a/",), ("web.default",), None)
    assert canary.without(tried, ()) == tried
    assert canary.judge(
        left, canary.echo_pods(left, world(pods=(echo,))), "page http://a/ 000\n", me
    ).failed.keys() == {
        "page http://a/",
        "name web.default",
    }
