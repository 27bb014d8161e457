"""Names on management: asked from every node, written by their owners alone, there without DNS."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hcloud import Client

from lab.control import resolver, services
from lab.process import wait_until
from tests.lab.mesh import Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
SERVERS = ("fsn-a", "hel-a")
ZONES = {"mgmt": "management", "mon": "monitoring", "store": "storage"}
GUEST = "printer.mgmt"
UPDATES = 5300
PUBLIC = "www.example.org"
AT_ONCE = 1.0
"""Seconds within which a name resolves, whichever DNS node is down."""


def _address(mesh: Mesh, node: str, slot: str = "management") -> str:
    address: str = mesh.outputs()["nodes"][node]["addresses"][slot]["ipv4"]
    return address


def _expected(told: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """(name, type) to answers, of every name of every zone, forward and back."""
    found: dict[tuple[str, str], set[str]] = {}
    for node, about in told["nodes"].items():
        for zone, slot in ZONES.items():
            own = about["addresses"][slot]
            for kind, address in (("A", own["ipv4"]), ("AAAA", own["ipv6"])):
                found[f"{node}.{zone}", kind] = {address}
                pointer = ipaddress.ip_address(address).reverse_pointer
                found[pointer, "PTR"] = {f"{node}.{zone}."}
    for name, owners in told["dns"]["services"].items():
        slot = ZONES[name.rpartition(".")[2]]
        own = [told["nodes"][owner]["addresses"][slot] for owner in owners]
        found[name, "A"] = {one["ipv4"] for one in own}
        found[name, "AAAA"] = {one["ipv6"] for one in own}
    return found


def _ask(mesh: Mesh, asker: str, server: str, questions: list[tuple[str, str]]) -> list[set[str]]:
    """What a DNS node answers to each question."""
    words = "; ".join(f"kdig +short @{server} {name} {kind}; echo end" for name, kind in questions)
    answers: list[set[str]] = [set()]
    for line in mesh.lab.on(asker).succeed(words).split():
        if line == "end":
            answers.append(set())
        else:
            answers[-1].add(line)
    return answers[:-1]


def _registered(mesh: Mesh, server: str, name: str) -> set[str]:
    """What a DNS node's Knot has of a name, asked on another node."""
    asker = next(node for node in ("fsn-b", "hel-b") if not name.startswith(node))
    ask = f"kdig +short -p {UPDATES} @{_address(mesh, server)} {name}"
    return set(mesh.lab.on(asker).succeed(f"{ask} A; {ask} AAAA").split())


OWN = "/run/backplane/active/secrets/names/tsig"
CARRIED = "/run/carried.key"


def _update(server: str, name: str, *lines: str, key: str = OWN) -> str:
    """A command that sends an update, signed with the key in a file of that machine."""
    text = "\\n".join([f"server {server} {UPDATES}", f"zone {name}.", *lines, "send", ""])
    return f"printf '{text}' | knsupdate -k {key} -t 1 -r 0"


def _carry(mesh: Mesh, node: str, key: str) -> None:
    """Put a key into a file of a machine, without its being in anybody's arguments."""
    done = mesh.lab.machine(node).run("sh", "-c", f"umask 077; cat >{CARRIED}", stdin=key)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("asker", NODES)
def test_every_name_is_answered_to_every_node(mesh: Mesh, asker: str) -> None:
    """All zones, both families, back to the name, services too: by both DNS nodes."""
    expected = _expected(mesh.outputs())
    assert len(expected) >= 4 * 3 * 4
    for server in SERVERS:
        told = _ask(mesh, asker, _address(mesh, server), list(expected))
        wrong = {
            question: got
            for (question, wanted), got in zip(expected.items(), told, strict=True)
            if got != wanted
        }
        assert wrong == {}, server
    nobody, public = _ask(
        mesh, asker, _address(mesh, "fsn-a"), [("nobody.mgmt", "A"), (PUBLIC, "A")]
    )
    assert nobody == set()
    assert public != set()


def test_nobody_outside_management_is_answered(mesh: Mesh) -> None:
    """Another plane's address, the public one, loopback: there is nobody there to ask."""
    told = mesh.outputs()["nodes"]["fsn-a"]
    others = [told["addresses"][slot]["ipv4"] for slot in ("monitoring", "storage")]
    for at in (*others, told["endpoint"]):
        mesh.lab.on("hel-b").fail(f"kdig +short +timeout=1 +retry=0 @{at} fsn-a.mgmt A")
    mesh.lab.on("fsn-a").fail("kdig +short +timeout=1 +retry=0 @127.0.0.1 fsn-a.mgmt A")


