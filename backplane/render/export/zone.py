"""The zones of the planes, forward and reverse, for a name server outside the stack."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from backplane.names import SOA, TTL, reverse
from backplane.render.export import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backplane.contract import Outputs
    from backplane.names import Record


def files(outputs: Outputs) -> dict[str, str]:
    """A master file (RFC 1035 section 5) for each zone by its name: `mgmt.zone`.

    They say what the mesh's own DNS nodes answer; guests' names, which may move, are not in them.
    """
    machines = names.own(outputs)
    records = [*machines, *names.of_services(outputs)]
    made: dict[str, str] = {}
    for plane in outputs.plan.planes:
        if plane.slot not in outputs.dns.zones:
            continue
        zone = outputs.dns.zones[plane.slot]
        made[zone] = _zone(zone, _forward(one for one in records if one.zone == zone))
        own = [one for one in machines if one.zone == zone]
        for network, pairs in (
            (plane.ipv4, [(one.address.v4, one.name) for one in own]),
            (plane.ipv6, [(one.address.v6, one.name) for one in own]),
        ):
            back = reverse(network)
            made[back] = _zone(back, _back(back, pairs))
    return {f"{zone}.zone": text for zone, text in made.items()}


def text(outputs: Outputs) -> str:
    """All zones one after the other, for people: a name server wants a file for each."""
    return "\n".join(files(outputs).values())


def _zone(origin: str, lines: Iterable[str]) -> str:
    head = [f"$ORIGIN {origin}.", f"$TTL {TTL}", f"@ IN SOA {SOA}", "@ IN NS backplane."]
    return "".join(f"{line}\n" for line in [*head, *lines])


def _forward(records: Iterable[Record]) -> Iterable[str]:
    for one in records:
        label = one.name.removesuffix(f".{one.zone}")
        yield f"{label} IN A {one.address.v4}"
        yield f"{label} IN AAAA {one.address.v6}"


def _back(zone: str, pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    for address, name in sorted(pairs, key=lambda pair: int(ip_address(pair[0]))):
        yield f"{ip_address(address).reverse_pointer.removesuffix(f'.{zone}')} IN PTR {name}."
