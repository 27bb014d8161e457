"""Types of resources: those that the rules judge, and no other."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.policy import inbound, machines, plain
from backplane.policy.rule import Rule, Trouble, wrong
from backplane.policy.seen import World

PROGRAM = frozenset(
    {
        inbound.HETZNER,
        machines.SERVER,
        machines.ADDRESS,
        "hcloud:index/network:Network",
        "hcloud:index/networkSubnet:NetworkSubnet",
        "hcloud:index/serverNetwork:ServerNetwork",
        "hcloud:index/sshKey:SshKey",
        plain.RANDOM,
        plain.REMOTE,
        plain.LOCAL,
        *inbound.GROUPS[:1],
        machines.INSTANCE,
        machines.INTERFACE,
        machines.ELASTIC,
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/keyPair:KeyPair",
        "aws:ec2/routeTable:RouteTable",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
    }
)
"""What the program makes; networks and keys let nothing in by themselves."""

AWS = frozenset(
    {
        *inbound.GROUPS,
        inbound.GROUP_RULE,
        inbound.INGRESS_RULE,
        machines.VOLUME,
    }
)
"""What the other rules judge beside it."""

WITHIN = ("pulumi:", "backplane:index:")
"""Pulumi's own (stack, providers, references) and our components: nothing at a cloud."""


def _known(world: World) -> Iterator[Trouble]:
    for seen in world.resources:
        if seen.type not in PROGRAM | AWS and not seen.type.startswith(WITHIN):
            yield wrong(seen, f"is of a type that no rule judges ({seen.type})")


KNOWN = Rule(
    id="known-types",
    says="every resource is of a type that the rules judge",
    why="a rule knows types by name: what opens a port by another one would pass all of them",
    fix="make it in a stack of its own, or add its type and its rules to backplane/policy",
    look=_known,
)
