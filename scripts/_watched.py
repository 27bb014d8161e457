"""Looks at a mesh, one after another: what each shows, and what changed. No effects here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scripts._sessions import FRESH, sessions
from scripts._verdict import Mesh

Json = dict[str, Any]
Cells = set[tuple[str, str]]
"""Node and column."""

_COLUMNS = {
    "confirmed": "confirmed",
    "active": "active",
    "staged": "staged",
    "wg1": "wg1",
    "wg0": "wg0",
}
"""What is compared of a node, by the column of `status` that shows it."""


def planes(declared: Mesh, live: Mapping[str, Mapping[str, Any]]) -> Json:
    """By plane (and `links`): how many sessions there must be, how many are fresh, the oldest's s.

    Args:
        declared: the mesh.
        live: by node, the interfaces of its `inspect`; nodes that did not answer are left out.
    """
    told: dict[str, Json] = {slot: _none() for slot in declared.interfaces}
    for node, peer, slot, interface in sessions(declared):
        plane = told.setdefault(slot, _none())
        plane["expected"] += 1
        peers = live.get(node, {}).get(interface, {}).get("peers", ())
        age = next((one["handshake_age"] for one in peers if one["name"] == peer), None)
        if age is None:
            continue
        plane["fresh"] += age <= FRESH
        plane["oldest"] = max(plane["oldest"] or 0, round(age))
    return told


def sites(declared: Mapping[str, Any], nodes: Mapping[str, Any]) -> Json:
    """By site: how many of its nodes there must be, and how many answer.

    Args:
        declared: the output `nodes`.
        nodes: where each one stands.
    """
    told: dict[str, Json] = {}
    for name, node in nodes.items():
        site = told.setdefault(str(declared[name]["site"]), {"nodes": 0, "answer": 0})
        if not (node["offline"] or node["retire"]):
            site["nodes"] += 1
            site["answer"] += bool(node["wg1"] or node["wg0"])
    return told


def _none() -> Json:
    return {"expected": 0, "fresh": 0, "oldest": None}


def changed(before: Json | None, after: Json) -> tuple[list[str], Cells]:
    """What differs between two looks, in words and by cell of the table of nodes."""
    if before is None:
        return [], set()
    lines: list[str] = []
    cells: Cells = set()
    for name, node in after["nodes"].items():
        old = before["nodes"].get(name)
        if old is None:
            lines.append(f"{name}: is new")
            cells.add((name, "node"))
            continue
        heard = all(one["wg1"] or one["wg0"] for one in (node, old))
        for key, column in _COLUMNS.items():
            # What a silent node runs is not known, and so not another than before.
            if node[key] != old[key] and (heard or key in {"wg1", "wg0"}):
                lines.append(f"{name}: {_said(key, old[key])} -> {_said(key, node[key])}")
                cells.add((name, column))
        if heard and (node["timer"] is None) != (old["timer"] is None):
            lines.append(f"{name}: a timer {'is gone' if node['timer'] is None else 'is armed'}")
            cells.add((name, "timer"))
        if heard and _holder(node) != _holder(old):
            lines.append(f"{name}: {_holder(old)} -> {_holder(node)}")
    lines += [f"{name}: is gone" for name in before["nodes"] if name not in after["nodes"]]
    lines += _sessions(before["planes"], after["planes"])
    lines += _ways(before.get("routing", {}), after.get("routing", {}))
    return lines, cells


def _said(key: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{key} {'answers' if value else 'is silent'}"
    return f"{key} {str(value)[:8] if value else 'none'}"


def _holder(node: Json) -> str:
    return f"held by rollout {node['lease']['id']}" if node["lease"] else "held by nobody"


def _sessions(before: Json, after: Json) -> Iterator[str]:
    for slot, plane in after.items():
        old: Json = {**after, **before}[slot]
        if plane["fresh"] != old["fresh"]:
            yield (
                f"{slot}: {old['fresh']} of {old['expected']} sessions fresh -> "
                f"{plane['fresh']} of {plane['expected']}"
            )


def _ways(before: Json, after: Json) -> Iterator[str]:
    for site, ways in after.get("sites", {}).items():
        for remote, way in ways.items():
            old: Json = before.get("sites", {}).get(site, {}).get(remote, way)
            if way["owner"] != old["owner"]:
                yield f"{site} to {remote}: carried by {old['owner']} -> {way['owner']}"
    for name, gateway in after.get("gateways", {}).items():
        was: Json = before.get("gateways", {}).get(name, gateway)
        if gateway["drained"] != was["drained"]:
            yield f"{name}: {'drained' if gateway['drained'] else 'in use'}"
        ups = {link["interface"]: link["up"] for link in was["links"]}
        for link in gateway["links"]:
            if link["up"] != ups.get(link["interface"], link["up"]):
                yield f"{name}: link to {link['peer']} {'up' if link['up'] else 'down'}"
