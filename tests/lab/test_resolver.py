"""The stand-in for public DNS, by the clients of a library that is not ours."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import pytest
import yaml

from lab.api import state_addresses
from lab.api.state import State, dump
from lab.control import resolver
from lab.control.certificate import AUTHORITY
from lab.driver import MachineSpec
from lab.layout import RESOLVERS_V4, RESOLVERS_V6, SERVICES_V4, SERVICES_V6
from lab.machines import seed

_HERE = "127.0.0.1"


def _asked(name: str, kind: str = "A") -> dns.message.Message:
    """Return what the resolver answers to a question."""
    return resolver.answer(dns.message.make_query(name, kind))


def _told(message: dns.message.Message) -> list[str]:
    """Return an answer's records without their names, sorted."""
    return sorted(str(record) for found in message.answer for record in found)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("www.example.org", "A", [SERVICES_V4]),
        ("WWW.Example.ORG", "AAAA", [SERVICES_V6]),
        ("example.org", "TXT", ['"the lab\'s own zone"']),
        ("alias.example.org", "A", [SERVICES_V4, "www.example.org."]),
        ("alias.example.org", "CNAME", ["www.example.org."]),
        ("four.example.org", "A", [SERVICES_V4]),
        ("four.example.org", "AAAA", []),
        ("org", "A", []),
    ],
)
def test_what_exists_is_told(name: str, kind: str, records: list[str]) -> None:
    """Records of the zone, by alias too; of what has none of a type, that it has none."""
    reply = _asked(name, kind)
    assert reply.rcode() == dns.rcode.NOERROR
    assert _told(reply) == records
    assert bool(reply.authority) == (not records)


@pytest.mark.parametrize(
    "name", ["nowhere.example.org", "example.com", "fsn-a", "a.www.example.org"]
)
def test_nothing_else_exists(name: str) -> None:
    """Every other name is denied, with the record that lets the asker remember it."""
    reply = _asked(name)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert not reply.answer
    assert [found.rdtype for found in reply.authority] == [dns.rdatatype.SOA]


def test_servers_have_the_reverse_names_that_the_cloud_has(tmp_path: Path) -> None:
    """The cloud's own by default, a user's where one was set; no name for any other address."""
    books = tmp_path / "cloud.json"

    def called(address: str) -> tuple[dns.rcode.Rcode, list[str]]:
        name = dns.reversename.from_address(address)
        reply = resolver.answer(dns.message.make_query(name, "PTR"), books)
        return reply.rcode(), _told(reply)

    assert called("198.51.100.17") == (dns.rcode.NXDOMAIN, [])
    state = State()
    one, six = (
        state_addresses.create(
            state, name=family, family=family, location="fsn1", labels={}, auto_delete=False, now=""
        )
        for family in ("ipv4", "ipv6")
    )
    books.write_bytes(dump(state))
    usual = "static.17.100.51.198.clients.your-server.de."
    assert called("198.51.100.17") == (dns.rcode.NOERROR, [usual])
    assert called("198.51.100.18") == (dns.rcode.NXDOMAIN, [])
    at = six.ip.replace("/64", "1")
    assert called(at) == (dns.rcode.NXDOMAIN, [])
    state_addresses.set_ptr(one, "198.51.100.17", "db.example.org")
    state_addresses.set_ptr(six, at, "six.example.org")
    books.write_bytes(dump(state))
    assert called("198.51.100.17") == (dns.rcode.NOERROR, ["db.example.org."])
    assert called(at) == (dns.rcode.NOERROR, ["six.example.org."])
    assert not _asked("17.100.51.198.in-addr.arpa", "PTR").answer


def test_each_transport_answers_and_each_question_is_written_down(tmp_path: Path) -> None:
    """UDP cuts long answers off, TCP and TLS do not; an authority nobody knows is refused."""
    home = tmp_path / "resolver"
    long = dns.message.make_query("Long.example.org", "TXT", use_edns=0, payload=4096)

    async def ask() -> None:
        desk = resolver.Desk(home)
        context = resolver.trusted(home, (_HERE,))
        doors = await resolver.open_doors(desk, _HERE, context, port=0, secure=0)
        udp = doors[0].get_extra_info("sockname")[1]
        tcp, tls = (door.sockets[0].getsockname()[1] for door in doors[1:])
        cut = await dns.asyncquery.udp(long, _HERE, 5, udp)
        assert cut.flags & dns.flags.TC
        assert len(cut.to_wire()) <= 1232
        whole = await dns.asyncquery.tcp(long, _HERE, 5, tcp)
        assert len(_told(whole)[0]) > 2000
        known = ssl.create_default_context(cafile=str(home / AUTHORITY))
        for host in ("one.one.one.one", _HERE):
            sealed = await dns.asyncquery.tls(
                long, _HERE, 5, tls, ssl_context=known, server_hostname=host
            )
            assert _told(sealed) == _told(whole)
        with pytest.raises(ssl.SSLError):
            await dns.asyncquery.tls(long, _HERE, 5, tls, server_hostname="one.one.one.one")
        for door in doors:
            door.close()

    asyncio.run(ask())
    assert {(one.name, one.type, one.source) for one in resolver.asked(home)} == {
        ("long.example.org", "TXT", _HERE)
    }
    assert [one.transport for one in resolver.asked(home)] == ["udp", "tcp", "tls", "tls"]
    secret = [path for path in home.iterdir() if path.name != AUTHORITY]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_what_is_no_question_gets_no_answer(tmp_path: Path) -> None:
    """Noise, answers and other operations are passed over, and are no questions of the record."""
    desk = resolver.Desk(tmp_path)
    query = dns.message.make_query("example.org", "A")
    noise = (b"", b"x" * 40, resolver.answer(query).to_wire(), b"\0" * 12)
    assert [desk.reply(wire, _HERE, "udp") for wire in noise] == [None] * len(noise)
    assert resolver.asked(tmp_path) == []
    assert desk.reply(query.to_wire(), _HERE, "udp") is not None
    assert len(resolver.asked(tmp_path)) == 1


@pytest.mark.parametrize("image", ["debian-12", "debian-13"])
@pytest.mark.parametrize(
    ("ipv4", "ipv6", "resolvers"),
    [
        ("198.51.100.17", None, RESOLVERS_V4),
        (None, "2001:db8:1:1::/64", RESOLVERS_V6),
        ("198.51.100.17", "2001:db8:1:1::/64", RESOLVERS_V4 + RESOLVERS_V6),
    ],
)
def test_a_machine_is_told_of_resolvers_that_it_can_reach(
    image: str, ipv4: str | None, ipv6: str | None, resolvers: tuple[str, ...]
) -> None:
    """One without a family's address is told of none of that family."""
    spec = MachineSpec(
        id=1, name="m", image=image, user_data="", ipv4=ipv4, ipv6=ipv6, ssh_keys=(), rules=None
    )
    card = yaml.safe_load(seed.network_config(spec, "02:00:00:00:00:01"))["ethernets"]["eth0"]
    assert card["nameservers"] == {"addresses": list(resolvers)}
