"""Meshes as maps show them: what their plans declare, and a look at them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from backplane.check import checked_plan
from backplane.map import Look, model, planned
from tests.core import example

Json = dict[str, Any]

AT = "2026-01-02T12:03:11Z"
FRESH = 180
GENERATION = "f0e1d2c3b4a59687"


def outputs(raw: Json | None = None) -> Json:
    """The outputs of a declaration, with what only a deployment knows."""
    told = planned(checked_plan(raw or example.raw(), project="backplane", stack="lab"))
    for number, node in enumerate(told["nodes"].values(), 17):
        node |= {"endpoint": f"198.51.100.{number}", "generation": GENERATION}
    return copy.deepcopy(told)


def look(told: Json, silent: Iterable[str] = ()) -> Look:
    """A mesh that is well, but for nodes that do not answer."""
    lost = set(silent)
    return Look(
        at=AT,
        seconds=4.24,
        fresh=FRESH,
        standing={
            name: _standing(node, there=name not in lost) for name, node in told["nodes"].items()
        },
        sessions={
            name: {
                plane["interface"]: {
                    peer: None if peer in lost else (len(name) * 7 + len(peer) * 13 + at * 29) % 120
                    for peer in told["nodes"]
                    if peer != name
                }
                for at, plane in enumerate(told["plan"]["planes"])
            }
            for name in told["nodes"]
            if name not in lost
        },
        doctor=[diagnosis(name) for name in sorted(lost)],
        drift=[difference(name) for name in sorted(lost)],
    )


def _standing(node: Json, *, there: bool) -> Json:
    at = node["generation"] if there else None
    return {
        "declared": node["generation"],
        "confirmed": at,
        "active": at,
        "staged": at,
        "timer": None,
        "clock_offset": 0.02 if there else None,
        "wg1": there,
        "wg0": there,
        "unreachable": {} if there else {"wg0": "no answer", "wg1": "no answer"},
        "findings": [] if there else ["answers over no way in"],
    }


def diagnosis(node: str, symptom: str = "cannot be asked") -> Json:
    """What doctor says of a node."""
    return {
        "rung": "tunnel",
        "where": node,
        "plane": "",
        "symptom": symptom,
        "cause": "it is off",
        "evidence": [f"{node}: reach: the node"],
        "fix": "look at its power",
    }


def difference(node: str) -> Json:
    """What drift says of a node."""
    told = {"node": node, "area": "reach", "what": "the node", "declared": "answers"}
    return {**told, "live": "no answer", "repair": "by hand", "fix": ""}


def seen(raw: Json | None = None, silent: Iterable[str] = (), **other: Any) -> Json:  # noqa: ANN401 - fields of a look
    """The map of a mesh that was looked at."""
    told = outputs(raw)
    return model(told, "lab", replace(look(told, silent), **other))


def declared(raw: Json | None = None) -> Json:
    """The map of a plan."""
    plan = checked_plan(raw or example.raw(), project="backplane", stack="lab")
    return model(planned(plan), "lab")


HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)
"""What a machine might call itself, or say of itself."""


def hostile() -> Json:
    """A map each of whose texts from machines is hostile, as outputs of a broken stack might be."""
    told = outputs()
    name = f"fsn-a'{HOSTILE}"
    nodes = told["nodes"]
    nodes[name] = {**nodes.pop("fsn-a"), "roles": [HOSTILE], "endpoint": f"javascript:{HOSTILE}"}
    told["plan"]["nodes"][name] = {**told["plan"]["nodes"].pop("fsn-a"), "image": HOSTILE}
    told["plan"]["sites"]["fsn"]["location"] = HOSTILE
    said = replace(look(told, [name]), doctor=[diagnosis(name, HOSTILE)])
    return model(told, f"lab{HOSTILE}", said)
