"""The mesh's names, from its outputs: the same that its own nodes know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane.addressing import Address
from backplane.names import Record
from backplane.render.hosts import block

if TYPE_CHECKING:
    from backplane.contract import Outputs
    from backplane.contract_kinds import Slot


def own(outputs: Outputs) -> list[Record]:
    """The names of machines by plane, retired ones apart."""
    return [
        _record(outputs, f"{name}.{outputs.dns.zones[plane.slot]}", name, plane.slot)
        for plane in outputs.plan.planes
        if plane.slot in outputs.dns.zones
        for name, node in sorted(outputs.nodes.items())
        if not node.retire
    ]


def of_services(outputs: Outputs) -> list[Record]:
    """The names of services, by zone and name; a name means every node that it stands for."""
    slots = {zone: slot for slot, zone in outputs.dns.zones.items()}
    return sorted(
        (
            _record(outputs, service, node, slots[zone])
            for service, nodes in outputs.dns.services.items()
            if (zone := service.partition(".")[2]) in slots
            for node in nodes
        ),
        key=lambda one: (one.zone, one.name),
    )


def hosts(outputs: Outputs) -> str:
    """Lines for /etc/hosts, as every node has them."""
    return block([*own(outputs), *of_services(outputs)])


def _record(outputs: Outputs, name: str, node: str, slot: Slot) -> Record:
    at = outputs.nodes[node].addresses[slot]
    return Record(
        name=name,
        zone=outputs.dns.zones[slot],
        node=node,
        address=Address(v4=at.ipv4, v6=at.ipv6),
    )
