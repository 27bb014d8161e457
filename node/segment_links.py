"""What turns the segments that a machine has into the declared ones, line by line. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PORT, TTL = 4789, 64
MARK = "backplane-segment:"
"""What the alias of an interface of ours begins with; the segment's name follows."""

EVERYBODY = "00:00:00:00:00:00"
"""The hardware address that stands for whatever goes to all, or to nobody known (bridge(8))."""

_NAME = re.compile(r"v[xb][1-9][0-9]{0,7}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment as this machine is told it."""

    name: str
    id: int
    local: str
    mtu: int
    peers: tuple[str, ...]

    @property
    def tunnel(self) -> str:
        """Its VXLAN interface."""
        return f"vx{self.id}"

    @property
    def bridge(self) -> str:
        """Its bridge."""
        return f"vb{self.id}"

    @property
    def words(self) -> str:
        """The VXLAN interface, for people."""
        return f"VXLAN {self.id} from {self.local}, MTU {self.mtu}, in {self.bridge}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the machine has.

    Attributes:
        links: What `ip -details` tells of each interface, by name.
        floods: By VXLAN interface, whom frames for everybody go to.
        learned: By VXLAN interface, behind which address each hardware address was seen.
    """

    links: Mapping[str, Mapping[str, Any]]
    floods: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    learned: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def ours(self) -> list[str]:
        """The interfaces that bear our mark, sorted."""
        return sorted(name for name, told in self.links.items() if is_ours(name, told))


def sides(wanted: tuple[Segment, ...], live: Live) -> Iterator[tuple[str, str, str]]:
    """Interface, and both sides in words, of everything that differs."""
    declared = {name for one in wanted for name in (one.bridge, one.tunnel)}
    for one in wanted:
        for name, words, lines in (
            (one.bridge, f"bridge, MTU {one.mtu}", bridge(one, live)),
            (one.tunnel, one.words, tunnel(one, live)),
        ):
            if lines:
                yield name, words, _words(live.links.get(name))
        have = live.floods.get(one.tunnel)
        if have is not None and sorted(have) != sorted(one.peers):
            yield one.tunnel, f"floods to {_list(one.peers)}", f"floods to {_list(have)}"
    for name in live.ours():
        if name not in declared:
            yield name, "", _words(live.links[name])


def bridge(one: Segment, live: Live) -> list[str]:
    """Lines for ip(8) that make a bridge what it should be; none where it is."""
    told, name = live.links.get(one.bridge), one.bridge
    lines = []
    if told is None:
        lines.append(f"link add name {name} type bridge stp_state 0 mcast_snooping 0")
        told = {"linkinfo": {"info_data": {"stp_state": 0, "mcast_snooping": 0}}}
    inner = _inner(told)
    if inner.get("stp_state") != 0 or inner.get("mcast_snooping") != 0:
        lines.append(f"link set dev {name} type bridge stp_state 0 mcast_snooping 0")
    lines += _common(one, name, told)
    if told.get("mtu") != one.mtu:
        lines.append(f"link set dev {name} mtu {one.mtu}")
    # The machine itself is no neighbour there: it answers no ARP, whatever addresses it has.
    if "NOARP" not in told.get("flags", ()):
        lines.append(f"link set dev {name} arp off")
    return lines + _up(name, told)


def tunnel(one: Segment, live: Live) -> list[str]:
    """The same for a VXLAN interface.

    It is bound to no device: with the plane's interface it would go when that is made anew.
    """
    told, name = live.links.get(one.tunnel), one.tunnel
    lines = []
    if told is not None and not _is_same(one, told):
        lines.append(f"link del dev {name}")
        told = None
    if told is None:
        own = f"id {one.id} local {one.local} dstport {PORT} ttl {TTL} learning"
        lines.append(f"link add name {name} mtu {one.mtu} type vxlan {own}")
        told = {"mtu": one.mtu}
    lines += _common(one, name, told)
    if told.get("mtu") != one.mtu:
        lines.append(f"link set dev {name} mtu {one.mtu}")
    if told.get("master") != one.bridge:
        lines.append(f"link set dev {name} master {one.bridge}")
    return lines + _up(name, told)


def _common(one: Segment, name: str, told: Mapping[str, Any]) -> Iterator[str]:
    if told.get("ifalias") != f"{MARK}{one.name}":
        yield f"link set dev {name} alias {MARK}{one.name}"
    if told.get("inet6_addr_gen_mode") != "none":
        yield f"link set dev {name} addrgenmode none"


def _up(name: str, told: Mapping[str, Any]) -> list[str]:
    return [] if "UP" in told.get("flags", ()) else [f"link set dev {name} up"]


def _is_same(one: Segment, told: Mapping[str, Any]) -> bool:
    """Whether a VXLAN interface has what can only be given to a new one."""
    inner = _inner(told)
    own = {"id": one.id, "local": one.local, "port": PORT, "ttl": TTL}
    stray = {"group", "group6", "remote", "remote6", "link", "external"}
    fixed = all(inner.get(key) == value for key, value in own.items())
    return fixed and inner.get("learning") is True and not stray & {*inner}


def floods(one: Segment, live: Live) -> Iterator[str]:
    """Lines for bridge(8) that make a VXLAN interface flood to whom it should."""
    have = live.floods.get(one.tunnel, ())
    for peer in sorted({*have} - {*one.peers}):
        yield f"fdb del {EVERYBODY} dev {one.tunnel} dst {peer}"
    for peer in sorted({*one.peers} - {*have}):
        yield f"fdb append {EVERYBODY} dev {one.tunnel} dst {peer}"


def is_ours(name: str, told: Mapping[str, Any]) -> bool:
    """Whether an interface bears our mark."""
    return named(name) and str(told.get("ifalias", "")).startswith(MARK)


def _inner(told: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = told.get("linkinfo", {}).get("info_data", {})
    return found


def _words(told: Mapping[str, Any] | None) -> str:
    """An interface as it is, for people."""
    if told is None:
        return ""
    inner = _inner(told)
    what = f"VXLAN {inner['id']} from {inner.get('local', 'anywhere')}" if "id" in inner else ""
    kind = what or str(told.get("linkinfo", {}).get("info_kind", "interface"))
    state = "" if "UP" in told.get("flags", ()) else ", down"
    master = f", in {told['master']}" if "master" in told else ""
    return f"{kind}, MTU {told.get('mtu')}{master}{state}"


def stale(one: Segment, live: Live) -> Iterator[str]:
    """The same for what was seen behind somebody who is a member no more."""
    for hardware, peer in live.learned.get(one.tunnel, ()):
        if peer not in one.peers:
            yield f"fdb del {hardware} dev {one.tunnel} dst {peer}"


def named(name: str) -> bool:
    """Whether an interface is called like one of a segment."""
    return bool(_NAME.fullmatch(name))


def _list(peers: tuple[str, ...]) -> str:
    return ", ".join(sorted(peers)) or "nobody"
