"""What an audit tries: addresses, ports, names, and how long that takes."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.audit import doors, provider
from backplane.audit import order as orders
from backplane.contract import parse
from tests.core import exported
from tests.core.audits import (
    ORDER,
    OUTPUTS,
)

# What is tried


def test_every_public_address_of_every_node_is_tried() -> None:
    """Both families, also of nodes that are offline or retire; with what can be left out, less."""
    wanted = {
        at for node in OUTPUTS.nodes.values() for at in (node.public.ipv4, node.public.ipv6) if at
    }
    assert {*ORDER.targets} == wanted
    assert {*ORDER.targets.values()} == {*OUTPUTS.nodes}
    four = orders.of(OUTPUTS, without=["ipv6"])
    assert {*four.targets} == {node.public.ipv4 for node in OUTPUTS.nodes.values()}
    assert four.controls == (("1.1.1.1", 53),)
    bare = orders.of(OUTPUTS, without=["tcp", "udp", "echo", "names"])
    assert bare.knocks == 0


def test_ports_are_the_usual_ones_and_all_that_the_mesh_uses_inside() -> None:
    """A hundred of TCP, the four of UDP and what services speak; each opening of each node."""
    openings = [one for each in OUTPUTS.plan.openings.values() for one in each]
    assert {one.port for one in openings if one.proto == "tcp"} <= {*ORDER.tcp}
    assert {*doors.TOP_TCP} <= {*ORDER.tcp}
    udp = {port for port, _ in ORDER.udp}
    assert {one.port for one in openings if one.proto == "udp"} | {
        51820,
        51821,
        51822,
        51823,
    } <= udp
    assert (51821, b"") in ORDER.udp
    assert {53, 123, 161} <= udp
    assert len(doors.TOP_TCP) == 100


def test_ports_can_be_chosen() -> None:
    """All of TCP, or a list for both; what is no port is refused."""
    assert orders.of(OUTPUTS, ports="all").tcp == tuple(range(1, 65536))
    chosen = orders.of(OUTPUTS, ports="22,8000-8002,53")
    assert chosen.tcp == (22, 8000, 8001, 8002, 53)
    assert dict(chosen.udp)[53] == doors.SPOKEN[53][0]
    assert dict(chosen.udp)[8000] == b""


@pytest.mark.parametrize("text", ["", "0", "65536", "9-8", "22,", "x", "-1", "1-", "1-2-3", "²"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """Each with what it should be."""
    with pytest.raises(ValueError, match=r"no port|backwards"):
        doors.expand(text)


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 20)), min_size=1, max_size=8))
def test_ranges_name_their_ports(ranges: list[tuple[int, int]]) -> None:
    """Each range from its first to its last, in order."""
    ends = [(first, min(first + more, 65535)) for first, more in ranges]
    text = ",".join(f"{first}-{last}" if first != last else str(first) for first, last in ends)
    assert doors.expand(text) == tuple(p for first, last in ends for p in range(first, last + 1))


def test_only_a_zone_that_can_be_public_is_asked_for() -> None:
    """`mgmt` is no public name; `mesh.example.org` is, for each node, and PTR always."""
    assert {kind for _, kind in ORDER.questions} == {"PTR"}
    assert len(ORDER.questions) == len(ORDER.targets)
    document = exported.document()
    document["dns"]["zones"]["management"] = "mesh.example.org"
    asked = orders.of(parse(document)).questions
    assert {("fsn-a.mesh.example.org", "A"), ("hel-b.mesh.example.org", "AAAA")} <= {*asked}


def test_200_nodes_take_less_than_ten_minutes() -> None:
    """At 200 packets a second, both families, all knocks twice."""
    many = {f"198.51.{n // 200}.{n % 200}": f"n{n // 2}" for n in range(400)}
    whole = replace(ORDER, targets=many, questions=(("x", "PTR"),) * 400)
    assert whole.knocks > 400 * 100
    assert whole.seconds < 600
    assert replace(whole, rate=100).seconds > 1.9 * whole.seconds - 30


@pytest.mark.parametrize(
    ("address", "name", "known"),
    [
        ("198.51.100.17", "static.17.100.51.198.clients.your-server.de", True),
        ("198.51.100.17", "Static.17.100.51.198.Clients.Your-Server.DE.", True),
        ("198.51.100.17", "static.18.100.51.198.clients.your-server.de", False),
        ("198.51.100.17", "db.static.17.100.51.198.clients.your-server.de", False),
        ("198.51.100.17", "ec2-198-51-100-17.compute-1.amazonaws.com", True),
        ("198.51.100.17", "ec2-198-51-100-17.eu-central-1.compute.amazonaws.com", True),
        ("198.51.100.17", "ec2-198-51-100-18.eu-central-1.compute.amazonaws.com", False),
        ("198.51.100.17", "ec2-198-51-100-17.a.b.compute.amazonaws.com", False),
        ("198.51.100.17", "ec2-198-51-100-17xcompute-1.amazonaws.com", False),
        ("2001:db8::1", "static.1.clients.your-server.de", False),
        ("198.51.100.17", "db.example.org", False),
        ("198.51.100.17", "", False),
    ],
)
def test_a_clouds_default_name_is_known(address: str, name: str, *, known: bool) -> None:
    """Of that very address alone; nothing that only looks like it."""
    assert provider.default(address, name) is known


@given(st.ip_addresses(v=4), st.text(alphabet=string.ascii_lowercase + "-.", max_size=30))
def test_no_name_of_a_users_is_taken_for_a_default(address: Any, name: str) -> None:  # noqa: ANN401
    """Whatever it is: a default has the address in it."""
    assert not provider.default(str(address), name)
    assert not provider.default(str(address), f"{name}.clients.your-server.de")
