"""What a rollout is told: the nodes, and what each must become."""

from __future__ import annotations

from dataclasses import dataclass, field

from backplane.recipe import Recipe, push_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One node of a rollout.

    Attributes:
        name: Name of the node.
        wg1: Its management address.
        wg0: Its enrollment address.
        host_key: Its lasting SSH host key.
        generation: The generation it must end with, 16 hex digits.
        bundle: That generation's bundle as the node tool reads it; secret. Empty in a repair.
        port: TCP port of its sshd.
    """

    name: str
    wg1: str
    wg0: str
    host_key: str
    generation: str
    bundle: str = field(default="", repr=False)
    port: int = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A whole rollout.

    Attributes:
        stack: Name of the stack.
        timer: Seconds after which a node undoes an unconfirmed generation by itself.
        push_key: OpenSSH private key; secret.
        targets: The nodes, by name.
        repair: Whether nodes that stand where they should are put right all the same.
        absent: Names of nodes that this run goes on without, since it does not reach them.
        offline: Names of nodes that are declared to be down.
    """

    stack: str
    timer: int
    push_key: str = field(repr=False)
    targets: tuple[Target, ...]
    repair: bool = False
    absent: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()


def ordered(recipe: Recipe) -> Order:
    """The rollout of a mesh; who is away or retired has no part in it, and catches up, or goes."""
    plan, targets = recipe.plan, list[Target]()
    for node, bundle in zip(plan.nodes, recipe.bundles(), strict=True):
        if node.away or node.retire:
            continue
        targets.append(
            Target(
                name=node.name,
                wg1=node.addresses["management"].v4,
                wg0=node.addresses["enrollment"].v4,
                host_key=recipe.directory[node.name].ssh,
                generation=bundle.generation,
                bundle=bundle.encode(),
            )
        )
    return Order(
        stack=plan.stack,
        timer=plan.timer,
        push_key=push_key(recipe.push_seed).private.text(),
        targets=tuple(targets),
        absent=tuple(node.name for node in plan.nodes if node.absent),
        offline=tuple(node.name for node in plan.nodes if node.offline),
    )
