"""What cloud firewalls let in: four UDP ports, and no TCP from anywhere public."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from backplane.policy.rule import Rule, Trouble, hidden, wrong
from backplane.policy.seen import Mark, Seen, World, marked

ALLOWED = frozenset(("udp", port) for port in range(51820, 51824))
"""Said once more than in `planes.INBOUND`: a guard that asks what it guards would follow it."""

HETZNER = "hcloud:index/firewall:Firewall"
GROUPS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
FIREWALLS = (HETZNER, *GROUPS, GROUP_RULE, INGRESS_RULE)

ALL = "all"
_PORTS = (0, 65535)
_NUMBER = re.compile(r"[0-9]{1,5}")
_PROTOCOLS = {"-1": ALL, "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One rule of a firewall that lets something in.

    Attributes:
        protocol: `udp`, `tcp`, `icmp`, …, or `all`.
        first: Lowest port.
        last: Highest port.
        sources: Networks and what else may send, a mark for what is hidden; empty if nothing
            narrows it.
    """

    protocol: str
    first: int
    last: int
    sources: tuple[str | Mark, ...] = ()

    def __str__(self) -> str:
        return f"{self.service} from {_listed(self.sources) or 'anywhere'}"

    @property
    def service(self) -> str:
        """Protocol and ports, such as `udp 51820-51823`."""
        ports = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        ports = "" if (self.first, self.last) == _PORTS else f" {ports}"
        return f"{self.protocol}{ports}"

    @property
    def allowed(self) -> bool:
        """Whether it is nothing but what may come in."""
        ports = range(self.first, self.last + 1)
        return bool(ports) and all((self.protocol, port) in ALLOWED for port in ports)

    @property
    def public_tcp(self) -> bool:
        """Whether TCP comes in from a network that is not private."""
        public = not self.sources or any(map(_public, self.sources))
        return self.protocol in {"tcp", ALL} and public


def missing(openings: Iterable[Opening]) -> list[int]:
    """UDP ports that must come in from anywhere, over IPv4 and IPv6, and do not: peers roam."""
    sources = _by_port(openings)
    return sorted(port for _, port in ALLOWED if not _anywhere(sources.get(port)))


def ports(text: object) -> tuple[int, int]:
    """First and last port of `51820`, `51820-51823`; all of them for what names none."""
    first, dash, last = map(str.strip, str(text).partition("-"))
    if not all(map(_NUMBER.fullmatch, (first, last) if dash else (first,))):
        return _PORTS
    return int(first), int(last if dash else first)


def _by_port(openings: Iterable[Opening]) -> dict[int, list[tuple[str | Mark, ...]]]:
    """For each port that may come in, the sources of every opening that lets it in."""
    found: dict[int, list[tuple[str | Mark, ...]]] = {}
    for one in openings:
        for port in range(one.first, one.last + 1) if one.allowed else ():
            found.setdefault(port, []).append(one.sources)
    return found


def _anywhere(sources: Iterable[tuple[str | Mark, ...]] | None) -> bool:
    """Whether these let in every IPv4 and every IPv6 address."""
    versions: set[int] = set()
    for some in sources or ():
        if not some:
            return True
        versions.update(map(_all_of, some))
    return versions >= {4, 6}


def _all_of(source: str | Mark) -> int:
    """4 or 6 for all of that version's addresses, 0 for anything narrower."""
    try:
        network = ip_network(str(source), strict=False)
    except ValueError:
        return 0
    return 0 if network.prefixlen else network.version


def _listed(sources: Iterable[str | Mark]) -> str:
    words = {Mark.UNKNOWN: "not known yet", Mark.SECRET: "secret"}
    return ", ".join(words[one] if isinstance(one, Mark) else one for one in sources)


def _public(source: str | Mark) -> bool:
    if isinstance(source, Mark):
        return True
    if source.startswith(("sg-", "self")):
        return False
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        return True
    inside = (ip_network(one) for one in _PRIVATE)
    return not any(
        network.version == one.version and network.subnet_of(one)  # type: ignore[arg-type]
        for one in inside
    )


