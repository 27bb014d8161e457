"""The parts of the contract: what stands below a stack's plain outputs, and of what kind."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from backplane.model import Name
from backplane.role_rules import DATASET_PATTERN
from backplane.rule import NAME_PATTERN
from backplane.rules import DAY_PATTERN

_LABEL = NAME_PATTERN.strip("^$")


def _address(*kinds: type[IPv4Address | IPv6Address]) -> Callable[[str], str]:
    def check(text: str) -> str:
        address = ip_address(text)
        if not isinstance(address, kinds) or str(address) != text:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"not the canonical text of an {names}")
        return text

    return check


Slot = Literal["enrollment", "management", "monitoring", "storage"]
Ipv4 = Annotated[
    StrictStr,
    AfterValidator(_address(IPv4Address)),
    Field(json_schema_extra={"format": "ipv4", "pattern": r"^[0-9]+(\.[0-9]+){3}$"}),
]
Ipv6 = Annotated[
    StrictStr,
    AfterValidator(_address(IPv6Address)),
    Field(json_schema_extra={"format": "ipv6", "pattern": r"^[0-9a-f:]+$"}),
]
Public = Annotated[
    StrictStr,
    AfterValidator(_address(IPv4Address, IPv6Address)),
    Field(json_schema_extra={"pattern": r"^([0-9]+(\.[0-9]+){3}|[0-9a-f:]+)$"}),
]
Network4 = Annotated[StrictStr, Field(pattern=r"^[0-9]+(\.[0-9]+){3}/[0-9]+$")]
Network6 = Annotated[StrictStr, Field(pattern=r"^[0-9a-fA-F:]+/[0-9]+$")]
Key = Annotated[StrictStr, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}$")]
Wireguard = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Epoch = Annotated[StrictInt, Field(ge=1)]
Day = Annotated[StrictStr, Field(pattern=DAY_PATTERN)]
Lines = Annotated[StrictStr, Field(pattern=r"^(?:[^\n]*\n)*$")]
Identifier = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_.:/@+=-]{1,255}$")]
Domain = Annotated[StrictStr, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]
"""A host name of one label or more (RFC 1123), lower case, without a final dot."""
RoleName = Annotated[StrictStr, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$")]
Interface = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$")]
Text = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,._:/@+-]{0,254}$")]
"""A line of the cloud's own words, with nothing in it that quotes, ends or expands."""
Dataset = Annotated[StrictStr, Field(pattern=DATASET_PATTERN)]
Replica = Annotated[StrictStr, Field(pattern=DATASET_PATTERN.replace("{1,7}", "{1,8}"))]


class Part(BaseModel):
    """Nothing is coerced; what a reader does not know is no mistake."""

    model_config = ConfigDict(
        extra="allow", strict=True, frozen=True, use_attribute_docstrings=True
    )


class Pair(Part):
    """The two addresses of one machine or person on one plane, without a prefix length."""

    ipv4: Ipv4
    """IPv4 address."""
    ipv6: Ipv6
    """IPv6 address, inside the mesh's ULA."""


class Node(Part):
    """A machine."""

    key: Key
    """The site's id and the node's: what its key material is derived from, never its name."""
    site: Name
    """The name of its site."""
    endpoint: Public
    """The public address that its peers dial."""
    offline: StrictBool
    """Declared to be down for now."""
    retire: StrictBool
    """On its way out: still a machine, but nobody's peer."""
    roles: list[RoleName]
    """What it runs, with what every node runs, by name."""
    host_key: Annotated[StrictStr, Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]+=*$")]
    """Its SSH host key, as known_hosts has it after the name."""
    generation: Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{16}$")]
    """What it was told to run."""
    addresses: dict[Slot, Pair]
    """Its addresses on every plane in use."""
    public_keys: dict[Slot, Wireguard]
    """Its WireGuard public keys, another one on every plane in use."""


class Rotated(Part):
    """The days of a plane's last rotations (ISO 8601)."""

    keys: Day | None
    """Of its keys; null when there was none."""
    psk: Day | None
    """Of its PSKs; null when there was none."""


class Plane(Part):
    """A plane in use."""

    slot: Slot
    """Its lasting name, by which every mapping of the contract knows it."""
    name: Name
    """What the stack calls it."""
    interface: Interface
    """The WireGuard interface on every node."""
    port: Port
    """The UDP port on which every node listens."""
    ipv4: Network4
    """The network of all its IPv4 addresses."""
    ipv6: Network6
    """The network of all its IPv6 addresses."""
    keys: Epoch
    """The epoch of its keys."""
    psk: Epoch
    """The epoch of its PSKs."""
    rotated: Rotated
    """When either was last raised."""
    mtu: Annotated[StrictInt, Field(ge=1280, le=65535)]
    """The interface's MTU, in bytes."""
    pairs: Annotated[StrictInt, Field(ge=0)]
    """How many pairs of members can have a session there."""


