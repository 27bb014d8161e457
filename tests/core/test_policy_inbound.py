"""Firewalls: exactly four UDP ports, and no TCP from anywhere public, on both clouds."""

from __future__ import annotations

from typing import Any

import pytest

from backplane import planes
from backplane.policy import Mark
from backplane.policy.inbound import (
    ALLOWED,
    GROUP_RULE,
    INGRESS_RULE,
    NO_TCP,
    ONLY_FOUR,
    ports,
)
from tests.core.resources import FIREWALL, FOUR, GROUP, inbound, seen, told

LEAST = [inbound(port="51820-51823")]
SELF = {"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}


def firewall(*rules: object) -> Any:  # noqa: ANN401 - a Seen
    """A Hetzner firewall."""
    return seen(FIREWALL, "fsn-firewall", inputs={"rules": list(rules)})


def group(**rule: object) -> Any:  # noqa: ANN401 - a Seen
    """A security group with one inline rule."""
    return seen(GROUP, "group", inputs={"ingress": [rule]})


def test_the_guard_says_the_ports_for_itself() -> None:
    """It is what the program says, and does not follow it: it holds when the program is changed."""
    assert set(planes.INBOUND) == ALLOWED
    assert {port for _, port in ALLOWED} == {51820, 51821, 51822, 51823}


@pytest.mark.parametrize(
    "one",
    [
        firewall(*FOUR),
        firewall(*LEAST),
        firewall(*FOUR, {"direction": "out", "protocol": "tcp", "port": "any"}),
        group(protocol="udp", fromPort=51820.0, toPort=51823.0, cidrBlocks=["0.0.0.0/0"]),
        seen(GROUP_RULE, inputs={"type": "egress", "protocol": "-1", "fromPort": 0, "toPort": 0}),
        seen(
            INGRESS_RULE,
            inputs={"ipProtocol": "17", "fromPort": 51821, "toPort": 51821, "cidrIpv6": "::/0"},
        ),
    ],
)
def test_the_four_ports_are_no_finding(one: Any) -> None:  # noqa: ANN401 - a Seen
    """Port by port, as a range, in either cloud's words; what goes out is nobody's business."""
    assert told(ONLY_FOUR, one) == told(NO_TCP, one) == []


@pytest.mark.parametrize(
    ("one", "what", "tcp"),
    [
        (firewall(*FOUR, inbound("tcp", "22")), "tcp 22 from 0.0.0.0/0, ::/0", True),
        (firewall(*FOUR, inbound("tcp", "any")), "tcp from 0.0.0.0/0, ::/0", True),
        (firewall(*FOUR, inbound("udp", "51820-51824")), "udp 51820-51824", False),
        (firewall(*FOUR, inbound("udp", "51819")), "udp 51819", False),
        (firewall(*FOUR, inbound("udp", "51823-51820")), "udp 51823-51820", False),
        (firewall(*FOUR, inbound("icmp", None)), "icmp from", False),
        (firewall(*FOUR, inbound("tcp", "22", sourceIps=["10.0.0.0/8"])), "tcp 22 from 10", False),
        (firewall(*FOUR, inbound("tcp", "22", sourceIps=["10.0.0.0/7"])), "tcp 22 from 10", True),
        (firewall(*FOUR, inbound("tcp", "22", sourceIps=["fd00::/8"])), "tcp 22 from fd", False),
        (firewall(*FOUR, inbound("tcp", "22", sourceIps=[])), "tcp 22 from anywhere", True),
        (firewall(*FOUR, inbound("tcp", "22", sourceIps=Mark.UNKNOWN)), "not known yet", True),
        (
            firewall(*FOUR, {"protocol": "tcp", "port": "22", "sourceIps": ["::/0"]}),
            "tcp 22 from ::/0",
            True,
        ),
        (
            group(protocol="tcp", fromPort=22, toPort=22, cidrBlocks=["0.0.0.0/0"]),
            "tcp 22 from",
            True,
        ),
        (group(protocol="6", fromPort=22, toPort=22, ipv6CidrBlocks=["::/0"]), "tcp 22 from", True),
        (group(protocol="-1", fromPort=0, toPort=0, cidrBlocks=["0.0.0.0/0"]), "all from", True),
        (group(protocol="udp", fromPort=0, toPort=65535, cidrBlocks=["::/0"]), "udp from", False),
        (
            group(protocol="tcp", fromPort=0, toPort=65535, prefixListIds=["pl-1"]),
            "tcp from pl-1",
            True,
        ),
        (group(**SELF), "all from self", False),
        (group(protocol="tcp", fromPort=22, toPort=None, self=True), "tcp 22-65535", False),
        (group(protocol="udp", fromPort="any", self=True), "udp from self", False),
        (
            seen(
                GROUP_RULE,
                inputs={
                    "type": "ingress",
                    "protocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "cidrBlocks": ["0.0.0.0/0"],
                },
            ),
            "tcp 22 from 0.0.0.0/0",
            True,
        ),
        (
            seen(INGRESS_RULE, inputs={"ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"}),
            "all from",
            True,
        ),
        (
            seen(
                INGRESS_RULE,
                inputs={
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "referencedSecurityGroupId": "sg-1",
                },
            ),
            "tcp 22 from sg-1",
            False,
        ),
    ],
)
def test_anything_else_is_found(one: Any, what: str, *, tcp: bool) -> None:  # noqa: ANN401
    """Each is named with port and source; TCP that the internet reaches has its own message."""
    ((kind, name, words),) = told(ONLY_FOUR, one)
    assert (kind, name) == ("violation", one.name)
    assert words.startswith("lets in ")
    assert what in words
    assert bool(told(NO_TCP, one)) is tcp
    for _, _, words in told(NO_TCP, one):
        assert words.startswith("TCP is open to the internet: ")


def test_every_opening_is_told() -> None:
    """Two wrong rules are two findings, and a port that is kept out is one as well."""
    one = firewall(*FOUR[:3], inbound("tcp", "22"), inbound("tcp", "443"))
    assert [words.split(" from")[0] for _, _, words in told(ONLY_FOUR, one)] == [
        *("lets in tcp 22", "lets in tcp 443", "keeps out udp 51823")
    ]
    assert len(told(NO_TCP, one)) == 2
    assert [words for _, _, words in told(ONLY_FOUR, firewall())] == [
        f"keeps out udp {port}" for port in (51820, 51821, 51822, 51823)
    ]


@pytest.mark.parametrize(
    ("sources", "kind", "what"),
    [
        (["10.0.0.1/32"], "violation", "keeps out udp 51820 but from 10.0.0.1/32"),
        (["0.0.0.0/0"], "violation", "keeps out udp 51820 but from 0.0.0.0/0"),
        (["::/0"], "violation", "keeps out udp 51820 but from ::/0"),
        ([], "violation", "keeps out udp 51820"),
        (None, "violation", "keeps out udp 51820"),
        (Mark.SECRET, "violation", "who may send to udp 51820 is secret, so nobody can judge it"),
        ([Mark.SECRET], "violation", "who may send to udp 51820 is secret, so nobody can judge it"),
        (Mark.UNKNOWN, "unknown", "who may send to udp 51820 is not known yet"),
    ],
)
def test_a_port_is_open_to_anywhere_or_kept_out(sources: object, kind: str, what: str) -> None:
    """Peers roam: one network, one family, nobody and a source that is hidden are each found.

    All of IPv4 and of IPv6 is anywhere, however it is written and in however many rules.
    """
    first, rest = inbound(port="51820", sourceIps=sources), FOUR[1:]
    assert told(ONLY_FOUR, firewall(first, *rest)) == [(kind, "fsn-firewall", what)]
    assert told(ONLY_FOUR, firewall(first, *FOUR)) == []
    both = [inbound(sourceIps=["1.2.3.4/0"]), inbound(sourceIps=["10.0.0.0/8", "0::/0"])]
    assert told(ONLY_FOUR, firewall(*both, *rest)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("51820", (51820, 51820)),
        (" 51820 - 51823 ", (51820, 51823)),
        ("any", (0, 65535)),
        ("51820-", (0, 65535)),
        ("\u00b2", (0, 65535)),
        ("\u0665\u0661\u0668\u0662\u0660", (0, 65535)),
        ("51820-\u00b2", (0, 65535)),
        ("9" * 5000, (0, 65535)),
    ],
)
def test_a_port_is_written_in_plain_digits(text: str, expected: tuple[int, int]) -> None:
    """What is not counts as every port and ends nothing: no digit of another script, no flood."""
    assert ports(text) == expected
    assert bool(told(ONLY_FOUR, firewall(*FOUR, inbound(port=text)))) is (expected[0] == 0)


def test_a_number_that_is_none_opens_everything() -> None:
    """A port of AWS that no number can be made of is as wide as there is."""
    for odd in ("1e999", "nan", None):
        ((_, _, what),) = told(ONLY_FOUR, group(protocol="udp", fromPort=odd, toPort=odd))
        assert what == "lets in udp from anywhere"


def test_what_is_not_known_is_said_and_never_passed() -> None:
    """An unknown port is an unknown finding; beside it a known one is judged; a secret is wrong."""
    one = firewall(inbound(port=Mark.UNKNOWN), inbound("tcp", "22"))
    assert [kind for kind, _, _ in told(ONLY_FOUR, one)] == ["unknown", "violation"]
    assert told(ONLY_FOUR, seen(FIREWALL, inputs={"rules": Mark.UNKNOWN})) == [
        ("unknown", "one", "rules is not known yet")
    ]
    assert told(NO_TCP, firewall(inbound(port=Mark.SECRET))) == [
        ("violation", "fsn-firewall", "rules[0] is secret, so nobody can judge it")
    ]
    assert [kind for kind, _, _ in told(ONLY_FOUR, firewall(Mark.UNKNOWN))] == ["unknown"]
