"""A plane: the randomness that its keys and PSKs are made from."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from backplane.plan import PlanPlane
from components.material import random_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneArgs:
    """What a plane is made of.

    Attributes:
        plane: The planned plane; its epochs decide when fresh randomness is drawn.
    """

    plane: PlanPlane


class Plane(pulumi.ComponentResource):
    """One WireGuard network across all sites. A new epoch replaces one resource, not one a node."""

    salt: pulumi.Output[str]
    """Key salt, 32 bytes as base64; secret."""

    root: pulumi.Output[str]
    """PSK root, 32 bytes as base64; secret."""

    def __init__(
        self, name: str, args: PlaneArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Plane", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.salt = random_bytes(f"{name}-keys", epoch=args.plane.keys, opts=child).base64
        child = pulumi.ResourceOptions(parent=self)
        self.root = random_bytes(f"{name}-psk", epoch=args.plane.psk, opts=child).base64
        self.register_outputs({"salt": self.salt, "root": self.root})
