"""Random resources into key material: the few lines between `RandomBytes` and `backplane.keys`."""

from __future__ import annotations

import pulumi
from pulumi_random import RandomBytes

from backplane import holders, keys

LENGTH = 32
"""Bytes of every random value: as many as an X25519 key has (RFC 7748)."""


def random_bytes(
    name: str, *, opts: pulumi.ResourceOptions, epoch: int | None = None
) -> RandomBytes:
    """32 random bytes, kept in the state as a secret; another epoch draws fresh ones."""
    keepers = None if epoch is None else {"epoch": str(epoch)}
    return RandomBytes(name, length=LENGTH, keepers=keepers, opts=opts)


def card(
    own: pulumi.Output[keys.Identity],
    key: str,
    endpoint: pulumi.Input[str | None],
    private: pulumi.Input[str | None],
) -> pulumi.Output[keys.Card]:
    """The public half of a node's identity, no secret any more."""
    made = pulumi.Output.all(own, endpoint, private).apply(
        lambda parts: holders.node_card(parts[0], key=key, endpoint=parts[1], private=parts[2])
    )
    return pulumi.Output.unsecret(made)
