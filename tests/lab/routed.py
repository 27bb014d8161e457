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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from lab.layout import LabError
from lab.machines.machine import Machine
from tests.lab.flow import PLANES
from tests.lab.mesh import Mesh
from tests.lab.sites import GATEWAYS, LEAVES, NODES, SITES, address, declared, subnets
from tests.lab.verbs import Place


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

    def ways(self, gateway: str, remote: str) -> dict[str, str]:
        """By a remote site's subnets, the link by which BGP leads a gateway there; missing without.

        Subnets are as `wg` and `ip` write them.
        """
        told = self.on(gateway).succeed("ip -4 route show proto bgp; ip -6 route show proto bgp")
        wanted = {subnet for plane in PLANES for subnet in subnets(remote, plane)}
        found = re.findall(r"^(\S+) .*?dev (\S+)", told, re.MULTILINE)
        return {subnet: link for subnet, link in found if subnet in wanted}

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
