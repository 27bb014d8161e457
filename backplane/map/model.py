"""What a map shows, as data: sites, nodes, planes, sessions, ways, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Told = Mapping[str, Any]

NEVER, UNASKED, NONE = -1, -2, -3
"""In place of a session's age: there was no handshake; its node did not say; none is to be."""

PLANNED, WELL, DIFFERS, SILENT, AWAY = "planned", "well", "differs", "silent", "away"
"""What a node is: only declared; as declared; with findings; unheard; marked to be away."""

SAYS = {
    WELL: "as declared",
    DIFFERS: "has findings",
    SILENT: "did not answer",
    AWAY: "marked to be away",
    PLANNED: "declared",
}
"""The same in words."""

NOTE = "note"
"""Source of a finding that is meant to be so for a while: a drained gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of a mesh at one moment.

    Attributes:
        at: when, UTC (ISO 8601, to the second).
        seconds: how long it took.
        fresh: seconds; an older session carries nothing.
        standing: by node, what `backplane status --json` tells.
        sessions: by node, interface and peer: seconds since the handshake, None for never.
        routing: how the sites reach each other, as `backplane status --json` tells.
        doctor: the diagnoses of `backplane doctor --json`.
        drift: the findings of `backplane drift --json`.
    """

    at: str
    seconds: float
    fresh: int
    standing: Mapping[str, Told]
    sessions: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    routing: Told = field(default_factory=dict)
    doctor: Sequence[Told] = ()
    drift: Sequence[Told] = ()


def model(outputs: Told, stack: str, look: Look | None = None) -> Json:
    """The map of a stack.

    Args:
        outputs: `nodes` and `plan` of docs/outputs.md, or what `planned` makes of a plan.
        stack: its name.
        look: what was seen; without one the map shows what is declared.

    Returns:
        JSON: `stack`, `topology`, `live`, `at`, `seconds`, `fresh`, `ok`, `counts`; `planes`,
        `sites`, `nodes`, `links`, `routes`, `findings`, each a list; `ages` by plane: a row of
        seconds for each node, in their order, with a column for each as peer.
    """
    names = sorted(outputs["nodes"], key=lambda name: _order(outputs, name))
    findings = [] if look is None else _findings(look, names)
    nodes = [_node(outputs, name, look, findings) for name in names]
    ages = {} if look is None else _ages(outputs, names, look)
    planes = [_plane(plane, ages, look) for plane in outputs["plan"]["planes"]]
    links = list(_links(outputs, names, look))
    counts = {state: sum(node["state"] == state for node in nodes) for state in
              (WELL, DIFFERS, SILENT, AWAY, PLANNED)}  # fmt: skip
    wrong = any(one["source"] != NOTE for one in findings)
    quiet = any(plane["expected"] != plane["heard"] for plane in planes)
    return {
        "version": 1,
        "stack": stack,
        "topology": outputs["plan"].get("topology", "mesh"),
        "live": look is not None,
        "at": look.at if look else None,
        "seconds": round(look.seconds, 1) if look else None,
        "fresh": look.fresh if look else None,
        "ok": not (wrong or quiet or counts[SILENT]) if look else None,
        "counts": counts,
        "planes": planes,
        "sites": _sites(outputs, names),
        "nodes": nodes,
        "links": links,
        "routes": _routes(outputs, look),
        "findings": findings,
        "ages": ages,
    }


def _order(outputs: Told, name: str) -> tuple[str, list[int], str]:
    """Site by site, then by id, which outlives a rename."""
    node = outputs["nodes"][name]
    return (str(node["site"]), [int(part) for part in str(node["key"]).split(".")], name)


def _sites(outputs: Told, names: Iterable[str]) -> list[Json]:
    own: dict[str, list[str]] = {}
    for name in names:
        own.setdefault(str(outputs["nodes"][name]["site"]), []).append(name)
    told = outputs["plan"]["sites"]
    return [
        {
            "name": site,
            "cloud": told[site]["cloud"],
            "location": told[site]["location"],
            "nodes": own.get(site, []),
        }
        for site in sorted(told)
    ]


def _node(outputs: Told, name: str, look: Look | None, findings: Sequence[Json]) -> Json:
    declared = outputs["nodes"][name]
    drawn = outputs["plan"]["nodes"].get(name, {})
    seen: Told = look.standing.get(name, {}) if look else {}
    own = [at for at, one in enumerate(findings) if name in one["nodes"]]
    wrong = any(findings[at]["source"] != NOTE and name in findings[at]["at"] for at in own)
    generations = ("confirmed", "active", "staged")
    return {
        "name": name,
        "key": declared["key"],
        "site": declared["site"],
        "endpoint": declared["endpoint"],
        "roles": sorted(declared["roles"]),
        "mark": "offline" if declared["offline"] else "retire" if declared["retire"] else None,
        "gateway": drawn.get("slot"),
        "type": drawn.get("type"),
        "image": drawn.get("image"),
        "addresses": {slot: dict(both) for slot, both in sorted(declared["addresses"].items())},
        "state": _state(declared, seen, live=look is not None, found=wrong),
        "generation": {
            "declared": declared["generation"],
            **{kind: seen.get(kind) for kind in generations},
        },
        "ways": {way: bool(seen.get(way)) for way in ("wg1", "wg0")} if look else {},
        "why": dict(seen.get("unreachable", {})),
        "timer": seen.get("timer"),
        "clock": seen.get("clock_offset"),
        "findings": own,
    }


