"""Access: the one SSH key that pushes, the same for every runner of a stack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from backplane.recipe import push_key
from components.clouds import CLOUDS
from components.material import random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessArgs:
    """What the access is made of.

    Attributes:
        stack: Name of the stack.
        clouds: Names of the clouds in use, sorted.
        protect: Whether the seed may not be deleted by accident.
    """

    stack: str
    clouds: Iterable[str]
    protect: bool


class Access(pulumi.ComponentResource):
    """The push key. Every runner uses it, so connections stay the same whoever runs the program."""

    seed: pulumi.Output[str]
    """What the key is made of, base64; secret."""

    private_key: pulumi.Output[str]
    """OpenSSH private key; secret."""

    public_key: pulumi.Output[str]
    """Its public half, `ssh-ed25519 AAAA…`."""

    key_ids: dict[str, pulumi.Output[str]]
    """Id of the public half in each cloud, by the cloud's name."""

    def __init__(
        self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Access", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.seed = random_bytes(f"{name}-seed", opts=child).base64
        pair = self.seed.apply(push_key)
        self.private_key = pair.apply(lambda key: key.private.text())
        self.public_key = pulumi.Output.unsecret(pair.apply(lambda key: key.public))
        self.key_ids = {
            cloud: CLOUDS[cloud]
            .push_key(
                f"{name}-{cloud}-key",
                stack=args.stack,
                public=self.public_key,
                opts=pulumi.ResourceOptions(parent=self),
            )
            .id
            for cloud in args.clouds
        }
        self.register_outputs({"public_key": self.public_key, "key_ids": self.key_ids})
