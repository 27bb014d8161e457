"""Answers in, findings out: what is live compared with what was declared. No effects here.

A finding: `node` (or `site NAME`), `area`, `what`, `declared`, `live`, `repair` (`rollout`,
`pulumi up` or `by hand`) and `fix`, the next step for people, empty where only they can know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components.clouds.reading import Rule, Standing
from runner import tool
from scripts._drift_ask import Answers
from scripts._listening import is_owners, wrong_listener
from scripts._verdict import Mesh, MeshNode

ROLLOUT, PUSH, HAND = "rollout", "pulumi up", "by hand"

REPAIR = "backplane drift --repair"
REFRESH = "pulumi up --refresh"
"""Puts a cloud right. It is named and never run: it may bring other changes that want a look."""

Json = dict[str, Any]


def finding(
    node: str, area: str, what: str, sides: tuple[str, str], repair: str, fix: str = ""
) -> Json:
    """One finding; `sides` is as declared, then live."""
    declared, live = sides
    return {
        "node": node,
        "area": area,
        "what": what,
        "declared": declared,
        "live": live,
        "repair": repair,
        "fix": fix or (REPAIR if repair == ROLLOUT else ""),
    }


def of_nodes(
    declared: Mesh, generations: Mapping[str, str], answers: Answers, urn: str
) -> list[Json]:
    """Everything that the nodes told of.

    Args:
        declared: the mesh, without the nodes that are left out.
        generations: what each node was told to run.
        answers: what they said.
        urn: of the rollout's receipt.
    """
    found: list[Json] = []
    for node in declared.nodes:
        name = node.name
        if why := answers.unreachable.get(name):
            found.append(finding(name, "reach", "the node", ("answers", why), HAND))
        else:
            found += _node(declared, node, generations[name], answers, urn)
    return found


def _node(
    declared: Mesh, node: MeshNode, generation: str, answers: Answers, urn: str
) -> Iterable[Json]:
    name, told = node.name, answers.told[node.name]
    again = f"pulumi up --replace '{urn}'"
    wanted, there = tool.version(tool.build()), answers.tools[name]
    if there != wanted:
        yield finding(name, "files", tool.TOOL, (wanted, there), ROLLOUT)
    if told["confirmed"] is not None and told["node"] != name:
        yield finding(name, "generation", "the machine", (name, str(told["node"])), HAND)
    elif told["confirmed"] not in {None, generation}:
        sides = (generation, told["confirmed"])
        yield finding(name, "generation", "confirmed generation", sides, PUSH, again)
    lost = any(one["repair"] == PUSH for one in told["findings"])
    for one in told["findings"]:
        sides = (one["declared"], one["live"])
        fix = again if one["repair"] == PUSH else ""
        if lost and one["repair"] == ROLLOUT:
            fix = f"{again}, then {REPAIR}"
        yield finding(name, one["area"], one["what"], sides, one["repair"], fix)
    for one in told["listeners"]:
        why = wrong_listener(declared, node, one)
        if why and not is_owners(node, one, told["listeners"]):
            what = f"{one['protocol']} {one['address']} port {one['port']}"
            live = f"{one['process'] or 'the kernel'} {why}"
            yield finding(name, "listeners", what, ("", live), HAND)


def of_cloud(outputs: Mapping[str, Any], site: str, standing: Standing) -> list[Json]:
    """What one site's firewall and machines are, against the one constant.

    Args:
        outputs: the stack's plain outputs.
        site: the site.
        standing: what its cloud says.
    """
    where, own, dark = f"site {site}", str(outputs["firewall_ids"][site]), standing.dark
    found: list[Json] = []

    def add(node: str, what: str, declared: str, live: str) -> None:
        found.append(finding(node, "cloud", what, (declared, live), PUSH, REFRESH))

    firewall = standing.firewalls.get(own)
    if firewall is None:
        add(where, "firewall", "there", "")
    elif firewall.rules != dark:
        add(where, "firewall", _rules(dark - firewall.rules), _rules(firewall.rules - dark))
    names = (name for name, node in sorted(outputs["nodes"].items()) if node["site"] == site)
    for name in names:
        if name not in standing.machines:
            add(name, "server", "there", "")
            continue
        if own not in standing.machines[name]:
            add(name, "the site's firewall", "in force", "")
        for other in sorted(standing.machines[name] - {own}):
            # Firewalls of one machine add up: what any of them lets in comes in.
            beside = standing.firewalls.get(other)
            opened = beside.rules - dark if beside else frozenset()
            if beside is None or opened:
                label = beside.name if beside else other
                add(name, f"firewall {label}", "", _rules(opened) or "in force")
    return found


def _rules(rules: Iterable[Rule]) -> str:
    return "\n".join(str(rule) for rule in sorted(rules))


def targets(findings: Iterable[Json]) -> tuple[str, ...]:
    """The nodes that a rollout puts right: all of it but what has no whole generation on disk."""
    wanted = {one["node"] for one in findings if one["fix"] == REPAIR}
    return tuple(sorted(wanted))


def without_tool(findings: Iterable[Json]) -> tuple[str, ...]:
    """The nodes whose tool must be brought before a rollout can call it."""
    return tuple(sorted({one["node"] for one in findings if one["what"] == tool.TOOL}))


def repaired(before: Iterable[Json], after: Iterable[Json]) -> list[Json]:
    """What is no finding any more."""
    left = {(one["node"], one["area"], one["what"]) for one in after}
    return [one for one in before if (one["node"], one["area"], one["what"]) not in left]
