"""The lab's internet: each firewall lets through exactly what was posted, and nobody else talks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dns.message
import pytest
from hcloud import Client
from hcloud.firewalls.client import BoundFirewall
from hcloud.firewalls.domain import FirewallResource, FirewallRule

from lab.control import resolver, services
from lab.control.status import status
from lab.layout import RESOLVERS_V4, RESOLVERS_V6, SERVICES_V4, SERVICES_V6
from tests.lab import wildcards
from tests.lab.conftest import ANYWHERE, PORTS, RULES
from tests.lab.verbs import Place, TestLab

pytestmark = pytest.mark.lab

_UDP = """python3 -c '
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(0.5)
one.connect((address, port))
one.send(b"x")
one.recv(10)
' {address} {port}"""
_DNS = f"""python3 -c '
import socket, sys
address = sys.argv[1]
one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(0.5)
one.connect((address, 53))
one.send(bytes.fromhex("{dns.message.make_query("six.example.org", "AAAA").to_wire().hex()}"))
assert one.recv(2000)[7] == 1
' {{address}}"""
_TCP = "timeout 1 bash -c '</dev/tcp/{address}/{port}'"


def _addresses(lab: TestLab, name: str) -> tuple[str, str]:
    """Return a server's two addresses."""
    server = next(one for one in status(lab.lab)["servers"] if one["name"] == name)
    return server["ipv4"], server["ipv6"]


def _firewall(client: Client) -> BoundFirewall:
    firewall = client.firewalls.get_by_name("dark")
    assert firewall is not None
    return firewall


def _post(lab: TestLab, rules: list[FirewallRule]) -> None:
    """Post a firewall's rules and wait until they are in force."""

    def work(client: Client) -> None:
        for action in _firewall(client).set_rules(rules):
            action.wait_until_finished()

    lab.cloud(work)


@contextmanager
def _posted(lab: TestLab, rules: list[FirewallRule]) -> Iterator[None]:
    """Have other rules in force for a while."""
    _post(lab, rules)
    try:
        yield
    finally:
        _post(lab, RULES)


def _probe_everything(stranger: Place, address: str) -> None:
    for port in (51819, 51824):
        stranger.fail(_UDP.format(address=address, port=port))
    for port in (22, 23):
        stranger.fail(_TCP.format(address=address, port=port))
    stranger.fail(f"ping -c 2 -i 0.2 -W 1 {address}")


def test_the_four_ports_answer_and_nothing_else_does(pair: TestLab) -> None:
    """UDP 51820-51823 get through over both families; other ports, TCP and echo: not a packet."""
    for address in _addresses(pair, "fsn-a"):
        for port in PORTS:
            pair.stranger.wait_until_succeeds(_UDP.format(address=address, port=port), 10)
        assert pair.heard(partial(_probe_everything, pair.stranger, address)) == 0


def test_a_rule_posted_is_a_rule_in_force(pair: TestLab) -> None:
    """Posting tcp 22 and icmp opens exactly them; taking them away closes them again."""
    extra = [
        FirewallRule(direction="in", protocol="tcp", port="22", source_ips=ANYWHERE),
        FirewallRule(direction="in", protocol="icmp", source_ips=ANYWHERE),
    ]
    for address in _addresses(pair, "fsn-a"):
        pair.stranger.fail(_TCP.format(address=address, port=22))
        with _posted(pair, [*RULES, *extra]):
            pair.stranger.wait_until_succeeds(_TCP.format(address=address, port=22), 10)
            pair.stranger.succeed(f"ping -c 1 -W 1 {address}")
            pair.stranger.fail(_UDP.format(address=address, port=51819))
            shut, open_ = (_TCP.format(address=address, port=port) for port in (23, 22))
            assert pair.heard(partial(pair.stranger.fail, shut)) == 0
            assert pair.heard(partial(pair.stranger.succeed, open_)) > 0, "the negative control"
        assert pair.heard(partial(_probe_everything, pair.stranger, address)) == 0


def test_a_rules_sources_are_kept_to(pair: TestLab) -> None:
    """A port posted for one source only answers that one."""
    address = _addresses(pair, "fsn-a")[0]
    for source, verb in (("198.51.100.3/32", "succeed"), ("198.51.100.2/32", "fail")):
        rule = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=[source])
        with _posted(pair, [*RULES, rule]):
            getattr(pair.stranger, verb)(_TCP.format(address=address, port=22))


