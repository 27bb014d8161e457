"""A mesh looked at from all sides at once: what `doctor` knows, and what a map shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts import _diagnosis, _drift, _drift_ask, _drift_cloud, _ways
from scripts._causes import Diagnosis
from scripts._stack import Stack, receipt_urn
from scripts._survey import Survey, survey
from scripts._verdict import Mesh, judge

Tell = Callable[[str], None]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found.

    Attributes:
        seen: what the nodes said of themselves and of each other.
        drift: what differs from the declaration, on nodes and in the clouds.
        routing: how the sites of a routed mesh reach each other; empty in another.
        diagnoses: what is broken, and why.
    """

    seen: Survey
    drift: list[Json]
    routing: Json
    diagnoses: list[Diagnosis]


async def examine(stack: Stack, declared: Mesh, tell: Tell, wait: float) -> Examination:
    """Look at everything; the tunnel must be up.

    Args:
        stack: the stack.
        declared: its mesh, with the doors that are to be tried.
        tell: takes one short line for each node that is done.
        wait: seconds to go on trying to reach a node.
    """
    nodes = stack.outputs["nodes"]
    names = [node.name for node in declared.nodes]
    seen, answers, cloud = await asyncio.gather(
        survey(stack.credentials, declared, tell, wait),
        _drift_ask.ask(stack.credentials, names, lambda _: None, wait),
        asyncio.to_thread(_drift_cloud.look, stack),
    )
    generations = {name: nodes[name]["generation"] for name in names}
    drift = [*_drift.of_nodes(declared, generations, answers, receipt_urn(stack)), *cloud]
    found, routing = list(drift), dict[str, Any]()
    if declared.routed:
        told = {name: one.ways for name, one in seen.facts.items()}
        routing = _ways.judge(stack.outputs, told)
        found += [*routing["findings"], *routing["notes"]]
    verdict = judge(declared, seen.facts, seen.unreachable)
    sites = {name: node["site"] for name, node in nodes.items()}
    diagnoses = _diagnosis.diagnose(declared, verdict, found, sites)
    return Examination(seen=seen, drift=drift, routing=routing, diagnoses=diagnoses)
