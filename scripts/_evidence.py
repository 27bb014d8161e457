"""What `backplane drift` and the gateways tell, looked through for what explains a symptom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts._causes import CAUSES, UNKNOWN, Cause
from scripts._verdict import Mesh
from scripts._ways import AREA

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of drift, to be looked through for what explains a symptom."""

    declared: Mesh
    findings: tuple[Json, ...]
    sites: Mapping[str, str]

    def peers(self, one: str, other: str) -> bool:
        """Whether two nodes have a session, and not only a way through gateways."""
        nodes = {node.name: node for node in self.declared.nodes}
        return self.declared.are_peers(nodes[one], nodes[other])

    def why(
        self, rung: str, nodes: Iterable[str], slot: str, peers: Iterable[str] = ()
    ) -> tuple[str, tuple[str, ...], str]:
        """Cause, evidence and fix of a rung that is broken between nodes on a plane.

        Args:
            rung: the rung.
            nodes: whose findings may explain it.
            slot: the plane.
            peers: of findings about a peer, only those about these count.
        """
        interface = self.declared.interfaces.get(slot, "")
        names, others = set(nodes), set(peers)
        places = names | {f"site {self.sites[name]}" for name in names if name in self.sites}
        for cause in CAUSES:
            if cause.rung != rung:
                continue
            hits = [
                one
                for one in self.findings
                if one["node"] in places and fits(cause, one, interface, others)
            ]
            if hits:
                fix = cause.fix or next((one["fix"] for one in hits if one["fix"]), "")
                return cause.says, tuple(map(line, hits)), fix or by_hand(hits[0])
        says, fix = UNKNOWN[rung]
        return says, (), fix


def fits(cause: Cause, one: Json, interface: str, peers: set[str]) -> bool:
    """Whether a finding is of a cause, on an interface, and about these peers if about any."""
    if one["area"] == AREA and peers:
        # Ways between sites explain nothing between two that have a session.
        return False
    text = f"{one['what']} {one['declared']} {one['live']}"
    if one["area"] != cause.area:
        return False
    if not all(word.replace("{}", interface) in text for word in cause.holds):
        return False
    told = one["what"].partition(": peer ")[2].partition(",")[0]
    return not told or not peers or told in peers


def line(one: Json) -> str:
    """A finding of drift in one line."""
    declared, live = (one[side].replace("\n", "; ") for side in ("declared", "live"))
    sides = f"{declared or 'nothing'} was declared, {live or 'nothing'} is there"
    return f"{one['node']}: {one['what']}: {sides}"


def by_hand(one: Json) -> str:
    """The next step for a finding that names none."""
    return f"put it right by hand on {one['node']}: see docs/runbooks/drift.md"
