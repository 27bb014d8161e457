"""The cloud's books: plain data, kept in memory, written to a file as JSON.

Nothing here reads a clock, a file or the network. The functions in `state_*.py` change it;
each refuses with an `ApiError` before it changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Literal

from pydantic import TypeAdapter

from lab.driver import Rule

FIRST_ID = 1001
"""Ids start above the catalogue's, so that no id means two things."""


@dataclass(slots=True, kw_only=True)
class Resource:
    """What every resource has. `created` is RFC 3339, UTC."""

    id: int
    name: str
    created: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SshKey(Resource):
    """A public SSH key; `fingerprint` is the MD5 one, in colons."""

    public_key: str
    fingerprint: str


@dataclass(slots=True, kw_only=True)
class PlacementGroup(Resource):
    """A group whose servers stand on different hosts; the members are in `Server`."""

    type: Literal["spread"] = "spread"


@dataclass(slots=True, kw_only=True)
class PrimaryIp(Resource):
    """A public address. `ip` is an IPv4 address or an IPv6 /64; `dns_ptr` by address."""

    type: Literal["ipv4", "ipv6"]
    ip: str
    location: str
    assignee_id: int | None = None
    auto_delete: bool = False
    protected: bool = False
    dns_ptr: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule:
    """A rule as posted, addresses in canonical form."""

    rule: Rule
    description: str | None = None


@dataclass(slots=True, kw_only=True)
class Firewall(Resource):
    """A set of rules and what it is applied to, directly and by label selector."""

    rules: list[FirewallRule] = field(default_factory=list)
    servers: list[int] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Subnet:
    """A part of a network in one zone."""

    ip_range: str
    zone: str


@dataclass(slots=True, kw_only=True)
class Network(Resource):
    """A private network; `servers` has the address of each that is attached."""

    ip_range: str
    subnets: list[Subnet] = field(default_factory=list)
    servers: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Snapshot(Resource):
    """An image made from a server; `name` is empty, as only system images have one."""

    description: str
    base: str
    created_from_id: int
    created_from_name: str
    disk: int
    status: Literal["creating", "available"] = "creating"
    protected: bool = False


Status = Literal[
    "initializing", "starting", "running", "stopping", "off", "rebuilding", "migrating", "deleting"
]


@dataclass(slots=True, kw_only=True)
class Server(Resource):
    """A server. `image` is an image's id, `made` says that the driver has built the machine."""

    type: str
    image: int
    location: str
    user_data: str
    ssh_keys: list[str]
    disk: int
    ipv4: int | None = None
    ipv6: int | None = None
    placement_group: int | None = None
    status: Status = "initializing"
    made: bool = False
    protect_delete: bool = False
    protect_rebuild: bool = False


@dataclass(slots=True, kw_only=True)
class Action:
    """One asynchronous piece of work. `resources` are (type, id)."""

    id: int
    command: str
    resources: list[tuple[str, int]]
    started: str
    status: Literal["running", "success", "error"] = "running"
    finished: str | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The addresses a lab can give out: `size` IPv4 ones and as many /64 of IPv6."""

    first_ipv4: str
    size: int
    ipv6: str = "2001:db8:1::/48"

    def ipv4(self) -> list[str]:
        """Every IPv4 address, in order."""
        first = int(IPv4Address(self.first_ipv4))
        return [str(IPv4Address(first + step)) for step in range(self.size)]

    def ipv6_networks(self) -> list[str]:
        """Every IPv6 network, `2001:db8:1:1::/64` first."""
        first = int(IPv6Network(self.ipv6).network_address)
        return [f"{IPv6Address(first + (step << 64))}/64" for step in range(1, self.size + 1)]


LAB_POOL = Pool(first_ipv4="198.51.100.17", size=14)
"""A lab's own internet has 14 addresses for servers (RFC 5737, RFC 3849)."""
PAPER_POOL = Pool(first_ipv4="198.18.0.1", size=1022)
"""On paper no packet flows, so the benchmark range (RFC 2544) gives room for scale runs."""


@dataclass(slots=True, kw_only=True)
class State:
    """Everything the cloud knows."""

    pool: Pool = LAB_POOL
    next_id: int = FIRST_ID
    ssh_keys: dict[int, SshKey] = field(default_factory=dict)
    placement_groups: dict[int, PlacementGroup] = field(default_factory=dict)
    primary_ips: dict[int, PrimaryIp] = field(default_factory=dict)
    firewalls: dict[int, Firewall] = field(default_factory=dict)
    networks: dict[int, Network] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    servers: dict[int, Server] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)

    def take_id(self) -> int:
        """A number that was never used before."""
        self.next_id += 1
        return self.next_id - 1


_ADAPTER = TypeAdapter(State)


def dump(state: State) -> bytes:
    """The state as JSON."""
    return _ADAPTER.dump_json(state)


def load(text: bytes) -> State:
    """The state out of JSON written by `dump`; a ValueError says what does not fit."""
    return _ADAPTER.validate_json(text)
