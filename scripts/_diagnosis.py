"""Symptoms and differences in, causes out: the diagnostic ladder as a function. No effects here.

The ladder has four rungs: `tunnel` (a session), `path` (an echo inside it), `service` (somebody
listens there), `firewall` (and may be reached). The first rung that is broken is told; what is
above it follows. Why it broke `backplane drift` knows: its findings of the two ends are the
evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scripts._causes import CAUSES, FIREWALL, PATH, RUNGS, SERVICE, TUNNEL, UNKNOWN, Cause
from scripts._verdict import Mesh

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that is broken.

    Attributes:
        rung: the first one that is.
        where: who notices: a node, or one on its way to another.
        plane: the plane's slot; empty where it is not about one.
        symptom: what is seen.
        cause: the most likely one.
        evidence: what was found, one line each.
        fix: the next step.
    """

    rung: str
    where: str
    plane: str
    symptom: str
    cause: str
    evidence: tuple[str, ...]
    fix: str

    def document(self) -> dict[str, Any]:
        """The diagnosis for JSON."""
        return {**asdict(self), "evidence": list(self.evidence)}


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
    found = _Found(declared, tuple(findings), sites)
    lost = set(verdict["nodes"]["unreachable"])
    made = [
        *_unreachable(found, verdict, lost),
        *_tunnels(found, verdict, lost),
        *_paths(found, verdict, lost),
        *_doors(found, verdict, lost),
        *_listeners(found, verdict),
        *_rest(found, verdict),
    ]
    known = {line for one in made for line in one.evidence}
    made += _standing(found, known)
    return sorted(made, key=lambda one: (RUNGS.index(one.rung), one.where, one.plane))


@dataclass(frozen=True, slots=True)
class _Found:
    """The findings of drift, to be looked through for what explains a symptom."""

    declared: Mesh
    findings: tuple[Json, ...]
    sites: Mapping[str, str]

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
                if one["node"] in places and _fits(cause, one, interface, others)
            ]
            if hits:
                fix = cause.fix or next((one["fix"] for one in hits if one["fix"]), "")
                return cause.says, tuple(map(line, hits)), fix or _by_hand(hits[0])
        says, fix = UNKNOWN[rung]
        return says, (), fix


def _fits(cause: Cause, one: Json, interface: str, peers: set[str]) -> bool:
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


def _by_hand(one: Json) -> str:
    return f"put it right by hand on {one['node']}: see docs/runbooks/drift.md"


def _unreachable(found: _Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Nodes that cannot be asked: whether others still hear them tells where to look."""
    ages = verdict["handshakes"]["stale"]
    asked = [node.name for node in found.declared.nodes if node.name not in lost]
    for name in sorted(lost):
        slots = list(found.declared.interfaces)
        deaf = {one["plane"] for one in ages if one["to"] == name and one["from"] in asked}
        cause, evidence, fix = found.why(TUNNEL, [name], "management", [name])
        if not evidence and asked and deaf != set(slots):
            cause = "the mesh hears it, this machine does not: the runner's own tunnel"
            fix = "`backplane tunnel up`, and see docs/runbooks/runner.md"
        elif not evidence:
            cause = "it is off, or the cloud's firewall lets nothing in"
            fix = "look at its power and its firewall in the cloud; it is `offline: true` meanwhile"
        yield Diagnosis(
            rung=TUNNEL,
            where=name,
            plane="",
            symptom=f"cannot be asked: {verdict['nodes']['unreachable'][name]}",
            cause=cause,
            evidence=evidence,
            fix=fix,
        )


def _tunnels(found: _Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
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


def _paths(found: _Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
    """Echoes that stay away although there is a session."""
    broken = _pairs(verdict["handshakes"]["stale"])
    seen: set[tuple[str, str, str]] = set()
    for one in verdict["pairs"]["missing"]:
        first, second = sorted((one["from"], one["to"]))
        key = (first, second, one["plane"])
        if {first, second} & lost or key in broken or key in seen:
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


def _doors(found: _Found, verdict: Json, lost: set[str]) -> Iterable[Diagnosis]:
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


def _listeners(found: _Found, verdict: Json) -> Iterable[Diagnosis]:
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


def _rest(found: _Found, verdict: Json) -> Iterable[Diagnosis]:
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


def _standing(found: _Found, known: set[str]) -> Iterable[Diagnosis]:
    """What shows no symptom yet, and would after the next reboot, say."""
    for one in found.findings:
        if line(one) in known or one["area"] in {"reach", "rollout"}:
            continue
        hit = next(
            (
                cause
                for cause in CAUSES
                for interface in found.declared.interfaces.values()
                if _fits(cause, one, interface, set())
            ),
            None,
        )
        yield Diagnosis(
            rung=hit.rung if hit else SERVICE,
            where=one["node"],
            plane="",
            symptom="not as it was declared",
            # What fits any difference of an area says nothing of one that nobody feels yet.
            cause=hit.says if hit and hit.holds != ("",) else f"{one['area']}: {one['what']}",
            evidence=(line(one),),
            fix=(hit.fix if hit else "") or one["fix"] or _by_hand(one),
        )
