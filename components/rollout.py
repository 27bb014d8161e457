"""The rollout: one resource by which the whole mesh takes its new generation, or none of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local
from pydantic import JsonValue

from backplane.plan import Plan
from backplane.recipe import Recipe
from backplane.render import notes
from backplane.ways import EPOCHS, numbers
from components.access import Access
from components.mesh import Keyring
from components.node import Node
from components.person import Person
from runner import tool
from runner.receipt import RECEIPT

WRITER, DRIVER = (f".venv/bin/python -m runner.{module}" for module in ("receipt", "driver"))
"""Relative to the project, where a local command runs: no path of one machine is in the state."""

UNKNOWN = "0" * 16
"""The generation of a node that no receipt tells of: `--target` has left the receipt out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutArgs:
    """What a rollout is made of.

    Attributes:
        declared: The declaration as the stack's config has it.
        plan: The mesh.
        nodes: The nodes by name.
        people: Operators and runners by name.
        access: The push key.
        ring: The planes' randomness.
        secrets: What the declaration names, by name.
    """

    declared: JsonValue
    plan: Plan
    nodes: Mapping[str, Node]
    people: Mapping[str, Person]
    access: Access
    ring: Keyring
    secrets: pulumi.Output[Mapping[str, str]]


class Rollout(pulumi.ComponentResource):
    """Runs whenever what bundles are made of has changed, and again after each run that failed.

    A failed run is not recorded. So that taking a change back runs it too, whatever the failed run
    left behind, a receipt is drawn anew ahead of each run, and is one of its inputs.
    """

    generations: pulumi.Output[Mapping[str, str]]
    """What each node is to run, by name; known before the mesh is led there, and if that fails."""

    def __init__(
        self, name: str, args: RolloutArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Rollout", name, None, opts)
        plan, nodes = args.plan, args.nodes
        child = pulumi.ResourceOptions(parent=self)
        versions = tool.version(tool.build()), tool.program()

        def recipe(parts: Mapping[str, Any]) -> str:
            return Recipe(
                project=plan.project,
                stack=plan.stack,
                program=" ".join(versions),
                mesh=args.declared,
                absent=[node.name for node in plan.nodes if node.absent],
                **parts,
            ).encode()

        made: pulumi.Output[str] = pulumi.Output.secret(
            pulumi.Output.all(
                push_seed=args.access.seed,
                seeds={
                    **{one: person.seed for one, person in args.people.items()},
                    **{one: node.seed for one, node in nodes.items()},
                },
                salts=args.ring.salts,
                roots=args.ring.drawn,
                endpoints={one: node.endpoint for one, node in nodes.items()},
                private={
                    one: node.private for one, node in nodes.items() if node.private is not None
                },
                secrets=args.secrets,
            ).apply(recipe)
        )
        # What changes is told here: a command that fails is shown whole, twice, and this one
        # hardly ever does.
        receipt = local.Command(
            f"{name}-receipt",
            create=f"exec {WRITER}\n{notes.rollout(plan, *versions)}",
            stdin=made,
            logging=local.Logging.NONE,
            add_previous_output_in_env=False,
            opts=child,
        )
        told: pulumi.Output[dict[str, Any]] = pulumi.Output.unsecret(
            receipt.stdout.apply(json.loads)
        )
        machines = pulumi.Output.all(
            # Waited for and not told: nodes are met before the rollout starts.
            met=[node.met for node in nodes.values()],
            enrolled={one: node.enrolled for one, node in nodes.items()},
        ).apply(lambda parts: _digest(parts["enrolled"]))
        local.Command(
            f"{name}-command",
            create=f"exec {DRIVER}",
            stdin=made,
            environment={
                RECEIPT: told.apply(lambda line: line["receipt"]),
                "BACKPLANE_MACHINES": machines,
                # For the guard of the two ways in: recorded when the mesh has confirmed, only then.
                EPOCHS: json.dumps(numbers(plan), sort_keys=True),
            },
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=child,
        )
        self.generations = told.apply(
            lambda line: {one: line["generations"].get(one, UNKNOWN) for one in nodes}
        )
        self.register_outputs({"generations": self.generations})


def _digest(enrolled: Mapping[str, str]) -> str:
    """Other machines make a rollout run, whatever they were made anew for."""
    return hashlib.sha256(json.dumps(enrolled, sort_keys=True).encode()).hexdigest()[:16]
