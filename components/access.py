"""Access: the one SSH key that pushes, the same for every runner, and each realm's way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from backplane.plan import PlanNode
from backplane.recipe import push_key
from components.clouds import CLOUDS
from components.material import random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """What `Cloud.realm` tells apart.

    Attributes:
        name: Its name.
        cloud: The cloud's name.
        nodes: The planned nodes of all its sites.
    """

    name: str
    cloud: str
    nodes: Sequence[PlanNode]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessArgs:
    """What the access is made of.

    Attributes:
        stack: Name of the stack.
        realms: The realms in use, sorted by name.
        protect: Whether the seed may not be deleted by accident.
    """

    stack: str
    realms: Sequence[Realm]
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
    """Id of the public half in each realm that keeps one."""

    providers: dict[str, pulumi.ProviderResource | None]
    """Each realm's own provider; None where the default one serves."""

    def __init__(
        self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Access", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.seed = random_bytes(f"{name}-seed", opts=child).base64
        pair = self.seed.apply(push_key)
        self.private_key = pair.apply(lambda key: key.private.text())
        self.public_key = pulumi.Output.unsecret(pair.apply(lambda key: key.public))
        self.providers = {
            realm.name: CLOUDS[realm.cloud].provider(
                f"{name}-{realm.name}",
                realm=realm.name,
                nodes=realm.nodes,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for realm in args.realms
        }
        self.key_ids = {}
        for realm in args.realms:
            key = CLOUDS[realm.cloud].push_key(
                f"{name}-{realm.name}-key",
                realm=realm.name,
                stack=args.stack,
                public=self.public_key,
                opts=pulumi.ResourceOptions(parent=self, provider=self.providers[realm.name]),
            )
            if key is not None:
                self.key_ids[realm.name] = key.id
        self.register_outputs({"public_key": self.public_key, "key_ids": self.key_ids})
