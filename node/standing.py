"""What is remembered of routes until the next boot, and what people are shown of them.

`owners.json`: {"2": {"term", "owner", "metric"}}, which the loader of FRR's configuration reads
too. `routes.json`: see :func:`shown`; readable by everybody.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from node.follower import Leaf
from node.heartbeat import TERMS, Claim
from node.machine import Machine
from node.owners import Gateway
from node.routed import Routes

OPEN = 0o644
STALE = 12.0  # seconds after which what the daemon shows counts as that of a dead one


def owners_file(machine: Machine) -> Path:
    """Claims and metrics by remote site."""
    return machine.layout.run / "owners.json"


def shown_file(machine: Machine) -> Path:
    """What people are shown."""
    return machine.layout.run / "routes.json"


def drained_file(machine: Machine) -> Path:
    """Says by being there that this gateway is to own nothing; it outlasts a reboot."""
    return machine.layout.state / "drained"


def claims(machine: Machine) -> dict[int, Claim]:
    """What an earlier run since boot held; what is malformed counts as unknown."""
    found: dict[int, Claim] = {}
    for site, told in (machine.recall(owners_file(machine)) or {}).items():
        if not site.isdecimal() or not isinstance(told, dict):
            continue
        term, owner = told.get("term"), told.get("owner")
        if isinstance(term, int) and 0 < term < TERMS and owner in {0, 1}:
            found[int(site)] = Claim(term, owner)
    return found


def remember(machine: Machine, held: Mapping[int, Claim], metrics: Mapping[int, int]) -> None:
    """Keep claims, and the metric of each site's routes on a gateway."""
    machine.remember(
        owners_file(machine),
        {
            str(site): {"term": claim.term, "owner": claim.slot, "metric": metrics.get(site)}
            for site, claim in sorted(held.items())
        },
    )


def show(machine: Machine, told: Mapping[str, object]) -> None:
    """Write what people are shown, in one step."""
    machine.ensure_run()
    path = shown_file(machine)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps(told) + "\n", encoding="ascii")
    new.chmod(OPEN)
    new.rename(path)


def read(machine: Machine) -> dict[str, Any] | None:
    """What people are shown, and when that was (``at``); None while no daemon keeps it fresh."""
    try:
        told = json.loads(shown_file(machine).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(told, dict) or machine.clock.wall() - told["at"] > STALE:
        return None
    return told


def shown(
    routes: Routes, view: Gateway | Leaf, now: float, wall: float, paths: Collection[int]
) -> dict[str, Any]:
    """What people are shown.

    Returns:
        ``slot``; ``drained``; ``sibling``: its ``name``, ``alive``, ``drained`` and ``announced``,
        null without one; ``overlap``: whether a change of owner is under way; ``sites`` by id:
        ``name``, ``owner``, ``slot``, ``term``, ``why``, ``since`` (seconds since 1970), and on a
        gateway ``path`` (BGP leads there), ``backed`` (the sibling says that it reaches the site),
        ``copies``, ``hands_over``, ``metric``. A gateway's daemon adds ``announced``: whether FRR
        has taken all metrics.
    """
    sites: dict[str, dict[str, Any]] = {}
    backed = view.backed(now) if isinstance(view, Gateway) else frozenset()
    for site, held in view.sites.items():
        sites[str(site)] = {
            "name": routes.sites[site].name,
            "owner": routes.names.get(held.claim.slot),
            "slot": held.claim.slot,
            "term": held.claim.term,
            "why": held.why,
            "since": round(wall - (now - held.since)),
        }
        if isinstance(view, Gateway):
            duty = view.duty(site, now)
            sites[str(site)] |= {
                "path": site in paths,
                "backed": site in backed,
                "copies": duty.copies,
                "hands_over": duty.hands_over,
                "metric": duty.metric,
            }
    told: dict[str, Any] = {"slot": routes.slot, "drained": False, "sibling": None}
    if isinstance(view, Gateway):
        told["drained"] = view.drained
        if view.sibling is not None:
            told["sibling"] = {
                "name": routes.names.get(view.sibling),
                "alive": view.alive(now),
                "drained": view.heard.beat.drained if view.heard else False,
                "announced": view.heard.beat.announced if view.heard else False,
            }
    overlap = isinstance(view, Gateway) and view.overlaps(now)
    return told | {"overlap": overlap, "sites": sites}
