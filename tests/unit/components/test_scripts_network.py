"""The router's script and the static route, on a network of their own, with a stand-in that starts systemd's units."""

from __future__ import annotations

import subprocess

import pytest

from tests.helpers.script_sandbox import NAME, Sandbox, needs_root

pytestmark = needs_root

# restart runs a unit's program and waits, start leaves it running: what systemd does with a oneshot and a server
_SYSTEMCTL = """
program=$(sed -n 's/^ExecStart=//p' "/etc/systemd/system/${!#}" 2> /dev/null)
case $1 in
    restart) $program ;;
    start) [ -e "/run/${!#}" ] || { touch "/run/${!#}"; setsid $program > /dev/null 2>&1 < /dev/null 9>&- & } ;;
esac
"""
_LINKS = ("loop1=10.10.1.200/24", "loop2=10.10.2.200/24")


@pytest.fixture
def host(sandbox: Sandbox) -> Sandbox:
    """A host with an address on the node network."""
    sandbox.stand_in("systemctl", _SYSTEMCTL)
    # busybox httpd -f -p 80 -h FOLDER
    sandbox.stand_in("busybox", 'exec /usr/bin/python3 -m http.server "$4" --directory "$6"')
    for words in (
        "link add ens160 type veth peer name wire",
        "link set ens160 up",
        "link set wire up",
        "address add 172.31.1.11/20 dev ens160",
    ):
        done = sandbox.run("ip", *words.split())
        assert done.returncode == 0, done.stderr
    return sandbox


def ip(host: Sandbox, *words: str) -> str:
    return host.run("ip", *words).stdout


def route(host: Sandbox, gateway: str = "172.31.1.20") -> subprocess.CompletedProcess[str]:
    return host.run("host/static-route.sh", "10.10.0.0/16", gateway, "ens160")


def test_the_route_is_there_now_and_after_a_reboot(host: Sandbox) -> None:
    done = route(host)
    assert done.returncode == 0, done.stderr
    assert "10.10.0.0/16 via 172.31.1.20 dev ens160" in ip(host, "route")
    assert "systemctl enable -q cilium-lab-route.service" in host.calls()
    ip(host, "route", "delete", "10.10.0.0/16")
    host.run("systemctl", "restart", "cilium-lab-route.service")  # as at a boot
    assert "10.10.0.0/16 via 172.31.1.20 dev ens160" in ip(host, "route")


def test_a_second_static_route_changes_nothing(host: Sandbox) -> None:
    route(host)
    before = host.written(), ip(host, "route")
    assert route(host).returncode == 0
    assert (host.written(), ip(host, "route")) == before


def test_another_router_replaces_the_first(host: Sandbox) -> None:
    route(host)
    route(host, "172.31.1.21")
    assert ip(host, "route", "show", "10.10.0.0/16").split()[:3] == ["10.10.0.0/16", "via", "172.31.1.21"]


def test_a_gateway_that_cannot_be_reached_fails(host: Sandbox) -> None:
    assert route(host, "192.0.2.1").returncode != 0


def addresses(host: Sandbox) -> dict[str, list[str]]:
    """The IPv4 addresses of links made by the script, by name."""
    listed = [line.split() for line in ip(host, "-br", "-4", "address").splitlines()]
    return {words[0]: words[2:] for words in listed if words[0] not in ("lo", "ens160@wire")}


def test_the_router_forwards_answers_and_serves(host: Sandbox) -> None:
    done = host.run("host/router.sh", *_LINKS)
    assert done.returncode == 0, done.stderr
    assert addresses(host) == {"loop1": ["10.10.1.200/24"], "loop2": ["10.10.2.200/24"]}
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    for address in ("10.10.1.200", "172.31.1.11"):
        served = host.run("curl", "-sf", f"http://{address}/")
        assert served.stdout == f"<h1>Web Server : {NAME}</h1>\n"


def test_a_second_router_run_changes_nothing(host: Sandbox) -> None:
    host.run("host/router.sh", *_LINKS)
    before = host.written(), ip(host, "-4", "address")
    done = host.run("host/router.sh", *_LINKS)
    assert done.returncode == 0, done.stderr
    assert (host.written(), ip(host, "-4", "address")) == before


def test_links_follow_the_configuration_and_leave_others_alone(host: Sandbox) -> None:
    host.run("host/router.sh", *_LINKS)
    done = host.run("host/router.sh", "loop2=10.10.3.1/24", "loop3=10.10.4.1/24")
    assert done.returncode == 0, done.stderr
    assert addresses(host) == {"loop2": ["10.10.3.1/24"], "loop3": ["10.10.4.1/24"]}
    assert "172.31.1.11/20" in ip(host, "address", "show", "ens160")


def test_apache_is_used_where_it_is(host: Sandbox) -> None:
    host.stand_in("httpd")
    host.stand_in("curl")
    host.run("mkdir", "-p", "/var/www/html")
    assert host.run("host/router.sh", *_LINKS).returncode == 0
    assert host.path("/var/www/html/index.html").read_text() == f"<h1>Web Server : {NAME}</h1>\n"
    assert "systemctl start httpd.service" in host.calls()
    assert not host.path("/srv/cilium-lab-web").exists()


def test_a_web_server_that_does_not_answer_is_reported(host: Sandbox) -> None:
    host.stand_in("busybox", "exit 1")
    host.run("sed", "-i", "s/until_true 15/until_true 1/", "/scripts/host/router.sh")
    done = host.run("host/router.sh", *_LINKS)
    assert done.returncode == 1
    assert "failed: waiting for: the web server answers" in done.stderr


def test_names_of_hosts_that_came_later_are_known_and_nothing_is_written_twice(host: Sandbox) -> None:
    names = "127.0.0.1 localhost\n172.31.1.11 k8s-w1\n172.31.1.13 k8s-w3\n"
    done = host.run("host/hosts-file.sh", stdin=names)
    assert (done.returncode, done.stderr) == (0, f"{NAME}: knows the names of all hosts\n")
    assert host.written()["/etc/hosts"] == (0o644, names)
    assert host.run("getent", "hosts", "k8s-w3").stdout.split() == ["172.31.1.13", "k8s-w3"]
    again = host.run("host/hosts-file.sh", stdin=names)
    assert (again.returncode, again.stderr) == (0, "")
