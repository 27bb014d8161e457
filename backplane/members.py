"""The parts of a plan, as data: planes, sites, nodes, people, and what peers know of each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from backplane.addressing import Address
from backplane.copies import Pool
from backplane.logins import Login

MTU = 1420
"""1500 less WireGuard's 80 octets over IPv6: what fits whole into a public path."""

Kind = Literal["node", "runner", "operator"]
Family = Literal["ipv4", "ipv6"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPlane:
    """A plane in use: the program's constants with what the stack sets.

    `keys` and `psk` are epochs: raising one draws fresh randomness for that plane. `keys_rotated`
    and `psk_rotated` say on which day (ISO 8601) that was last done, None for never.
    """

    slot: str
    name: str
    index: int
    interface: str
    port: int
    zone: str | None
    supernet4: str
    supernet6: str
    keys: int
    psk: int
    keys_rotated: str | None
    psk_rotated: str | None
    tcp: tuple[int, ...]
    udp: tuple[int, ...]
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSite:
    """A site and the names of its nodes, sorted.

    `vpc` and `subnet` name a network that stands there already, at a cloud that has such.
    `link_mtu` is what a link of its gateways may carry at most, in bytes. `entry` names those of
    its nodes that people reach the others by, the first one as a rule. `private` says whether its
    nodes call each other over the cloud's private network.
    """

    name: str
    id: int
    cloud: str
    location: str
    nodes: tuple[str, ...]
    link_mtu: int
    vpc: str | None = None
    subnet: str | None = None
    entry: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMachine:
    """A machine that is there already, and how it is reached before it is taken over.

    `host_key` is None where the key that it shows first is to be taken for its own.
    """

    ipv4: str
    ipv6: str | None
    port: int
    user: str
    host_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLink:
    """One end of a link between two gateways.

    Attributes:
        interface: on this gateway.
        port: UDP, that it listens on and dials from.
        peer: the other gateway's name.
        peer_port: UDP, that the other one listens on.
        site: the other one's site.
        site_id: the same by id.
        slot: the other one's, in its site.
        number: of the link among all links; that between two gateways of one site is shared.
        between: whether both are gateways of one site.
        mtu: the interface's, in bytes: the lower one of the two sites'.
        hops: this end's next hop over IPv6 for each plane, by index.
        own: this end's addresses on it.
        far: the other end's.
    """

    interface: str
    port: int
    peer: str
    peer_port: int
    site: str
    site_id: int
    slot: int
    number: int
    between: bool
    mtu: int
    hops: tuple[str, ...]
    own: Address
    far: Address

    @property
    def key(self) -> str:
        """What this end's own key on it is derived from: the other end, never a name."""
        return f"{self.site_id}-{self.slot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNode:
    """A machine.

    Attributes:
        key: stable key ``site id.node id``, what key material is derived from.
        image: the tested image, or what the snapshot was made from.
        snapshot: id of the cloud's snapshot to boot instead, if any.
        site_id: the id of its site.
        slot: as a gateway, which of its site's: 0 or 1.
        links: to the other gateways, by site and slot, if it is one in a routed mesh.
        endpoint_family: which of its public addresses peers dial.
        ipv6: whether its public interface speaks IPv6 at all.
        roles: names, sorted, with those every node runs.
        bridges: container bridges that may reach the outside through this node.
        pools: its ZFS pools, by name.
        machine: the machine that it is, where that is there already.
        console: its own console epoch; None where its console has no password.
        uplink: what its line to the outside carries, in Mbit/s, if that is declared.
        offline: declared to be down for now.
        absent: not reached by this run, which goes on without it.
        entry: whether people reach the other nodes of its site by it.
        private: whether nodes of its site call it over the cloud's private network.
        mtu: what its planes may carry at most, in octets, by what lies under them.
        was: the name it had before, if it is being renamed.
        epochs: its own key epoch per slot in use.
        addresses: per slot in use.
    """

    name: str
    was: str | None
    key: str
    site: str
    site_id: int
    id: int
    cloud: str
    location: str
    type: str
    image: str
    snapshot: int | None
    endpoint_family: Family
    ipv6: bool
    roles: tuple[str, ...]
    bridges: tuple[str, ...]
    uplink: int | None
    pools: tuple[Pool, ...]
    machine: PlanMachine | None
    epochs: Mapping[str, int]
    incarnation: int
    offline: bool
    retire: bool
    addresses: Mapping[str, Address]
    slot: int = 0
    links: tuple[PlanLink, ...] = ()
    absent: bool = False
    entry: bool = False
    console: int | None = None
    private: bool = False
    mtu: int = MTU

    @property
    def away(self) -> bool:
        """Whether changes leave it out: it catches up when it is back."""
        return self.offline or self.absent


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPerson:
    """An operator's device or a runner: a peer of every node on its planes.

    `public_keys` and `ssh_key` hold what the person brings; the stack makes the rest. `expires` is
    the last day (ISO 8601, UTC) on which nodes let an operator in; None for no end. `login` is the
    account of their own; None for an operator who logs in as root, and for every runner.
    """

    name: str
    key: str
    kind: Kind
    slots: tuple[str, ...]
    addresses: Mapping[str, Address]
    public_keys: Mapping[str, str]
    ssh_key: str | None
    expires: str | None = None
    login: Login | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What one member of a plane knows of another."""

    name: str
    key: str
    kind: Kind
    address: Address

    @property
    def site(self) -> int:
        """The id of its site; that of people is one of its own."""
        return int(self.key.partition(".")[0])
