"""What the cloud sells, as data: locations, data centers, server types and system images.

Names, places and sizes are Hetzner's (https://docs.hetzner.com/cloud). Prices are zero, since
a lab machine costs nothing. Only x86 is here: the lab's images are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place servers stand in.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        datacenter: Name of its data center, which older clients still ask for.
    """

    id: int
    name: str
    description: str
    country: str
    city: str
    latitude: float
    longitude: float
    network_zone: str
    datacenter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerType:
    """A size of server.

    Attributes:
        memory: GB.
        disk: GB.
        locations: Names of the locations it is sold in.
    """

    id: int
    name: str
    cores: int
    memory: int
    disk: int
    locations: tuple[str, ...]
    architecture: str = "x86"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemImage:
    """An image the cloud provides.

    Attributes:
        disk: GB the image needs.
    """

    id: int
    name: str
    os_version: str
    description: str
    created: str
    disk: int = 5


LOCATIONS: tuple[Location, ...] = (
    Location(id=1, name="fsn1", description="Falkenstein DC Park 1", country="DE",
             city="Falkenstein", latitude=50.47612, longitude=12.370071,
             network_zone="eu-central", datacenter="fsn1-dc14"),
    Location(id=2, name="nbg1", description="Nuremberg DC Park 1", country="DE",
             city="Nuremberg", latitude=49.452102, longitude=11.076665,
             network_zone="eu-central", datacenter="nbg1-dc3"),
    Location(id=3, name="hel1", description="Helsinki DC Park 1", country="FI",
             city="Helsinki", latitude=60.169855, longitude=24.938379,
             network_zone="eu-central", datacenter="hel1-dc2"),
    Location(id=4, name="ash", description="Ashburn, VA", country="US",
             city="Ashburn, VA", latitude=39.045821, longitude=-77.487073,
             network_zone="us-east", datacenter="ash-dc1"),
    Location(id=5, name="hil", description="Hillsboro, OR", country="US",
             city="Hillsboro, OR", latitude=45.54222, longitude=-122.951924,
             network_zone="us-west", datacenter="hil-dc1"),
    Location(id=6, name="sin", description="Singapore", country="SG",
             city="Singapore", latitude=1.283333, longitude=103.833333,
             network_zone="ap-southeast", datacenter="sin-dc1"),
)  # fmt: skip
_EUROPE = ("fsn1", "nbg1", "hel1")
_OVERSEAS = ("ash", "hil", "sin")

SERVER_TYPES: tuple[ServerType, ...] = (
    ServerType(id=1, name="cx23", cores=2, memory=4, disk=40, locations=_EUROPE),
    ServerType(id=2, name="cx33", cores=4, memory=8, disk=80, locations=_EUROPE),
    ServerType(id=3, name="cx43", cores=8, memory=16, disk=160, locations=_EUROPE),
    ServerType(id=4, name="cx53", cores=16, memory=32, disk=320, locations=_EUROPE),
    ServerType(id=5, name="cpx22", cores=2, memory=4, disk=80, locations=_EUROPE),
    ServerType(id=6, name="cpx11", cores=2, memory=2, disk=40, locations=_OVERSEAS),
)

IMAGES: tuple[SystemImage, ...] = (
    SystemImage(id=1, name="debian-12", os_version="12", description="Debian 12",
                created="2023-06-13T06:00:00Z"),
    SystemImage(id=2, name="debian-13", os_version="13", description="Debian 13",
                created="2025-08-11T06:00:00Z"),
)  # fmt: skip


def location(key: int | str) -> Location | None:
    """The location of this id or name."""
    return next((one for one in LOCATIONS if key in (one.id, one.name, str(one.id))), None)


def server_type(key: int | str) -> ServerType | None:
    """The server type of this id or name."""
    return next((one for one in SERVER_TYPES if key in (one.id, one.name, str(one.id))), None)
