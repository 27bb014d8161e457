"""The rollout: one resource by which the whole mesh takes its new generation, or none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_command import local

from backplane.plan import Plan
from backplane.render import notes
from components.access import Access
from components.node import Node
from runner import tool
from runner.order import Order, Target

DRIVER = ".venv/bin/python -m runner.rollout"
"""Relative to the project, where a local command runs: no path of one machine is in the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutArgs:
    """What a rollout is made of.

    Attributes:
        plan: The mesh.
        nodes: The nodes by name.
        access: The push key.
    """

    plan: Plan
    nodes: Mapping[str, Node]
    access: Access


class Rollout(pulumi.ComponentResource):
    """Runs whenever a stage ran. A failed run is not recorded, so a plain `up` runs it again."""

    done: pulumi.Output[str]
    """Id of the last rollout's resource, known when the mesh has confirmed."""

    def __init__(
        self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Rollout", name, None, opts)
        plan = args.plan
        # A node that is away or retired is left out; it catches up, or goes.
        taking = [node for node in plan.nodes if not (node.away or node.retire)]
        nodes = [args.nodes[node.name] for node in taking]
        facts = pulumi.Output.all(
            *(pulumi.Output.all(n.card, n.generation, n.receipt) for n in nodes)
        )

        def order(parts: Mapping[str, object]) -> str:
            push_key, told = parts["push_key"], parts["facts"]
            assert isinstance(told, list)  # noqa: S101 - Output.all gives a list of lists
            targets = tuple(
                Target(
                    name=node.name,
                    wg1=node.addresses["management"].v4,
                    wg0=node.addresses["enrollment"].v4,
                    host_key=card.ssh,
                    generation=generation,
                    receipt=receipt.strip(),
                )
                for node, (card, generation, receipt) in zip(taking, told, strict=True)
            )
            return Order(
                stack=plan.stack,
                timer=plan.timer,
                push_key=str(push_key),
                targets=targets,
                absent=tuple(node.name for node in plan.nodes if node.absent),
                offline=tuple(node.name for node in plan.nodes if node.offline),
            ).encode()

        given: pulumi.Output[str] = pulumi.Output.all(
            push_key=args.access.private_key, facts=facts
        ).apply(order)
        stdin: pulumi.Output[str] = pulumi.Output.secret(given)
        command = local.Command(
            f"{name}-command",
            create=f"exec {DRIVER}\n{notes.rollout(plan, tool.version(tool.build()))}",
            stdin=stdin,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[node.stage for node in nodes]),
        )
        self.done = command.id
        self.register_outputs({"done": self.done})
