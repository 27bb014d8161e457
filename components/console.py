"""The consoles: the randomness that their passwords are made from, beside each node's own seed."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.material import random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleArgs:
    """What the consoles are made of.

    Attributes:
        epoch: Raising it draws fresh randomness, and so another password for every node.
    """

    epoch: int


class Console(pulumi.ComponentResource):
    """One salt for the console passwords of all nodes: a new epoch replaces one resource."""

    salt: pulumi.Output[str]
    """32 bytes as base64; secret."""

    def __init__(
        self, name: str, args: ConsoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Console", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.salt = random_bytes(f"{name}-salt", epoch=args.epoch, opts=child).base64
        self.register_outputs({"salt": self.salt})