def test_no_rule_at_all_drops_everything_inbound(pair: TestLab) -> None:
    """A firewall with an empty list of rules shuts the four ports as well."""
    address = _addresses(pair, "hel-a")[0]
    pair.stranger.succeed(_UDP.format(address=address, port=51820))
    with _posted(pair, []):
        # A new source port each time: an old exchange may go on, a new one may not begin.
        pair.stranger.fail(_UDP.format(address=address, port=51820))
    pair.stranger.succeed(_UDP.format(address=address, port=51820))


def test_what_a_server_begins_comes_back(pair: TestLab) -> None:
    """Outbound connections work with no inbound rule for them, and outlive a change of rules."""
    stranger, machine = pair.stranger, pair.on("fsn-a")
    stranger.succeed(
        "setsid --fork python3 -c '"
        'import socket; l = socket.create_server(("198.51.100.3", 7)); c = l.accept()[0]\n'
        "while (d := c.recv(99)): c.sendall(d)' </dev/null >/dev/null 2>&1"
    )
    machine.succeed(
        "systemd-run --unit=talk --property=Restart=no python3 -u -c '"
        "import socket, time\n"
        "for _ in range(50):\n"
        '  try: c = socket.create_connection(("198.51.100.3", 7), 1); break\n'
        "  except OSError: time.sleep(0.1)\n"
        "for n in range(100000):\n"
        '  c.sendall(b"x"); c.recv(9); open("/run/talk", "w").write(str(n)); time.sleep(0.02)\''
    )
    machine.wait_until_succeeds("test -s /run/talk")
    with _posted(pair, []):
        count = int(machine.succeed("cat /run/talk"))
        machine.wait_until_succeeds(f"test $(cat /run/talk) -gt {count + 20}")
    machine.succeed("systemctl stop talk")


def test_without_a_firewall_everything_passes(pair: TestLab) -> None:
    """Detached from its firewall a server answers on 22; attached again it does not."""
    address = _addresses(pair, "hel-a")[0]

    def attach(client: Client, *, to: bool) -> None:
        server = client.servers.get_by_name("hel-a")
        assert server is not None
        resource = FirewallResource(type="server", server=server)
        firewall = _firewall(client)
        done = firewall.apply_to_resources if to else firewall.remove_from_resources
        for action in done([resource]):
            action.wait_until_finished()

    pair.stranger.fail(_TCP.format(address=address, port=22))
    pair.cloud(lambda client: attach(client, to=False))
    try:
        pair.stranger.wait_until_succeeds(_TCP.format(address=address, port=22), 10)
    finally:
        pair.cloud(lambda client: attach(client, to=True))
    pair.stranger.fail(_TCP.format(address=address, port=22))


def test_unassigned_addresses_are_black_holes(pair: TestLab) -> None:
    """Addresses nobody has, and the router's own, answer nothing: no reply, no ICMP error."""
    nobody = (
        *("198.51.100.30", "198.51.100.1", "198.51.100.99", "192.88.99.1"),
        *("2001:db8:1:ffff::1", "2001:db8:7::1"),
    )

    def ask() -> None:
        for address in nobody:
            pair.stranger.fail(f"ping -c 1 -W 1 -t 1 {address}")
            pair.stranger.fail(_TCP.format(address=address, port=22))
            pair.stranger.fail(_UDP.format(address=address, port=51820))

    assert pair.heard(ask) == 0
    known = _addresses(pair, "fsn-a")[0]
    assert pair.heard(lambda: pair.stranger.succeed(_UDP.format(address=known, port=51820))) == 1


def test_a_time_to_live_that_ends_on_the_way_is_silent(pair: TestLab) -> None:
    """No router between stranger and server gives itself away to traceroute."""
    address = _addresses(pair, "fsn-a")[0]

    def trace() -> None:
        for hops in (1, 2):
            pair.stranger.fail(f"ping -c 1 -W 1 -t {hops} {address}")

    assert pair.heard(trace) == 0


