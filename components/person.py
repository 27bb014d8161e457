"""A person: an operator's device or a runner, as a peer of every node on its planes."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from backplane import keys
from backplane.plan import PlanPerson
from components.material import decoded, random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonArgs:
    """What a person is made of.

    Attributes:
        person: The planned operator or runner.
        salts: Key salt of each plane, base64; secret.
        login: The SSH public key a runner logs in with; None for an operator's own.
        protect: Whether the seed may not be deleted by accident.
    """

    person: PlanPerson
    salts: pulumi.Output[Mapping[str, str]]
    login: pulumi.Output[str] | None
    protect: bool


class Person(pulumi.ComponentResource):
    """Keys of one person, made from a seed of their own; keys they bring win over these."""

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
        seed = random_bytes(f"{name}-seed", opts=child)
        self.identity = pulumi.Output.all(seed=seed.base64, salts=args.salts).apply(
            lambda parts: keys.identity(
                b64decode(parts["seed"]),
                decoded(parts["salts"]),
                slots=person.slots,
                purpose="user",
            )
        )
        self.card = pulumi.Output.unsecret(
            pulumi.Output.all(self.identity, args.login).apply(
                lambda parts: keys.card(
                    parts[0],
                    key=person.key,
                    public_keys=person.public_keys,
                    ssh=person.ssh_key or parts[1],
                )
            )
        )
        self.register_outputs({})
