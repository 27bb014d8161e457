"""What a cloud must do for a site and a node; the only thing components know of clouds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import pulumi

from backplane.plan import PlanNode, PlanSite
from backplane.policy import inbound


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicIp:
    """A public address of its own, which outlives the machine that has it.

    Attributes:
        resource: The cloud's resource.
        address: The address a peer dials, without a prefix length.
    """

    resource: pulumi.CustomResource
    address: pulumi.Output[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineArgs:
    """What a machine is made of.

    Attributes:
        stack: Name of the stack, kept as a label.
        node: The planned node.
        firewall: Id of the site's firewall; it stands before the machine's first packet.
        push_key: Id of the cloud's copy of the public push key.
        user_data: First-boot text; secret.
        ipv4: The machine's IPv4 address.
        ipv6: The machine's IPv6 address, None where its public interface speaks no IPv6.
    """

    stack: str
    node: PlanNode
    firewall: pulumi.Input[str]
    push_key: pulumi.Input[str]
    user_data: pulumi.Input[str]
    ipv4: PublicIp
    ipv6: PublicIp | None


class Cloud(Protocol):
    """A place to rent machines. Each method makes one resource, named as told."""

    def firewall(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        """A stateful firewall that lets in `backplane.planes.INBOUND` and nothing else.

        It asks `dark` before it asks the cloud.
        """
        ...

    def push_key(
        self, name: str, *, stack: str, public: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        """The public half of the push key."""
        ...

    def public_ip(
        self, name: str, *, stack: str, node: PlanNode, family: str, opts: pulumi.ResourceOptions
    ) -> PublicIp:
        """A public address of family `ipv4` or `ipv6`."""
        ...

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        """The machine itself."""
        ...


def dark(name: str, rules: Iterable[tuple[object, object]]) -> None:
    """Refuse a firewall that lets in anything but the four UDP ports, before it is asked for.

    Args:
        name: The firewall's name.
        rules: Protocol and port, or `first-last`, of every inbound rule that it is to have.

    Raises:
        pulumi.RunError: It would let in more than that, or less.
    """
    openings = []
    for protocol, port in rules:
        first, last = inbound.ports(port)
        openings.append(inbound.Opening(protocol=str(protocol), first=first, last=last))
    wrong = [f"lets in {one}" for one in openings if not one.allowed]
    wrong += [f"keeps out udp {port}" for port in inbound.missing(openings)]
    if wrong:
        rule = inbound.ONLY_FOUR
        raise pulumi.RunError(
            f"firewall {name} {'; '.join(wrong)}\n  rule: {rule.says}\n  fix: {rule.fix}"
        )
