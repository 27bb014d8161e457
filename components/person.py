"""A person: an operator's device or a runner, as a peer of every node on its planes."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from backplane import holders, keys
from backplane.plan import PlanPerson
from components.material import random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonArgs:
    """What a person is made of.

    Attributes:
        person: The planned operator or runner.
        salts: Key salt of each plane, base64; secret.
        login: The push key's public half, with which runners log in.
        protect: Whether the seed may not be deleted by accident.
    """

    person: PlanPerson
    salts: pulumi.Output[Mapping[str, str]]
    login: pulumi.Output[str]
    protect: bool


class Person(pulumi.ComponentResource):
    """Keys of one person, made from a seed of their own; keys they bring win over these."""

    seed: pulumi.Output[str]
    """What their keys are made of, base64; secret."""

    identity: pulumi.Output[keys.Identity]
    """The secret half."""

    card: pulumi.Output[keys.Card]
    """The public half."""

    def __init__(
        self, name: str, args: PersonArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Person", name, None, opts)
        person = args.person
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.seed = random_bytes(f"{name}-seed", opts=child).base64
        self.identity = pulumi.Output.all(seed=self.seed, salts=args.salts).apply(
            lambda parts: holders.of_person(
                person, b64decode(parts["seed"]), holders.decoded(parts["salts"])
            )
        )
        self.card = pulumi.Output.unsecret(
            pulumi.Output.all(self.identity, args.login).apply(
                lambda parts: holders.card_of(person, *parts)
            )
        )
        self.register_outputs({})