def test_public_names_are_asked_of_the_labs_resolver(pair: TestLab) -> None:
    """By UDP and TCP; what nobody knows is denied, and what /etc/hosts knows is not asked."""
    machine, own = pair.on("fsn-a"), _addresses(pair, "fsn-a")
    found = machine.succeed("getent ahosts www.example.org")
    assert {line.split()[0] for line in found.splitlines()} == {SERVICES_V4, SERVICES_V6}
    machine.fail("getent ahosts nowhere.example.org")
    assert "not found" in machine.fail("resolvectl query nowhere.example.org")
    machine.succeed("echo 10.9.9.9 mesh.example.org >>/etc/hosts")
    try:
        assert machine.succeed("getent ahostsv4 mesh.example.org").startswith("10.9.9.9 ")
    finally:
        machine.succeed("sed -i '/mesh.example.org/d' /etc/hosts")
    # Too long for UDP.
    assert "aaaa" in machine.succeed("resolvectl query --type=TXT long.example.org")
    questions = resolver.asked(services.resolver_home(pair.lab))
    mine = {(one.name, one.type, one.transport) for one in questions if one.source in own}
    assert {
        ("www.example.org", "A", "udp"),
        ("www.example.org", "AAAA", "udp"),
        ("nowhere.example.org", "A", "udp"),
        ("long.example.org", "TXT", "udp"),
        ("long.example.org", "TXT", "tcp"),
    } <= mine
    assert not any(name == "mesh.example.org" for name, _, _ in mine)


def test_a_machine_reaches_each_resolver_that_it_is_told_of(pair: TestLab) -> None:
    """Both of each family answer; an address of theirs that the lab has not does not."""
    machine, own = pair.on("fsn-a"), _addresses(pair, "fsn-a")
    home = services.resolver_home(pair.lab)
    before = len(resolver.asked(home))
    for address in (*RESOLVERS_V4, *RESOLVERS_V6):
        machine.succeed(f"resolvectl status eth0 | grep -qw {address}")
        machine.succeed(_DNS.format(address=address))
    machine.fail(_DNS.format(address="1.0.0.1"))
    asked = resolver.asked(home)[before:]
    assert {one.source for one in asked if one.name == "six.example.org"} == set(own)


def test_a_machine_answers_its_neighbours_as_debians_does(pair: TestLab) -> None:
    """LLMNR is on, on every address: what Backplane's first boot turns off is there to turn off."""
    waiting = set(wildcards.waiting(str(pair.machine("fsn-a").leader)))
    assert {("udp", 5355), ("tcp", 5355), ("tcp", 22)} <= waiting


def test_nobody_sends_with_an_address_of_others(pair: TestLab) -> None:
    """A server that forges its source is not heard; with its own it is. A stranger neither."""
    machine = pair.on("fsn-a")
    forged = ("198.51.100.29", "2001:db8:1:fffe::1")
    machine.succeed("; ".join(f"ip address add {address} dev lo" for address in forged))
    targets = ("198.51.100.3", "2001:db8:0:3::3")
    try:
        for source, target in zip(forged, targets, strict=True):
            call = f"ping -c 1 -W 1 -I {source} {target}"
            assert pair.heard(partial(machine.fail, call)) == 0
            assert pair.heard(partial(machine.succeed, f"ping -c 1 -W 1 {target}")) > 0
    finally:
        machine.succeed("; ".join(f"ip address del {address} dev lo" for address in forged))


def test_the_runner_is_reached_by_nobody(pair: TestLab) -> None:
    """The runner calls whom it likes; neither stranger nor server can begin towards it."""
    pair.runner.succeed("ping -c 1 -W 1 198.51.100.3")
    pair.stranger.fail("ping -c 1 -W 1 198.51.100.2")
    pair.on("fsn-a").fail("ping -c 1 -W 1 198.51.100.2")


def test_status_shows_what_is_in_force(pair: TestLab) -> None:
    """The posted rules equal UDP 51820-51823 for everybody, and status says the same."""
    servers = json.loads(json.dumps(status(pair.lab)))["servers"]
    assert [server["name"] for server in servers] == ["fsn-a", "hel-a"]
    for server in servers:
        assert server["status"] == "running"
        assert [
            (rule["direction"], rule["protocol"], rule["port"]) for rule in server["rules"]
        ] == [("in", "udp", str(port)) for port in PORTS]
        assert all(sorted(rule["source_ips"]) == sorted(ANYWHERE) for rule in server["rules"])
