"""Three sites of three nodes: two gateways and a leaf each, in a lab of the tests' own.

    def test_example(routed: Routed) -> None:
        leaf, gateway = routed.leaf("fsn"), routed.owner("fsn", "hel")
        with power.cut(routed.machine(gateway)):
            ...

Everything is asked of the machines themselves, past their network: who has the AllowedIPs of a
remote site by `wg`, sessions by `vtysh`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

from lab.layout import LabError
from lab.machines.machine import Machine
from tests.lab.flow import PLANES
from tests.lab.mesh import Declaration, Mesh
from tests.lab.verbs import Place

SITES = {"fsn": (1, "fsn1"), "nbg": (40, "nbg1"), "hel": (90, "hel1")}
"""Id and location by name. The ids' sums are odd twice and even once: both slots own something."""

MEMBERS = (("a", 1, 0), ("b", 7, 1), ("c", 200, None))
"""Suffix of the name, id, slot; the one without a slot is the leaf."""

UPPER = 51830
"""The port from which a link's ports are counted."""

FOUR_PORTS = {
    ("udp", str(port), source) for port in range(51820, 51824) for source in ("0.0.0.0/0", "::/0")
}
"""What every server's cloud firewall lets in, and nothing else: `Routed.cloud_rules`."""

DECLARED = 30
"""The shortest timer that may be declared, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of the routed lab.

    Attributes:
        name: its name.
        site: its site's name.
        id: its own id in the site.
        slot: which of the site's gateways it is; None for a leaf.
    """

    name: str
    site: str
    id: int
    slot: int | None

    @property
    def number(self) -> int:
        """Its site's id."""
        return SITES[self.site][0]


NODES = {
    f"{site}-{suffix}": Member(name=f"{site}-{suffix}", site=site, id=number, slot=slot)
    for site in SITES
    for suffix, number, slot in MEMBERS
}
GATEWAYS = tuple(name for name, node in NODES.items() if node.slot is not None)
LEAVES = tuple(name for name, node in NODES.items() if node.slot is None)


def declared(topology: str) -> Callable[[Declaration], None]:
    """What turns the lab's declaration into three sites of three nodes, meshed or routed."""

    def node(member: Member) -> Declaration:
        if topology == "mesh" or member.slot is None:
            return {"id": member.id}
        return {"id": member.id, "roles": ["gateway"], "slot": member.slot}

    def change(mesh: Declaration) -> None:
        for name in ("dns", "replicate"):
            mesh.pop(name, None)
        mesh["topology"], mesh["timer"] = topology, DECLARED
        mesh["sites"] = {
            site: {
                "id": number,
                "cloud": "hetzner",
                "location": location,
                "type": "cx23",
                "image": "debian-12",
                "nodes": {
                    name: node(member) for name, member in NODES.items() if member.site == site
                },
            }
            for site, (number, location) in SITES.items()
        }

    return change


def subnets(site: str, plane: str, mesh_ula: str = "fd5b:6f1e:9c2a") -> tuple[str, str]:
    """A site's two subnets on a plane, as `wg` writes them."""
    index, number = PLANES.index(plane), SITES[site][0]
    hextet = f"{index << 8 | number:x}"
    return f"10.{200 + index}.{number}.0/24", f"{mesh_ula}:{hextet}::/64"


def address(name: str, plane: str, family: int = 4) -> str:
    """A node's address on a plane."""
    v4, v6 = subnets(NODES[name].site, plane)
    if family == 4:
        return f"{v4.removesuffix('0/24')}{NODES[name].id}"
    return f"{v6.removesuffix('/64')}{NODES[name].id:x}"


def links() -> Iterator[tuple[str, str]]:
    """All pairs of gateways that have a link between sites, each once."""
    for one, other in combinations(GATEWAYS, 2):
        if NODES[one].site != NODES[other].site:
            yield one, other


def interface(there: str) -> str:
    """What a link to a gateway is called at its other end."""
    return f"wgl{NODES[there].number}-{NODES[there].slot}"


def ports(one: str, other: str) -> tuple[int, int]:
    """The two UDP ports of a link: at one end, at the other."""

    def towards(far: Member) -> int:
        return UPPER + 2 * far.number + (far.slot or 0)

    return towards(NODES[other]), towards(NODES[one])


