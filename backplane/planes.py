"""The four planes and their UDP ports, as data: the only place that knows the ports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One WireGuard network as the program knows it, before any declaration.

    Attributes:
        slot: stable name in declarations, outputs and key derivations.
        index: 0-3; added to the mesh's first address number.
        interface: the interface on every node.
        port: the UDP port every node listens on.
        zone: the DNS zone, without its final dot; None where names are not served.
        tcp: TCP ports that a role may open inside this plane.
        udp: UDP ports that a role may open inside this plane.
    """

    slot: str
    index: int
    interface: str
    port: int
    zone: str | None
    tcp: tuple[int, ...]
    udp: tuple[int, ...]


ENROLLMENT = Plane(
    slot="enrollment", index=0, interface="wg0", port=51820, zone=None, tcp=(22,), udp=()
)
MANAGEMENT = Plane(
    slot="management",
    index=1,
    interface="wg1",
    port=51821,
    zone="mgmt",
    tcp=(22, 8080, 8443, 53, 3000, 5432, 5300),
    udp=(53, 5300, 5310, 4789),
)
MONITORING = Plane(
    slot="monitoring",
    index=2,
    interface="wg2",
    port=51822,
    zone="mon",
    tcp=(9090, 9093, 9100),
    udp=(4789,),
)
STORAGE = Plane(
    slot="storage",
    index=3,
    interface="wg3",
    port=51823,
    zone="store",
    tcp=(22, 5432, 3306),
    udp=(4789,),
)

PLANES: tuple[Plane, ...] = (ENROLLMENT, MANAGEMENT, MONITORING, STORAGE)
"""All planes, by index. There is no fifth."""

SLOTS: tuple[str, ...] = tuple(plane.slot for plane in PLANES)

REQUIRED: tuple[str, ...] = (ENROLLMENT.slot, MANAGEMENT.slot)
"""The two ways in: enrollment and pushes stand on them, so no stack can leave them out."""

INBOUND: tuple[tuple[str, int], ...] = tuple(("udp", plane.port) for plane in PLANES)
"""The one firewall constant: what a cloud firewall lets in, as (protocol, port). Nothing else."""


def by_slot(slot: str) -> Plane:
    """The plane of a slot.

    Raises:
        KeyError: no plane has this slot.
    """
    for plane in PLANES:
        if plane.slot == slot:
            return plane
    raise KeyError(slot)
