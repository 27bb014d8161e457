"""A mesh of two sites, four nodes, an operator and a runner, with keys from fixed seeds."""

import hashlib
from dataclasses import dataclass
from typing import Any

from backplane import keys
from backplane.check import checked_plan
from backplane.keys import Card, Identity
from backplane.plan import Plan, PlanNode


def raw() -> dict[str, Any]:
    """The declaration, fresh each time."""
    return {
        "ula": "fd12:3456:789a::/48",
        "sites": {
            "fsn": {
                "id": 1,
                "location": "fsn1",
                "nodes": {
                    "fsn-a": {"id": 1},
                    "fsn-b": {"id": 2, "image": "debian-13", "bridges": ["docker0"]},
                },
            },
            "hel": {
                "id": 2,
                "location": "hel1",
                "nodes": {"hel-a": {"id": 1, "endpoint": "ipv6"}, "hel-b": {"id": 2}},
            },
        },
        "operators": {"alice": {"id": 1, "planes": ["management", "monitoring"]}},
    }


def grown(count: int) -> dict[str, Any]:
    """A declaration of `count` nodes on four sites, with ten operators."""
    return {
        "sites": {
            f"site-{site}": {
                "id": site,
                "location": "fsn1",
                "nodes": {
                    f"node-{site}-{number}": {"id": number} for number in range(1, count // 4 + 1)
                },
            }
            for site in range(4)
        },
        "operators": {
            f"person-{number}": {"id": number, "planes": ["management"]} for number in range(1, 11)
        },
    }


def routed() -> dict[str, Any]:
    """A declaration of three sites: with two gateways and a leaf, the same, and one gateway."""
    two: dict[str, dict[str, Any]] = {
        "a": {"id": 1, "roles": ["gateway"]},
        "b": {"id": 2, "roles": ["gateway"], "slot": 1},
        "c": {"id": 3},
    }
    sites: dict[str, tuple[int, dict[str, dict[str, Any]]]] = {
        "fsn": (1, two),
        "hel": (2, two),
        "nbg": (5, {"a": {"id": 9, "roles": ["gateway"]}}),
    }
    return {
        "ula": "fd12:3456:789a::/48",
        "topology": "routed",
        "sites": {
            name: {
                "id": number,
                "location": "fsn1",
                "nodes": {f"{name}-{letter}": dict(node) for letter, node in nodes.items()},
            }
            for name, (number, nodes) in sites.items()
        },
        "operators": {"alice": {"id": 1, "planes": ["management", "monitoring"]}},
    }


def seed(*words: object) -> bytes:
    """32 bytes that follow from words."""
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


@dataclass(frozen=True, kw_only=True)
class Material:
    """A plan with everybody's keys."""

    plan: Plan
    identities: dict[str, Identity]
    cards: dict[str, Card]
    roots: dict[str, bytes]


def material(declared: dict[str, Any] | None = None) -> Material:
    """The example, or another declaration, with keys as the stack would make them."""
    plan = checked_plan(declared or raw(), project="backplane", stack="lab")
    salts = {slot: seed("salt", slot) for slot in (*plan.slots, keys.CONSOLE)}
    roots = {slot: seed("root", slot) for slot in plan.slots}
    identities: dict[str, Identity] = {}
    cards: dict[str, Card] = {}
    for position, member in enumerate(plan.everyone):
        node = isinstance(member, PlanNode)
        identities[member.name] = keys.identity(
            seed("node", member.key),
            salts,
            slots=member.addresses,
            epochs=member.epochs if isinstance(member, PlanNode) else {},
            purpose="host" if node else "user",
            console=member.console if isinstance(member, PlanNode) else None,
            links=[link.key for link in member.links] if isinstance(member, PlanNode) else (),
        )
        endpoint = None
        if isinstance(member, PlanNode):
            six = member.endpoint_family == "ipv6"
            number = position + 17
            endpoint = f"2001:db8:1:{number}::1" if six else f"198.51.100.{number}"
        cards[member.name] = keys.card(identities[member.name], key=member.key, endpoint=endpoint)
    return Material(plan=plan, identities=identities, cards=cards, roots=roots)