def _state(declared: Told, seen: Told, *, live: bool, found: bool) -> str:
    if declared["offline"] or declared["retire"]:
        return AWAY
    if not live:
        return PLANNED
    if not (seen.get("wg1") or seen.get("wg0")):
        return SILENT
    return DIFFERS if found else WELL


def _findings(look: Look, names: Iterable[str]) -> list[Json]:
    """Every finding in one shape: `nodes` are those that notice, `at` those where it is."""
    known = list(names)
    status = [
        _found("status", [name], name, "", line)
        for name, node in sorted(look.standing.items())
        for line in node["findings"]
    ]
    routing = [_drift("status", one) for one in look.routing.get("findings", ())]
    notes = [_drift(NOTE, one) for one in look.routing.get("notes", ())]
    doctor = [
        {
            **_found("doctor", _about(one, known), one["where"], one["plane"], one["symptom"]),
            "rung": one["rung"],
            "why": one["cause"],
            "evidence": list(one["evidence"]),
            "fix": one["fix"],
            "at": _at(one, known),
        }
        for one in look.doctor
    ]
    drift = [_drift("drift", one) for one in look.drift]
    return [*doctor, *status, *routing, *drift, *notes]


def _found(source: str, nodes: list[str], where: str, plane: str, what: str) -> Json:
    told = {"source": source, "nodes": nodes, "where": where, "plane": plane, "what": what}
    told["at"] = nodes
    return {**told, "rung": "", "why": "", "evidence": [], "fix": ""}


def _drift(source: str, one: Told) -> Json:
    evidence = [f"declared: {one['declared']}", f"live: {one['live']}"]
    where, what = str(one["node"]), f"{one['area']}: {one['what']}"
    return {
        **_found(source, [where], where, "", what),
        "evidence": evidence,
        "fix": one["fix"] or one["repair"],
    }


def _about(one: Told, names: Iterable[str]) -> list[str]:
    words = set(str(one["where"]).split())
    told = _named(one)
    return [name for name in names if name in words or name in told]


def _at(one: Told, names: Sequence[str]) -> list[str]:
    """Where a diagnosis has its evidence; without any, whoever notices."""
    return [name for name in names if name in _named(one)] or _about(one, names)


def _named(one: Told) -> set[str]:
    return {text.partition(":")[0] for text in one["evidence"]}


def _ages(outputs: Told, names: Sequence[str], look: Look) -> dict[str, list[list[int]]]:
    """By plane's slot: rows are those who tell, columns their peers."""
    there = {name: _is_there(outputs["nodes"][name]) for name in names}
    site = {name: outputs["nodes"][name]["site"] for name in names}
    routed = outputs["plan"].get("topology") == "routed"

    def age(here: str, peer: str, interface: str) -> int:
        apart = routed and site[here] != site[peer]
        if here == peer or apart or not (there[here] and there[peer]):
            return NONE
        if here not in look.sessions:
            return UNASKED
        told = look.sessions[here].get(interface, {}).get(peer)
        return NEVER if told is None else max(0, round(told))

    return {
        plane["slot"]: [[age(here, peer, plane["interface"]) for peer in names] for here in names]
        for plane in outputs["plan"]["planes"]
    }


def _is_there(node: Told) -> bool:
    return not (node["offline"] or node["retire"])


def _plane(plane: Told, ages: Mapping[str, list[list[int]]], look: Look | None) -> Json:
    """A plane, and how many of its sessions are fresh: `expected`, `heard`, `oldest` seconds."""
    cells = [age for row in ages.get(plane["slot"], ()) for age in row if age != NONE]
    fresh = [age for age in cells if look and 0 <= age <= look.fresh]
    words = ("slot", "name", "interface", "port", "ipv4", "ipv6", "mtu")
    return {
        **{word: plane.get(word) for word in words},
        "expected": len(cells),
        "heard": len(fresh),
        "oldest": max((age for age in cells if age >= 0), default=None),
    }


def _links(outputs: Told, names: Iterable[str], look: Look | None) -> Iterable[Json]:
    """The links between gateways, each end by itself."""
    live = {} if look is None else look.routing.get("gateways", {})
    for name in names:
        seen = {one["interface"]: one for one in live.get(name, {}).get("links", ())}
        for link in outputs["plan"]["nodes"].get(name, {}).get("links", ()):
            one = seen.get(link["interface"], {})
            told = {} if look is None else look.sessions.get(name, {})
            age = told.get(link["interface"], {}).get(link["peer"])
            yield {
                "from": name,
                "to": link["peer"],
                "site": link["site"],
                "interface": link["interface"],
                "age": None if age is None else round(age),
                "bgp": one.get("bgp"),
                "bfd": one.get("bfd"),
                "up": one.get("up"),
            }


def _routes(outputs: Told, look: Look | None) -> list[Json]:
    """For each site and remote site, the gateway that carries their traffic, and by rights."""
    owners = outputs["plan"].get("owners", {})
    live = {} if look is None else look.routing.get("sites", {})
    words = ("owner", "why", "since", "active", "via")
    return [
        {
            "site": site,
            "remote": remote,
            "default": default,
            **{word: live.get(site, {}).get(remote, {}).get(word) for word in words},
        }
        for site, ways in sorted(owners.items())
        for remote, default in sorted(ways.items())
    ]
