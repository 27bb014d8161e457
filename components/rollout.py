"""The rollout: one resource by which the whole mesh takes its new generation, or none of it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local
from pydantic import JsonValue

from backplane.plan import Plan
from backplane.recipe import Recipe
from backplane.render import notes
from components.access import Access
from components.mesh import Keyring
from components.node import Node
from components.person import Person
from runner import tool

DRIVER = ".venv/bin/python -m runner.driver"
"""Relative to the project, where a local command runs: no path of one machine is in the state."""

RECEIPT = "od -An -N8 -tx1 /dev/urandom | tr -d ' \\n'"
"""Prints what is new each time it runs."""


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
    """The generation of each node by name, known when the mesh has confirmed."""

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
                push_seed=parts["push_seed"],
                seeds=parts["seeds"],
                salts=parts["salts"],
                roots={slot: b64encode(root).decode() for slot, root in parts["roots"].items()},
                endpoints=parts["endpoints"],
                machines=parts["machines"],
                secrets=parts["secrets"],
            ).encode()

        made: pulumi.Output[str] = pulumi.Output.all(
            push_seed=args.access.seed,
            seeds={
                **{one: person.seed for one, person in args.people.items()},
                **{one: node.seed for one, node in nodes.items()},
            },
            salts=args.ring.salts,
            roots=args.ring.roots,
            endpoints={one: node.endpoint for one, node in nodes.items()},
            machines={one: node.enrolled for one, node in nodes.items()},
            secrets=args.secrets,
            # Waited for and not told: nodes are met before the rollout starts.
            met=[node.met for node in nodes.values()],
        ).apply(recipe)
        stdin: pulumi.Output[str] = pulumi.Output.secret(made)
        receipt = local.Command(
            f"{name}-receipt",
            create=RECEIPT,
            stdin=made.apply(_digest),
            logging=local.Logging.NONE,
            add_previous_output_in_env=False,
            opts=child,
        )
        command = local.Command(
            f"{name}-command",
            create=f"exec {DRIVER}\n{notes.rollout(plan, *versions)}",
            stdin=stdin,
            environment={"BACKPLANE_RECEIPT": receipt.stdout},
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=child,
        )
        self.generations = pulumi.Output.unsecret(command.stdout.apply(json.loads))
        self.register_outputs({"generations": self.generations})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
