"""The parts of the contract: what stands below a stack's plain outputs, and of what kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from backplane.contract_kinds import (
    Dataset,
    Day,
    Domain,
    Epoch,
    Interface,
    Ipv4,
    Ipv6,
    Key,
    Network4,
    Network6,
    Port,
    Public,
    Replica,
    RoleName,
    Slot,
    Text,
    Wireguard,
)
from backplane.model import Name


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


class PublicPair(Part):
    """All public addresses of a machine, also those that nobody dials."""

    ipv4: Ipv4
    """IPv4 address."""
    ipv6: Ipv6 | None
    """IPv6 address; null where its public interface speaks none."""


class Node(Part):
    """A machine."""

    key: Key
    """The site's id and the node's: what its key material is derived from, never its name."""
    site: Name
    """The name of its site."""
    endpoint: Public
    """The public address that its peers dial."""
    public: PublicPair
    """All its public addresses."""
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
    entry: list[Name]
    """The nodes by which people reach all its nodes, the first one as a rule; may be empty."""


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
    expires: Day | None
    """The last day (UTC) on which nodes let it in; null without an end."""
    user: Text | None
    """The account of the person's own that it opens; null where that is root, or none."""
    sudo: list[Text]
    """The commands that the account may run as root; `ALL` for every one."""


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
    mtu: Annotated[StrictInt, Field(ge=1280, le=65535)]
    """The interface's MTU, in bytes."""
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
    console: Epoch | None
    """The epoch of its own console password; null where it has none."""
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


class Segment(Part):
    """A layer-2 network between nodes."""

    id: Annotated[StrictInt, Field(ge=1, le=16777215)]
    """Its VXLAN network identifier."""
    plane: Slot
    """The plane that it goes over."""
    nodes: list[Name]
    """The nodes that it joins, by name."""
    mtu: Annotated[StrictInt, Field(ge=1230, le=65535)]
    """What its guests must set for theirs, in bytes."""
    interface: Interface
    """The VXLAN interface on each of its nodes."""
    bridge: Interface
    """The bridge on each of its nodes, that guests are attached to."""


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
    console: Epoch
    """The epoch of all console passwords."""
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
    segments: dict[Name, Segment]
    """The layer-2 segments by name."""


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
