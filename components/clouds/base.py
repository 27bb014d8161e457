"""What a cloud must do for a site and a node; the only thing components know of clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi

from backplane.plan import PlanNode, PlanSite
from backplane.policy import inbound

Handles = Mapping[str, pulumi.Input[str]]
"""Ids of a cloud's own resources by its own words; only that cloud reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a site's machines stand on.

    Attributes:
        firewall: Id of the firewall, as the outputs tell it; None where the cloud has none of ours.
        parts: What the cloud needs of it for addresses and machines.
    """

    firewall: pulumi.Output[str] | None
    parts: Handles = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A node's public addresses, which outlive its machine.

    Attributes:
        ipv4: The address a peer dials, without a prefix length.
        ipv6: Likewise; None where its public interface speaks no IPv6.
        parts: What the cloud needs to give them to a machine.
    """

    ipv4: pulumi.Output[str]
    ipv6: pulumi.Output[str] | None
    parts: Handles = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineArgs:
    """What a machine is made of.

    Attributes:
        stack: Name of the stack, kept as a label.
        node: The planned node.
        ground: What its site stands on; a firewall is in force before the machine's first packet.
        addresses: Its public addresses.
        push_key: Id of the realm's copy of the public push key, None where there is none.
        user_data: First-boot text; secret.
        order: Makes what a takeover is told (see `runner.takeover_order`); secret, and known once
            this runner's tunnel calls the node.
    """

    stack: str
    node: PlanNode
    ground: Ground
    addresses: Addresses
    push_key: pulumi.Input[str] | None
    user_data: pulumi.Input[str]
    order: Callable[[], pulumi.Output[str]]


class Cloud(Protocol):
    """A place to have machines. What a method makes is named as told, with a suffix if it is more.

    `opts` carry the parent, the protection and the realm's provider; a cloud adds to them, and
    drops the protection from what it makes again at no loss.
    """

    def realm(self, site: PlanSite) -> str:
        """What shares one view of one account with other sites, and so provider and push key.

        It is the cloud's name, with what tells apart behind it: `hetzner`, `aws-eu-central-1`.
        """
        ...

    def provider(
        self, name: str, *, realm: str, nodes: Sequence[PlanNode], opts: pulumi.ResourceOptions
    ) -> pulumi.ProviderResource | None:
        """The realm's own provider; None where the default one serves.

        It is asked for before anything is made at a cloud. What can be looked up there for the
        realm's nodes is looked up now.

        Raises:
            pulumi.RunError: The cloud cannot be asked, or does not have what the nodes need.
        """
        ...

    def push_key(
        self,
        name: str,
        *,
        realm: str,
        stack: str,
        public: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.CustomResource | None:
        """The public half of the push key; None where machines are not born with one."""
        ...

    def site(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> Ground:
        """All that a site's machines stand on.

        Its firewall is stateful and lets in `backplane.planes.INBOUND` and nothing else; `dark`
        is asked before the cloud is.
        """
        ...

    def addresses(
        self,
        name: str,
        *,
        stack: str,
        node: PlanNode,
        ground: Ground,
        opts: pulumi.ResourceOptions,
    ) -> Addresses:
        """A node's public addresses: IPv4, and IPv6 where the node has it."""
        ...

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        """The machine itself, replaced when the node's incarnation is another."""
        ...

    def private(
        self,
        name: str,
        *,
        node: PlanNode,
        ground: Ground,
        addresses: Addresses,
        machine: pulumi.CustomResource,
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Output[str] | None:
        """Its IPv4 address in its site's private network; None where its site asks for none.

        It comes and goes beside the machine, which is neither made anew nor switched off for it.
        """
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
