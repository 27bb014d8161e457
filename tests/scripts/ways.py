"""A routed mesh of three sites as data: what its outputs declare and what its nodes say."""

from __future__ import annotations

import copy
from typing import Any

from tests.core import example
from tests.core.pictures import drawn

Json = dict[str, Any]
PICTURE = drawn(example.routed())
SINCE = 1_700_000_000


def outputs() -> Json:
    """The plain outputs, as far as ways between sites are told of there."""
    plan = copy.deepcopy(PICTURE)
    nodes = {
        name: {"site": node["site"], "offline": False, "retire": False}
        for name, node in plan["nodes"].items()
    }
    return {"nodes": nodes, "plan": plan}


def told() -> dict[str, Json]:
    """What each node says to `routing` when all is well."""
    return {name: _said(node) for name, node in PICTURE["nodes"].items()}


def _said(node: Json) -> Json:
    gateway = node["slot"] is not None
    owners = PICTURE["owners"][node["site"]]
    slots = {other: one["slot"] for other, one in PICTURE["nodes"].items()}
    links = [
        {
            "interface": link["interface"],
            "peer": link["peer"],
            "site": link["site"],
            "bgp": "Established",
            "bfd": "up",
            "up": True,
            "seconds": 7300,
            "v4": 4,
            "v6": 4,
        }
        for link in node["links"]
        if link["site"] != node["site"]
    ]
    siblings = [link["peer"] for link in node["links"] if link["site"] == node["site"]]
    return {
        "routed": True,
        "running": True,
        "troubles": [],
        "links": links,
        "slot": node["slot"],
        "drained": False,
        "overlap": False,
        "sibling": {"name": siblings[0], "alive": True, "drained": False} if siblings else None,
        "sites": {
            str(number): {
                "name": remote,
                "owner": owner,
                "slot": slots[owner],
                "term": 1,
                "why": "default",
                "since": SINCE,
                **({"path": True, "backed": False} if gateway else {}),
            }
            for number, (remote, owner) in enumerate(owners.items())
        },
    }