def link_address(there: str, here: str) -> str:
    """A gateway's own IPv4 address on its link with another: 10.254.0.0/16 by the link's number."""
    low, high = sorted((NODES[there], NODES[here]), key=lambda node: node.number)
    number = 4 * (high.number * (high.number - 1) // 2 + low.number)
    number += 2 * (high.slot or 0) + (low.slot or 0)
    last = 4 * number + (1 if NODES[there] == low else 2)
    return f"10.254.{last >> 8}.{last & 255}"


@dataclass(slots=True, kw_only=True)
class Routed:
    """The routed lab.

    Attributes:
        mesh: stack, lab and project.
        keys: who has a public key, by the key.
    """

    mesh: Mesh
    keys: dict[str, str]

    @classmethod
    def make(cls, folder: Path, topology: str = "routed") -> Routed:
        """Bring it up from nothing, and wait until all sessions stand."""
        mesh = Mesh.make(folder)
        try:
            mesh.declare(declared(topology))
            mesh.must("up", "--yes", "--skip-preview", seconds=1200)
            made = cls(mesh=mesh, keys={})
            made.learn()
            if topology == "routed":
                made.settled(90)
        except BaseException:
            mesh.end()
            raise
        return made

    def learn(self) -> None:
        """Read who has which public key; needed again after keys have changed."""
        self.keys = {
            key: name
            for name, node in self.mesh.outputs()["nodes"].items()
            for key in node["public_keys"].values()
        }

    # Places

    def machine(self, name: str) -> Machine:
        """A node's machine."""
        return self.mesh.lab.machine(name)

    def on(self, name: str) -> Place:
        """A node as a place for commands."""
        return self.mesh.lab.on(name)

    def leaf(self, site: str) -> str:
        """A site's leaf."""
        return next(name for name in LEAVES if NODES[name].site == site)

    def gateways(self, site: str) -> tuple[str, ...]:
        """A site's gateways, slot 0 first."""
        return tuple(name for name in GATEWAYS if NODES[name].site == site)

    def sibling(self, gateway: str) -> str:
        """The other gateway of the same site."""
        return next(name for name in self.gateways(NODES[gateway].site) if name != gateway)

    # Who owns what

    def holders(self, leaf: str, remote: str) -> dict[tuple[str, str], str | None]:
        """Who has a remote site's subnets at a leaf, by plane and family; None where nobody has."""
        told = self.on(leaf).succeed("wg show all allowed-ips")
        found: dict[tuple[str, str], str | None] = {}
        for plane, (family, at) in product(PLANES, (("IPv4", 0), ("IPv6", 1))):
            wanted = subnets(remote, plane)[at]
            rows = (line.split() for line in told.splitlines())
            found[plane, family] = next(
                (self.keys.get(row[1]) for row in rows if row[0] == plane and wanted in row[2:]),
                None,
            )
        return found

    def owner(self, site: str, remote: str) -> str:
        """The gateway that a site's leaf uses towards another; all planes must agree on it."""
        holders = set(self.holders(self.leaf(site), remote).values())
        assert len(holders) == 1, f"{site} to {remote}: {holders}"
        (holder,) = holders
        assert holder is not None, f"{site} to {remote}: nobody owns it"
        return holder

    # Sessions

    def neighbours(self, gateway: str) -> dict[str, dict[str, Any]]:
        """What FRR says of each BGP neighbour of a gateway, by the neighbour's address."""
        told = json.loads(self.on(gateway).succeed("vtysh -c 'show bgp neighbors json'"))
        return {peer: one for peer, one in told.items() if isinstance(one, dict)}

    def established(self, gateway: str) -> dict[str, tuple[int, int]]:
        """How often each session of a gateway came up and went down; only of those that are up."""
        return {
            peer: (one["connectionsEstablished"], one["connectionsDropped"])
            for peer, one in self.neighbours(gateway).items()
            if one["bgpState"] == "Established"
        }

    def bfd(self, gateway: str) -> dict[str, str]:
        """The state of each BFD session of a gateway, by the peer's address."""
        told = json.loads(self.on(gateway).succeed("vtysh -c 'show bfd peers json'"))
        return {one["peer"]: one["status"] for one in told}

    def unsettled(self) -> str:
        """What is not as it is when nothing is wrong, in words; empty if all is."""
        wanted = 2 * (len(SITES) - 1)
        for gateway in GATEWAYS:
            sessions, bfd = self.established(gateway), self.bfd(gateway)
            if len(sessions) != wanted:
                return f"{gateway}: {len(sessions)} of {wanted} BGP sessions are up"
            if len(bfd) != wanted or set(bfd.values()) != {"up"}:
                return f"{gateway}: BFD: {bfd}"
        for leaf, remote in product(LEAVES, SITES):
            if remote != NODES[leaf].site:
                holders = set(self.holders(leaf, remote).values())
                if len(holders) != 1 or not holders <= set(self.gateways(NODES[leaf].site)):
                    return f"{leaf}: {remote} is with {holders}"
        return ""

    def settled(self, seconds: float = 60) -> None:
        """Wait until every session is up and every leaf has one gateway to each site."""
        end = time.monotonic() + seconds
        while True:
            said = "a machine does not answer"
            with suppress(LabError, AssertionError, json.JSONDecodeError):
                said = self.unsettled()
            if not said:
                return
            assert time.monotonic() < end, f"not settled in {seconds:g} s: {said}"
            time.sleep(0.5)

    # What is seen of it

    def cloud_rules(self) -> dict[str, set[tuple[str, str, str]]]:
        """The inbound rules of every server as the cloud has them: protocol, port, source."""
        return {
            name: {
                (rule.protocol, str(rule.port), source)
                for rule in self.machine(name).book().spec.rules or ()
                if rule.direction == "in"
                for source in rule.source_ips
            }
            for name in NODES
        }

    def flawless(self, source: str, target: str, planes: Sequence[str] = PLANES) -> bool:
        """Whether 20 pings in a row come back, over IPv4 and IPv6 on each of these planes."""
        targets = [address(target, plane, family) for plane in planes for family in (4, 6)]
        pings = " ".join(
            f"(ping -n -q -i 0.05 -c 20 -W 1 {one} | grep -q ' 0% packet loss') & p=\"$p $!\";"
            for one in targets
        )
        ask = f'{pings} code=0; for one in $p; do wait "$one" || code=1; done; exit $code'
        return self.on(source).run(ask, 30).returncode == 0

    def journal(self, name: str, unit: str, since: float) -> str:
        """What a unit has told the journal since a second (time.time), with microseconds."""
        return self.on(name).succeed(
            f"journalctl -q -u {unit} -o short-unix --since @{since:.3f} || :"
        )

    def end(self) -> None:
        """Leave nothing; what is gone already is fine."""
        self.mesh.end()


def moments(journal: str, word: str) -> list[float]:
    """When a journal of `Routed.journal` has lines that match a pattern, seconds since 1970."""
    return [
        float(line.split(maxsplit=1)[0]) for line in journal.splitlines() if re.search(word, line)
    ]
