"""Facts in, verdict out: whether a mesh answers where it must and nowhere else. No effects here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backplane.clouds import CLOUDS
from scripts._listening import listeners
from scripts._sessions import handshakes

FAMILIES = ("ipv4", "ipv6")

_ANSWERS = frozenset({"open", "refused"})

Json = dict[str, Any]
Opening = tuple[str, str, int]
"""(plane slot, protocol, port)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshNode:
    """A node as it was declared.

    Attributes:
        name: its name.
        addresses: by plane slot and family (`ipv4`, `ipv6`).
        openings: what its roles open, and nothing else may answer.
        found: whether it was there already, with services of its owner's, which the firewall hides.
        site: its site's name.
        links: by interface, the gateways that it is linked to, if it is one.
        dials: the UDP ports of its links' interfaces.
        ends: its own addresses on its links.
    """

    name: str
    addresses: Mapping[str, Mapping[str, str]]
    openings: frozenset[Opening]
    found: bool = False
    site: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    dials: frozenset[int] = frozenset()
    ends: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """What was declared, as far as it can be looked at from the nodes.

    Attributes:
        nodes: those that are neither offline nor retired, by name.
        interfaces: the WireGuard interface of each plane slot in use.
        wireguard: the planes' UDP ports.
        tcp: every TCP port of every plane's list: what is knocked on, everywhere.
        routed: whether nodes of different sites reach each other through gateways alone.
    """

    nodes: tuple[MeshNode, ...]
    interfaces: Mapping[str, str]
    wireguard: frozenset[int]
    tcp: tuple[int, ...]
    routed: bool = False

    def are_peers(self, one: MeshNode, other: MeshNode) -> bool:
        """Whether two nodes have a session on each plane, and not only a way through gateways."""
        return one is not other and not (self.routed and one.site != other.site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one node said of itself and of the others.

    Attributes:
        pings: milliseconds by address, None for silence.
        tcp: `open`, `refused`, `silent` or `unreachable` by address and port.
        interfaces: by name, with `peers`, each with `name` and `handshake_age` in seconds.
        listeners: each with `protocol`, `address`, `port` and `process`.
        failed: systemd units that failed.
        ways: in a routed mesh, the node tool's `routing`.
    """

    pings: Mapping[str, float | None]
    tcp: Mapping[tuple[str, int], str]
    interfaces: Mapping[str, Mapping[str, Any]]
    listeners: tuple[Mapping[str, Any], ...]
    failed: tuple[str, ...]
    ways: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One ordered pair of nodes on one plane and family: the unit of all that is counted."""

    source: str
    target: str
    slot: str
    family: str
    address: str

    def document(self) -> Json:
        """The cell for JSON."""
        return {
            "from": self.source,
            "to": self.target,
            "plane": self.slot,
            "family": self.family,
            "address": self.address,
        }


def mesh(outputs: Mapping[str, Any], listed: Iterable[int], extra: Iterable[str] = ()) -> Mesh:
    """Read the declared mesh from a stack's plain outputs.

    Args:
        outputs: `nodes` and `plan` of `docs/outputs.md`.
        listed: the TCP ports of the planes' lists.
        extra: names of nodes to leave out besides those marked `offline` or `retire`.
    """
    plan, left_out = outputs["plan"], set(extra)
    # Outputs of an older version tell of no sites, and knew of no machines that were there before.
    sites: Mapping[str, Any] = plan.get("sites", {})
    found = {name for name, site in sites.items() if CLOUDS[site["cloud"]].found}
    links = {name: node.get("links", ()) for name, node in plan.get("nodes", {}).items()}
    nodes = tuple(
        MeshNode(
            name=name,
            addresses=node["addresses"],
            openings=frozenset(
                (item["slot"], item["proto"], int(item["port"])) for item in plan["openings"][name]
            ),
            found=node["site"] in found,
            site=node["site"],
            links={link["interface"]: link["peer"] for link in links.get(name, ())},
            dials=frozenset(int(link["port"]) for link in links.get(name, ())),
            ends=frozenset(at for link in links.get(name, ()) for at in link["addresses"].values()),
        )
        for name, node in sorted(outputs["nodes"].items())
        if not (node["offline"] or node["retire"] or name in left_out)
    )
    opened = {port for node in nodes for _, proto, port in node.openings if proto == "tcp"}
    return Mesh(
        nodes=nodes,
        interfaces={plane["slot"]: plane["interface"] for plane in plan["planes"]},
        wireguard=frozenset(int(plane["port"]) for plane in plan["planes"]),
        tcp=tuple(sorted({*listed, *opened})),
        routed=plan.get("topology") == "routed",
    )


def cells(declared: Mesh) -> tuple[Cell, ...]:
    """Every ordered pair of different nodes on every plane in both families."""
    return tuple(
        Cell(
            source=source.name,
            target=target.name,
            slot=slot,
            family=family,
            address=target.addresses[slot][family],
        )
        for slot in declared.interfaces
        for family in FAMILIES
        for source in declared.nodes
        for target in declared.nodes
        if source is not target
    )


def _silent(facts: Facts | None, cell: Cell) -> bool:
    return facts is None or facts.pings.get(cell.address) is None


def pairs(declared: Mesh, facts: Mapping[str, Facts]) -> Json:
    """Who reaches whom by ICMP echo."""
    wanted = cells(declared)
    missing = [cell for cell in wanted if _silent(facts.get(cell.source), cell)]
    counts = {
        family: {
            "expected": sum(cell.family == family for cell in wanted),
            "reached": sum(cell.family == family for cell in wanted)
            - sum(cell.family == family for cell in missing),
        }
        for family in FAMILIES
    }
    return {
        **counts,
        "expected": len(wanted),
        "reached": len(wanted) - len(missing),
        "missing": [cell.document() for cell in missing],
    }


def isolation(declared: Mesh, facts: Mapping[str, Facts]) -> Json:
    """Every listed TCP port on every plane: what is declared answers, and nothing else does."""
    openings = {node.name: node.openings for node in declared.nodes}
    expected = opened = probed = 0
    unexpected: list[Json] = []
    missing: list[Json] = []
    for cell in cells(declared):
        seen = facts.get(cell.source)
        for port in declared.tcp:
            result = seen.tcp.get((cell.address, port)) if seen else None
            probed += result is not None
            wanted = (cell.slot, "tcp", port) in openings[cell.target]
            expected += wanted
            opened += result == "open"
            found = {**cell.document(), "port": port, "result": result or "not asked"}
            if wanted and result != "open":
                missing.append(found)
            elif not wanted and result in _ANSWERS:
                unexpected.append(found)
    return {
        "probed": probed,
        "expected_open": expected,
        "open": opened,
        "unexpected_open": unexpected,
        "missing_open": missing,
    }


def judge(declared: Mesh, facts: Mapping[str, Facts], unreachable: Mapping[str, str]) -> Json:
    """The whole verdict, as `backplane verify --json` prints it.

    Args:
        declared: what must be.
        facts: what each node that could be asked said.
        unreachable: why the others could not be asked.
    """
    found: Json = {
        "nodes": {
            "expected": len(declared.nodes),
            "asked": len(facts),
            "unreachable": dict(unreachable),
        },
        "pairs": pairs(declared, facts),
        "isolation": isolation(declared, facts),
        "listeners": listeners(declared, facts),
        "handshakes": handshakes(declared, facts),
        "units": {
            "failed": [
                {"node": name, "unit": unit}
                for name, told in sorted(facts.items())
                for unit in told.failed
            ]
        },
    }
    troubles = (
        found["nodes"]["unreachable"],
        found["pairs"]["missing"],
        found["isolation"]["unexpected_open"],
        found["isolation"]["missing_open"],
        found["listeners"]["wrong"],
        found["handshakes"]["stale"],
        found["units"]["failed"],
    )
    asked = len(declared.nodes) > 0 and len(facts) == len(declared.nodes)
    return {"ok": asked and not any(troubles), **found}