def test_a_node_registers_its_own_name(mesh: Mesh) -> None:
    """With both DNS nodes, both addresses; within seconds of the first `up`."""
    for node in NODES:
        own = set(mesh.outputs()["nodes"][node]["addresses"]["management"].values())
        for server in SERVERS:
            wait_until(
                f"{node} registered with {server}",
                lambda server=server, node=node, own=own: (  # type: ignore[misc]
                    _registered(mesh, server, f"{node}.mgmt") == own
                ),
                seconds=60,
            )


def test_a_node_is_refused_anothers_name(mesh: Mesh) -> None:
    """Its key writes its own name and nothing else: no other name, below it, type, or place."""
    server, own = _address(mesh, "fsn-a"), _address(mesh, "fsn-b")
    node = mesh.lab.on("fsn-b")
    before = {name: _registered(mesh, "fsn-a", f"{name}.mgmt") for name in NODES}
    may = _update(server, "fsn-b.mgmt", "del fsn-b.mgmt. A", f"add fsn-b.mgmt. 300 A {own}")
    node.succeed(may)
    for name, line in (
        ("hel-b.mgmt", f"add hel-b.mgmt. 300 A {own}"),
        ("hel-b.mgmt", "del hel-b.mgmt. A"),
        (GUEST, f"add {GUEST}. 300 A {own}"),
        ("fsn-b.mgmt", f"add www.fsn-b.mgmt. 300 A {own}"),
        ("fsn-b.mgmt", "add fsn-b.mgmt. 300 TXT hello"),
        ("fsn-b.mgmt", "add fsn-b.mgmt. 300 NS evil."),
        ("fsn-b.mgmt", "del fsn-b.mgmt."),
        ("mgmt", f"add new.mgmt. 300 A {own}"),
    ):
        assert "NOTAUTH" in (said := node.fail(f"{_update(server, name, line)} 2>&1")) or (
            "BADKEY" in said or "REFUSED" in said
        ), (name, line, said)
    # Nor does a key that was carried to another node write there, nor one that nobody gave.
    elsewhere = mesh.lab.on("hel-b")
    for key in (node.succeed(f"cat {OWN}"), f"hmac-sha256:fsn-b.mgmt.:{'A' * 43}="):
        _carry(mesh, "hel-b", key)
        elsewhere.fail(_update(server, "fsn-b.mgmt", "del fsn-b.mgmt. A", key=CARRIED))
    _carry(mesh, "fsn-b", f"hmac-sha256:fsn-b.mgmt.:{'A' * 43}=")
    node.fail(_update(server, "fsn-b.mgmt", "del fsn-b.mgmt. A", key=CARRIED))
    node.fail(f"kdig +short -p {UPDATES} @{server} hel-b.mgmt AXFR | grep mgmt")
    assert {name: _registered(mesh, "fsn-a", f"{name}.mgmt") for name in NODES} == before


def test_a_guest_registers_with_a_key_of_its_own(mesh: Mesh) -> None:
    """Its name then means the same on every node; it is refused a node's; taken back it is gone."""
    _carry(mesh, "hel-b", mesh.outputs()["guests"][GUEST])
    guest = mesh.lab.on("hel-b")
    for server in SERVERS:
        at = _address(mesh, server)
        guest.succeed(_update(at, GUEST, f"add {GUEST}. 300 A 10.201.2.99", key=CARRIED))
        guest.fail(_update(at, "hel-b.mgmt", "del hel-b.mgmt. A", key=CARRIED))
    for asker in NODES:
        assert mesh.lab.on(asker).succeed(f"getent ahostsv4 {GUEST}").startswith("10.201.2.99")
        told = mesh.lab.on(asker).succeed(f"resolvectl query --cache=no {GUEST}")
        assert "link: wg1" in told
    mesh.lab.on("fsn-a").succeed("systemctl restart backplane-knot.service")
    mesh.lab.on("fsn-a").wait_until_succeeds(
        f"kdig +short -p {UPDATES} @{_address(mesh, 'fsn-a')} {GUEST} A | grep -x 10.201.2.99"
    )
    for server in SERVERS:
        guest.succeed(_update(_address(mesh, server), GUEST, f"del {GUEST}. A", key=CARRIED))
    assert _ask(mesh, "fsn-b", _address(mesh, "hel-a"), [(GUEST, "A")]) == [set()]


