"""The mesh as a Mermaid flowchart: sites as boxes, nodes in them, one line from site to site."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from backplane.change import Change
from backplane.pairing import Json, part

DRAWN = 24
"""Nodes that are drawn each; of more, every site shows how many it has."""

SITES = 12
"""Sites between which lines are drawn; between more there would be a black square."""

_COLOURS = {
    "added": "fill:#d7f5dd,stroke:#1a7f37,color:#1a1a1a",
    "removed": "fill:#ffe1e0,stroke:#cf222e,color:#1a1a1a,stroke-dasharray:4",
    "replaced": "fill:#fff3cd,stroke:#9a6700,color:#1a1a1a",
    "changed": "fill:#ddf0ff,stroke:#0969da,color:#1a1a1a",
}


def drawing(new: Json, change: Change) -> str:
    """The picture, as text."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _lines(new, change))])


def _lines(new: Json, change: Change) -> Iterator[str]:
    marks = {node.name: node.what for node in change.nodes}
    sites: dict[str, dict[str, Any]] = {name: {} for name in sorted(part(new, "sites"))}
    for name, node in part(new, "nodes").items():
        sites.setdefault(node["site"], {})[name] = marks.get(name, "")
    for gone in (node for node in change.nodes if node.what == "removed"):
        sites.setdefault(gone.site, {})[gone.name] = "removed"
    many = sum(map(len, sites.values())) > DRAWN
    for number, (site, nodes) in enumerate(sites.items()):
        yield f'subgraph s{number}["{site}"]'
        if many:
            yield f'  s{number}n["{_counted(nodes)}"]'
        else:
            for at, (name, mark) in enumerate(sorted(nodes.items())):
                yield f'  s{number}n{at}["{name}"]' + (f":::{mark}" if mark else "")
        yield "end"
    by = " by gateways" if new.get("topology") == "routed" else ""
    planes = f"{len(new.get('planes', ()))} planes{by}"
    if len(sites) <= SITES:
        for one, other in combinations(range(len(sites)), 2):
            yield f"s{one} <-->|{planes}| s{other}"
    if people := part(new, "people"):
        yield f'people(["{_people(people)}"])'
        yield from (f"people -.- s{number}" for number in range(min(len(sites), SITES)))
    for mark in sorted({*marks.values()} if not many else ()):
        yield f"classDef {mark} {_COLOURS[mark]}"


def _counted(nodes: dict[str, str]) -> str:
    told = [f"{len(nodes) - sum(mark == 'removed' for mark in nodes.values())} nodes"]
    counts = {mark: sum(found == mark for found in nodes.values()) for mark in _COLOURS}
    return ", ".join([*told, *(f"{count} {mark}" for mark, count in counts.items() if count)])


def _people(people: dict[str, Any]) -> str:
    kinds = [one["kind"] for one in people.values()]
    return ", ".join(
        f"{kinds.count(kind)} {kind}{'s' if kinds.count(kind) > 1 else ''}"
        for kind in sorted({*kinds})
    )
