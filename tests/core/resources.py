"""Resources on paper, as rules see them."""

from __future__ import annotations

from typing import Any

from backplane.policy import Rule, Seen, World, judge

FIREWALL = "hcloud:index/firewall:Firewall"
SERVER = "hcloud:index/server:Server"
ADDRESS = "hcloud:index/primaryIp:PrimaryIp"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
INSTANCE = "aws:ec2/instance:Instance"
ANYWHERE = ["0.0.0.0/0", "::/0"]


def urn(kind: str, name: str) -> str:
    """The URN of a resource of stack `lab`."""
    return f"urn:pulumi:lab::backplane::{kind}::{name}"


def seen(kind: str, name: str = "one", **more: Any) -> Seen:  # noqa: ANN401 - fields of Seen
    """A resource without inputs, but for some fields."""
    return Seen(urn=urn(kind, name), type=kind, **{"inputs": {}, **more})


def inbound(protocol: str = "udp", port: object = "51820", **more: object) -> dict[str, object]:
    """An inbound rule of a Hetzner firewall, from anywhere."""
    rule = {"direction": "in", "protocol": protocol, "port": port, "sourceIps": ANYWHERE}
    return {**rule, **more}


FOUR = [inbound(port=str(port)) for port in range(51820, 51824)]
"""The rules of a firewall that is as it must be."""


def told(
    rule: Rule,
    *resources: Seen,
    **more: Any,  # noqa: ANN401 - fields of World
) -> list[tuple[str, str, str]]:
    """What one rule finds: kind, name and words of each."""
    world = World(**{"stack": "lab", "resources": resources, "whole": True, **more})
    return [(one.kind, one.name, one.what) for one in judge(world, [rule])]