def _openings(seen: Seen) -> Iterator[Opening | tuple[str, Mark]]:
    """What a resource lets in; a path and a mark for what cannot be read."""
    if seen.type in {GROUP_RULE, INGRESS_RULE}:
        yield from _rule(seen.type, "its rule", seen.inputs)
        return
    key = "rules" if seen.type == HETZNER else "ingress"
    rules = seen.inputs.get(key) or ()
    if isinstance(rules, Mark):
        yield key, rules
        return
    for number, rule in enumerate(rules):
        yield from _rule(seen.type, f"{key}[{number}]", rule)


def _rule(kind: str, path: str, rule: Mapping[str, Any] | Mark) -> Iterator[Any]:
    side = {HETZNER: "direction", GROUP_RULE: "type"}.get(kind)
    if isinstance(rule, Mark):
        yield path, rule
        return
    if side and rule.get(side) in {"out", "egress"}:
        return
    needed = (side, "protocol", "ipProtocol", "port", "fromPort", "toPort")
    if mark := marked([rule.get(key) for key in needed if key]):
        yield path, mark
        return
    protocol = str(rule.get("protocol", rule.get("ipProtocol", ALL))).lower()
    protocol = _PROTOCOLS.get(protocol, protocol)
    if kind == HETZNER:
        first, last = ports(rule.get("port"))
    elif protocol in {"tcp", "udp"}:
        first, last = _whole(rule.get("fromPort"), _PORTS[0]), _whole(rule.get("toPort"), _PORTS[1])
    else:
        first, last = _PORTS
    yield Opening(protocol=protocol, first=first, last=last, sources=tuple(_sources(rule)))


def _whole(number: object, widest: int) -> int:
    """A port as a number; what is none opens as much as there is."""
    try:
        return int(float(str(number)))
    except (OverflowError, ValueError):
        return widest


def _sources(rule: Mapping[str, Any]) -> Iterator[str | Mark]:
    lists = ("sourceIps", "cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups")
    singles = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    found: list[object] = []
    for key in lists:
        value = rule.get(key) or ()
        found += [value] if isinstance(value, Mark) else value
    found += [rule[key] for key in (*singles, "sourceSecurityGroupId") if rule.get(key)]
    yield from (one if isinstance(one, Mark) else str(one) for one in found)
    if rule.get("self") is True:
        yield "self"


def _only(world: World) -> Iterator[Trouble]:
    for seen in world.of(*FIREWALLS):
        found = list(_openings(seen))
        openings = [one for one in found if isinstance(one, Opening)]
        yield from (hidden(seen, *one) for one in found if not isinstance(one, Opening))
        yield from (wrong(seen, f"lets in {one}") for one in openings if not one.allowed)
        if seen.type == HETZNER and len(openings) == len(found):
            yield from _kept_out(seen, openings)


def _kept_out(seen: Seen, openings: Iterable[Opening]) -> Iterator[Trouble]:
    # A rule of Hetzner's that lists no source lets in nobody.
    lists = [one for one in openings if one.sources]
    sources = _by_port(lists)
    for port in missing(lists):
        some = [one for each in sources.get(port, ()) for one in each]
        if mark := marked(some):
            yield hidden(seen, f"who may send to udp {port}", mark)
        else:
            but = f" but from {_listed(some)}" if some else ""
            yield wrong(seen, f"keeps out udp {port}{but}")


def _no_tcp(world: World) -> Iterator[Trouble]:
    for seen in world.of(*FIREWALLS):
        for one in _openings(seen):
            if not isinstance(one, Opening):
                yield hidden(seen, *one)
            elif one.public_tcp:
                yield wrong(seen, f"TCP is open to the internet: {one}")


ONLY_FOUR = Rule(
    id="inbound-ports",
    says="a cloud firewall lets in UDP 51820-51823 and nothing else",
    why="what a firewall lets in is answered, found and attacked within minutes",
    fix="put the service on a plane (`services:`); the firewall never changes",
    look=_only,
)

NO_TCP = Rule(
    id="no-public-tcp",
    says="no TCP port is open to the internet, not even for a moment",
    why="SSH and everything else by TCP lives behind WireGuard; an open port tells of a machine",
    fix="take the rule away; reach the node by `backplane tunnel up`, over wg1 or wg0",
    look=_no_tcp,
)
