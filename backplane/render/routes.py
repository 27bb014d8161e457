"""routes.json: what a node of a routed mesh knows of the ways to other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode


def document(plan: Plan, node: PlanNode) -> str:
    """The text of a node's routes.json, as `node.routed` says."""
    raise NotImplementedError
