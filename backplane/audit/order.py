"""An order: what to try on whose addresses, as data for the program that does it elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backplane.audit import doors
from backplane.contract import Outputs

VERSION = 1
"""Of the order's and the answer's form."""

TRIES = 2
"""Packets for one knock, where nothing answers: the second after a second, as TCP does it."""

PATIENCE = 2.6
"""Seconds that an answer may take; TCP's third SYN would come after three."""

CONTROLS = (("1.1.1.1", 53), ("2606:4700:4700::1111", 53))
"""What must answer by default: a public resolver, by TCP, UDP and echo, over both families."""

PARTS = ("ipv4", "ipv6", "tcp", "udp", "echo", "names")
"""What can be left out."""

FAMILIES = {4: "ipv4", 6: "ipv6"}


def family(address: str) -> str:
    """`ipv4` or `ipv6`."""
    return FAMILIES[ipaddress.ip_address(address).version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to try.

    Attributes:
        targets: the node's name by each of its public addresses, sorted.
        nodes: every node, also one of which no address is tried.
        parts: those of `PARTS` that are not left out.
        tcp: ports to connect to.
        udp: ports and what is said to each.
        questions: names to ask of the public DNS and the type of record, in order.
        inside: the networks of the planes: who comes from there is no stranger.
        controls: what must answer: host and port.
        resolver: whom to ask for names; None for the vantage's own.
        rate: packets per second at most.
    """

    targets: Mapping[str, str]
    nodes: tuple[str, ...]
    parts: frozenset[str]
    tcp: tuple[int, ...]
    udp: tuple[tuple[int, bytes], ...]
    questions: tuple[tuple[str, str], ...]
    inside: tuple[str, ...]
    controls: tuple[tuple[str, int], ...]
    resolver: str | None
    rate: int

    @property
    def knocks(self) -> int:
        """How many knocks and questions there are, without the controls."""
        each = len(self.tcp) + len(self.udp) + ("echo" in self.parts)
        return len(self.targets) * each + len(self.questions)

    @property
    def seconds(self) -> float:
        """About how long it takes where all is silent; the controls before and after with it."""
        return TRIES * self.knocks / self.rate + 4 * PATIENCE

    @property
    def document(self) -> dict[str, Any]:
        """As the program takes it."""
        return {
            "version": VERSION,
            "addresses": list(self.targets),
            "tcp": list(self.tcp),
            "udp": [[port, data.hex()] for port, data in self.udp],
            "echo": "echo" in self.parts,
            "names": "names" in self.parts,
            "questions": [list(one) for one in self.questions],
            "controls": [list(one) for one in self.controls],
            "resolver": self.resolver,
            "gap": TRIES / self.rate,
            "patience": PATIENCE,
            "tries": TRIES,
        }


def of(
    outputs: Outputs,
    *,
    without: Iterable[str] = (),
    ports: str | None = None,
    controls: Iterable[tuple[str, int]] = (),
    resolver: str | None = None,
    rate: int = 200,
) -> Order:
    """What to try on a stack.

    Args:
        outputs: the stack's.
        without: those of `PARTS` to leave out.
        ports: `all` TCP ports, or a list for TCP and UDP, in place of the usual ones.
        controls: what must answer, in place of the usual.
        resolver: whom to ask for names.
        rate: packets per second.

    Raises:
        ValueError: `ports` names none.
    """
    parts = frozenset(PARTS) - frozenset(without)
    addresses = {
        address: name
        for name, node in outputs.nodes.items()
        for address in (node.public.ipv4, node.public.ipv6)
        if address and family(address) in parts
    }
    targets = dict(sorted(addresses.items(), key=lambda one: (one[1], ":" in one[0])))
    tcp, udp = _ports(outputs, ports)
    chosen = tuple(controls) or tuple(one for one in CONTROLS if family(one[0]) in parts)
    return Order(
        targets=targets,
        nodes=tuple(sorted(outputs.nodes)),
        parts=parts,
        tcp=tcp if "tcp" in parts else (),
        udp=tuple((port, data) for port in udp for data in doors.said(port))
        if "udp" in parts
        else (),
        questions=tuple(_questions(outputs, targets)) if "names" in parts else (),
        inside=tuple(net for plane in outputs.plan.planes for net in (plane.ipv4, plane.ipv6)),
        controls=chosen,
        resolver=resolver,
        rate=rate,
    )


def _ports(outputs: Outputs, ports: str | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    own = [one for each in outputs.plan.openings.values() for one in each]
    links = {link.port for node in outputs.plan.nodes.values() for link in node.links}
    udp = {*doors.SPOKEN, *doors.SILENT_UDP, *links}
    udp |= {one.port for one in own if one.proto == "udp"}
    if ports == doors.ALL:
        return tuple(range(1, doors.LAST + 1)), tuple(sorted(udp))
    if ports is not None:
        named = tuple(dict.fromkeys(doors.expand(ports)))
        return named, named
    tcp = {*doors.TOP_TCP, *(one.port for one in own if one.proto == "tcp")}
    return tuple(sorted(tcp)), tuple(sorted(udp))


def _questions(outputs: Outputs, targets: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Whose name each address has; and what the public DNS has of a zone that could be there."""
    for address in targets:
        yield ipaddress.ip_address(address).reverse_pointer, "PTR"
    zones = sorted(zone for zone in outputs.dns.zones.values() if "." in zone)
    for name in (f"{node}.{zone}" for zone in zones for node in sorted(outputs.nodes)):
        yield from ((name, "A"), (name, "AAAA"))
