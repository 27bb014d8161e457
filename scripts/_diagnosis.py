"""Symptoms and differences in, causes out: the diagnostic ladder as a function. No effects here.

The ladder has four rungs: `tunnel` (a session), `path` (an echo inside it), `service` (somebody
listens there), `firewall` (and may be reached). The first rung that is broken is told; what is
above it follows. Why it broke `backplane drift` knows: its findings of the two ends are the
evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scripts._causes import CAUSES, FIREWALL, PATH, RUNGS, SERVICE, TUNNEL, Diagnosis
from scripts._evidence import Found, by_hand, fits, line
from scripts._sessions import LINKS
from scripts._verdict import Mesh
from scripts._ways import AREA

Json = Mapping[str, Any]


def diagnose(
    declared: Mesh, verdict: Json, findings: Iterable[Json], sites: Mapping[str, str]
) -> list[Diagnosis]:
    """Every broken thing, the lowest rungs first.

    Args:
        declared: the mesh.
        verdict: what `verify` judged.
        findings: what `drift` found.
        sites: each node's site.
    """
    found = Found(declared, tuple(findings), sites)
    lost = set(verdict["nodes"]["unreachable"])
    made = [
        *_unreachable(found, verdict, lost),
        *_tunnels(found, verdict, lost),
        *_paths(found, verdict, lost),
        *_between(found, verdict, lost),
        *_doors(found, verdict, lost),
        *_listeners(found, verdict),
        *_rest(found, verdict),
    ]
    known = {line for one in made for line in one.evidence}
    made += _standing(found, known)
    return sorted(made, key=lambda one: (RUNGS.index(one.rung), one.where, one.plane))


def _unreachable(found: Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Nodes that cannot be asked: whether others still hear them tells where to look."""
    ages = [one for one in verdict["handshakes"]["stale"] if one["plane"] != LINKS]
    nodes = {node.name: node for node in found.declared.nodes}
    for name in sorted(lost):
        slots = list(found.declared.interfaces)
        others = (one for one in found.declared.nodes if one.name not in lost)
        asked = [one.name for one in others if found.declared.are_peers(one, nodes[name])]
        deaf = {one["plane"] for one in ages if one["to"] == name and one["from"] in asked}
        cause, evidence, fix = found.why(TUNNEL, [name], "management", [name])
        if not evidence and asked and deaf != set(slots):
            cause = "the mesh hears it, this machine does not: the runner's own tunnel"
            fix = "`backplane tunnel up`, and see docs/runbooks/runner.md"
        elif not evidence:
            cause = "it is off, or the cloud's firewall lets nothing in"
            fix = (
                "look at its power and its firewall in the cloud; it is `offline: true` meanwhile; "
                "if both are well: docs/runbooks/break-glass.md"
            )
        yield Diagnosis(
            rung=TUNNEL,
            where=name,
            plane="",
            symptom=f"cannot be asked: {verdict['nodes']['unreachable'][name]}",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _tunnels(found: Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Sessions that are old or never were, once for each pair and plane."""
    told: dict[tuple[str, str, str], float | None] = {}
    for one in verdict["handshakes"]["stale"]:
        first, second = sorted((one["from"], one["to"]))
        if not {first, second} & lost:
            told.setdefault((first, second, one["plane"]), one["age"])
    for (first, second, slot), age in sorted(told.items()):
        pair = (first, second)
        cause, evidence, fix = found.why(TUNNEL, pair, slot, pair)
        seen = "no handshake, ever" if age is None else f"the last handshake is {age:.0f} s old"
        gaps = "; Prometheus has gaps" if slot == "monitoring" else ""
        yield Diagnosis(
            rung=TUNNEL,
            where=f"{first} and {second}",
            plane=slot,
            symptom=f"{seen}{gaps}",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _paths(found: Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Echoes that stay away although there is a session."""
    broken = _pairs(verdict["handshakes"]["stale"])
    seen: set[tuple[str, str, str]] = set()
    for one in verdict["pairs"]["missing"]:
        first, second = sorted((one["from"], one["to"]))
        key = (first, second, one["plane"])
        if {first, second} & lost or key in broken or key in seen:
            continue
        if not found.peers(first, second):
            continue
        seen.add(key)
        cause, evidence, fix = found.why(PATH, (first, second), one["plane"], (first, second))
        yield Diagnosis(
            rung=PATH,
            where=f"{first} and {second}",
            plane=one["plane"],
            symptom=f"a handshake, but {one['address']} does not answer an echo",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _between(found: Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Echoes between sites that gateways do not bring, once for each pair of sites and plane."""
    told: dict[tuple[str, str, str], list[Json]] = {}
    for one in verdict["pairs"]["missing"]:
        ends = (one["from"], one["to"])
        if not {*ends} & lost and not found.peers(*ends):
            first, second = sorted(found.sites[name] for name in ends)
            told.setdefault((first, second, one["plane"]), []).append(one)
    for (first, second, slot), missing in sorted(told.items()):
        near = [node.name for node in found.declared.nodes if node.site in {first, second}]
        cause, evidence, fix = found.why(PATH, near, slot)
        yield Diagnosis(
            rung=PATH,
            where=f"site {first} and site {second}",
            plane=slot,
            symptom=f"{len(missing)} echoes stay away, {missing[0]['from']} to "
            f"{missing[0]['address']} first",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _doors(found: Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Ports that do not answer although the node does: refused is the service, silence a wall."""
    broken = _pairs([*verdict["handshakes"]["stale"], *verdict["pairs"]["missing"]])
    told: dict[tuple[str, str, int, str], Json] = {}
    for one in verdict["isolation"]["missing_open"]:
        first, second = sorted((one["from"], one["to"]))
        if not {first, second} & lost and (first, second, one["plane"]) not in broken:
            told.setdefault((one["to"], one["plane"], one["port"], one["result"]), one)
    for (node, slot, port, result), one in sorted(told.items()):
        rung = SERVICE if result == "refused" else FIREWALL
        cause, evidence, fix = found.why(rung, [node], slot)
        yield Diagnosis(
            rung=rung,
            where=f"{one['from']} to {node}",
            plane=slot,
            symptom=f"TCP {port} of {one['address']} is {result}",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _pairs(items: Iterable[Json]) -> set[tuple[str, str, str]]:
    return {(*sorted((one["from"], one["to"])), one["plane"]) for one in items}


def _listeners(found: Found, verdict: Json) -> Iterable[Diagnosis]:
    """Services that wait where they must not."""
    for one in verdict["listeners"]["wrong"]:
        name = one["process"] or "the kernel"
        cause, evidence, fix = found.why(SERVICE, [one["node"]], "")
        bound = f"{name} is not bound to a plane's address"
        yield Diagnosis(
            rung=SERVICE,
            where=one["node"],
            plane="",
            symptom=f"{name} {one['why']}: {one['protocol']} {one['address']} port {one['port']}",
            cause=cause if any(name in text for text in evidence) else bound,
            evidence=evidence,
            fix=fix if evidence else f"give {name} the plane's address alone, and restart it",
        )


def _rest(found: Found, verdict: Json) -> Iterable[Diagnosis]:
    """Units that failed, and doors that are open and must not be."""
    for one in verdict["units"]["failed"]:
        about = [hit for hit in found.findings if hit["node"] == one["node"]]
        evidence = tuple(line(hit) for hit in about if one["unit"] in line(hit))
        replicates = one["unit"].startswith("backplane-replicate-")
        yield Diagnosis(
            rung=SERVICE,
            where=one["node"],
            plane="storage" if replicates else "",
            symptom=f"{one['unit']} has failed",
            cause="the last replication did not get through" if replicates else "see its journal",
            evidence=evidence,
            fix=f"on {one['node']}: `journalctl -b -u {one['unit']}`",
        )
    for one in verdict["isolation"]["unexpected_open"]:
        cause, evidence, fix = found.why(FIREWALL, [one["to"]], one["plane"])
        yield Diagnosis(
            rung=FIREWALL,
            where=f"{one['from']} to {one['to']}",
            plane=one["plane"],
            symptom=f"no role opens TCP {one['port']} of {one['address']}: {one['result']}",
            cause=cause if evidence else "a rule that is not Backplane's lets it in",
            evidence=evidence,
            fix=fix,
        )


def _standing(found: Found, known: set[str]) -> Iterable[Diagnosis]:
    """What shows no symptom yet, and would after the next reboot, say."""
    for one in found.findings:
        if line(one) in known or one["area"] in {"reach", "rollout"}:
            continue
        hit = next(
            (
                cause
                for cause in CAUSES
                for interface in found.declared.interfaces.values()
                if fits(cause, one, interface, set())
            ),
            None,
        )
        yield Diagnosis(
            rung=hit.rung if hit else SERVICE,
            where=one["node"],
            plane="",
            symptom=one["what"] if one["area"] == AREA else "not as it was declared",
            # What fits any difference of an area says nothing of one that nobody feels yet.
            cause=hit.says if hit and hit.holds != ("",) else f"{one['area']}: {one['what']}",
            evidence=(line(one),),
            fix=(hit.fix if hit else "") or one["fix"] or by_hand(one),
        )
