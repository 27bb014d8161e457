"""A node's ruleset of nftables, and parts of it."""

import re

from backplane.plan import Plan
from backplane.render import nftables


def ruleset(plan: Plan, name: str) -> str:
    """A node's ruleset, with everybody it knows."""
    peers = {slot: plan.peers(name, slot) for slot in plan.slots}
    far = {slot: plan.far(name, slot) for slot in plan.slots} if plan.routed else {}
    return nftables.ruleset(plan, plan.node(name), slots=plan.slots, peers=peers, far=far)


def chain(text: str, name: str) -> list[str]:
    """The lines of one chain of a ruleset."""
    body = re.search(rf"^\tchain {name} {{\n(.*?)^\t}}", text, re.MULTILINE | re.DOTALL)
    assert body, name
    return [line.strip() for line in body[1].splitlines()]
