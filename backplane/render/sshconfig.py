"""What people put into ~/.ssh: the way to each node over the management plane, and host keys."""

from collections.abc import Mapping

from backplane import planes
from backplane.keys import Card
from backplane.plan import Plan, PlanNode


def alias(plan: Plan, node: PlanNode) -> str:
    """The name a node's host key is known by, told apart from other stacks' nodes."""
    return f"{node.name}.{plan.stack}.backplane"


def config(plan: Plan) -> str:
    """Text for ~/.ssh/config, sorted by node: ``ssh fsn-a`` goes over wg1."""
    lines: list[str] = []
    for node in plan.nodes:
        lines += [
            f"Host {node.name} {alias(plan, node)}",
            f"  HostName {node.addresses[planes.MANAGEMENT.slot].v4}",
            f"  HostKeyAlias {alias(plan, node)}",
            "  StrictHostKeyChecking yes",
            "  User root",
            "",
        ]
    return "\n".join(lines)


def known_hosts(plan: Plan, directory: Mapping[str, Card]) -> str:
    """Lines for ~/.ssh/known_hosts: each node by its alias and its addresses on both ways in.

    Args:
        plan: the mesh.
        directory: the card of every node, by name.
    """
    lines: list[str] = []
    for node in plan.nodes:
        names = [alias(plan, node)]
        for slot in planes.REQUIRED:
            names += [node.addresses[slot].v4, node.addresses[slot].v6]
        lines.append(f"{','.join(names)} {directory[node.name].ssh}\n")
    return "".join(lines)