class Opening(Part):
    """A port that a node opens for its peers inside one plane."""

    slot: Slot
    """The plane."""
    proto: Literal["tcp", "udp"]
    """The protocol."""
    port: Port
    """The port."""
    role: RoleName
    """The role or service that listens there."""


class Site(Part):
    """A place with machines."""

    cloud: Name
    """Whose machines they are."""
    location: Text
    """The cloud's own name of the place."""


class Person(Part):
    """An operator's device or a runner."""

    kind: Literal["operator", "runner"]
    """Which of the two."""
    key: Key
    """255 and the person's id."""
    addresses: dict[Slot, Pair]
    """Its addresses on each of its planes."""
    public_keys: dict[Slot, Wireguard]
    """The WireGuard keys that it brings; the stack makes the others."""


class Link(Part):
    """A gateway's end of a WireGuard link to another gateway."""

    interface: Interface
    """On this gateway."""
    port: Port
    """The UDP port from which it dials; no inbound rule opens it."""
    peer: Name
    """The other gateway."""
    site: Name
    """That one's site; its own, where the two are the gateways of one site."""
    addresses: Pair
    """Its own addresses on the link."""
    peer_addresses: Pair
    """The other end's."""


class PlannedNode(Part):
    """A machine as it is declared."""

    key: Key
    """The site's id and the node's."""
    site: Name
    """The name of its site."""
    type: Text
    """The cloud's own name for the kind of machine."""
    image: Text
    """What it boots."""
    incarnation: Epoch
    """Which machine of this name it is."""
    offline: StrictBool
    """Declared to be down for now."""
    retire: StrictBool
    """On its way out."""
    was: Name | None
    """The name it had before, while it is being renamed; else null."""
    slot: Annotated[StrictInt, Field(ge=0, le=1)] | None
    """Which of its site's gateways it is in a routed mesh; null for every other node."""
    links: list[Link]
    """A gateway's links, by interface; empty for every other node."""
    roles: list[RoleName]
    """What it runs, with what every node runs, by name."""
    daemons: dict[RoleName, Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{12}$")]]
    """By role, what changes with anything that its daemons are started anew for."""


class Copy(Part):
    """A dataset of one node of which another keeps a copy."""

    source: Name
    """The node whose dataset it is."""
    dataset: Dataset
    """The dataset there."""
    target: Name
    """The node that keeps the copy."""
    replica: Replica
    """The dataset that is the copy."""
    seconds: Annotated[StrictInt, Field(ge=1)]
    """From one run to the next."""


class Plan(Part):
    """What was computed before any resource existed."""

    topology: Name
    """How nodes are joined."""
    network: Annotated[StrictInt, Field(ge=0, le=255)]
    """The first number of the mesh's IPv4 addresses: 200 gives 10.200 to 10.203."""
    ula: Network6
    """The mesh's IPv6 /48."""
    protect: StrictBool
    """Whether machines, addresses and seeds are kept from deletion."""
    timer: Annotated[StrictInt, Field(ge=1)]
    """Seconds until a change that is not confirmed undoes itself, before those for its size."""
    sites: dict[Name, Site]
    """The sites by name."""
    planes: list[Plane]
    """The planes in use, by index."""
    nodes: dict[Name, PlannedNode]
    """The nodes by name, as they are declared."""
    owners: dict[Name, dict[Name, Name]]
    """By site and remote site, the gateway of the former that carries their traffic while all is
    well; empty in a mesh."""
    epochs: dict[Name, dict[Slot, Epoch]]
    """By node, its own key epoch on every plane in use."""
    openings: dict[Name, list[Opening]]
    """By node, all that it answers on inside the planes, besides ICMP echo."""
    people: dict[Name, Person]
    """Operators and runners by name."""
    copies: dict[Name, Copy]
    """The replications by name."""


class Dns(Part):
    """Names of machines and services, and who answers for them."""

    zones: dict[Slot, Domain]
    """The zone of each plane that has one; a node is called NODE.ZONE there."""
    services: dict[Domain, list[Name]]
    """By a service's whole name, the nodes that it means."""
    servers: dict[Name, Pair]
    """The DNS nodes, with their addresses on management."""
    guests: list[Domain]
    """Whole names that machines outside the stack may register."""