def test_only_names_of_planes_go_to_the_mesh(mesh: Mesh) -> None:
    """By systemd-resolved: a plane's name on wg1, a public one by the machine's own resolver.

    It asks no neighbours and answers none: port 5355 is shut.
    """
    for name in NODES:
        node = mesh.lab.on(name)
        assert ":5355" not in node.succeed("ss -Hlntu")
        assert "link: eth0" in node.succeed(f"resolvectl query --cache=no {PUBLIC}")
        shown = node.succeed("resolvectl domain wg1; resolvectl default-route wg1")
        assert "mgmt mon store ~201.10.in-addr.arpa" in shown
        assert shown.strip().endswith("no")
    # What the outside was ever asked: no name of the mesh, and no address of it.
    told = {one.name for one in resolver.asked(services.resolver_home(mesh.lab.lab))}
    assert PUBLIC in told
    ours = (*ZONES, "201.10.in-addr.arpa", "203.10.in-addr.arpa", "ip6.arpa")
    assert not [name for name in told if f".{name}".endswith(tuple(f".{zone}" for zone in ours))]


def test_a_name_goes_with_its_interface_and_comes_back_with_it(mesh: Mesh) -> None:
    """Stopping wg1 takes the name back while the tunnel still carries it; starting writes it."""
    node, own = mesh.lab.on("hel-b"), _address(mesh, "hel-b")
    node.succeed("systemctl stop wg-quick@wg1.service")
    for server in SERVERS:
        assert _registered(mesh, server, "hel-b.mgmt") == set()
    node.succeed("systemctl start wg-quick@wg1.service")
    for server in SERVERS:
        wait_until(
            f"hel-b registered with {server} again",
            lambda server=server: own in _registered(mesh, server, "hel-b.mgmt"),  # type: ignore[misc]
            seconds=30,
        )


def _power(mesh: Mesh, name: str, *, on: bool) -> None:
    def switch(client: Client) -> None:
        server = client.servers.get_by_name(name)
        assert server is not None
        (server.power_on() if on else server.power_off()).wait_until_finished()

    mesh.lab.cloud(switch)


def _slowest(mesh: Mesh, askers: tuple[str, ...], names: list[str]) -> float:
    """Seconds that the slowest lookup takes, of each name on each node, cold; all must succeed."""
    each = "s=$(date +%s%N); timeout 5 getent ahosts $n >&2 || exit 1; e=$(date +%s%N)"
    ask = f"for n in {' '.join(names)}; do {each}; echo $((e - s)); done 2>/dev/null"
    took: list[int] = []
    for asker in askers:
        took += map(int, mesh.lab.on(asker).succeed(f"resolvectl flush-caches; {ask}").split())
    assert len(took) == len(askers) * len(names)
    return max(took) / 1e9


def test_names_resolve_while_no_dns_node_lives(
    mesh: Mesh, capsys: pytest.CaptureFixture[str]
) -> None:
    """One DNS node killed, the other powered off, a third node rebooted meanwhile: all names do."""
    names = [f"{node}.{zone}" for node in NODES for zone in ZONES] + [PUBLIC, "hel-b"]
    figures = {"all well": _slowest(mesh, NODES, names)}
    killed, off = mesh.lab.on("hel-a"), "fsn-a"
    killed.succeed("systemctl kill --signal=SIGKILL backplane-unbound.service")
    figures["Unbound killed"] = _slowest(mesh, NODES, names)
    killed.wait_until_succeeds(f"kdig +short @{_address(mesh, 'hel-a')} fsn-b.mgmt | grep .")
    killed.succeed("systemctl stop backplane-unbound.service backplane-knot.service")
    _power(mesh, off, on=False)
    left = tuple(node for node in NODES if node != off)
    figures["one off, the other stopped"] = _slowest(mesh, left, names)
    mesh.lab.power_cut("hel-b")
    _power(mesh, "hel-b", on=True)
    mesh.lab.on("hel-b").wait_until_succeeds("systemctl is-active backplane-names.service", 60)
    figures["and a node rebooted"] = _slowest(mesh, left, names)
    _power(mesh, off, on=True)
    killed.succeed("systemctl start backplane-unbound.service backplane-knot.service")
    mesh.lab.on(off).wait_until_succeeds(
        f"kdig +short @{_address(mesh, off)} fsn-b.mgmt | grep .", 90
    )
    with capsys.disabled():
        told = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in figures.items())
        print(f"\nnames, the slowest lookup on any node: {told}")  # noqa: T201
    assert max(figures.values()) < AT_ONCE, figures
    assert mesh.verify()["ok"] is True
