"""Machines that are there already: taken over when they become nodes, given back before they go."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_command import local

from backplane.plan import PlanMachine, PlanNode, PlanSite
from components.clouds.base import Addresses, Ground, MachineArgs
from runner.given_back import ADDRESS, NODE, PORT

TAKE, GIVEN_BACK = (
    f"exec .venv/bin/python -m runner.{module}" for module in ("takeover", "given_back")
)
"""Relative to the project, where a local command runs."""

LIMIT = "20m"
"""Time for a takeover: two waits for package mirrors, and its steps."""


class Existing:
    """`components.clouds.base.Cloud` for machines of anybody's.

    Nothing is made but the takeover: no firewall before the machine (its own is what shuts), no
    address, and no push key before it is on the plane.
    """

    def realm(self, site: PlanSite) -> str:
        """There is no account to see."""
        return site.cloud

    def provider(
        self, name: str, *, realm: str, nodes: Sequence[PlanNode], opts: pulumi.ResourceOptions
    ) -> None:
        """A local command needs none."""

    def push_key(
        self,
        name: str,
        *,
        realm: str,
        stack: str,
        public: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """The takeover brings it along."""

    def site(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> Ground:
        """Nothing of ours stands before such machines."""
        del name, stack, site, opts
        return Ground(firewall=None)

    def addresses(
        self,
        name: str,
        *,
        stack: str,
        node: PlanNode,
        ground: Ground,
        opts: pulumi.ResourceOptions,
    ) -> Addresses:
        """The declared ones."""
        del name, stack, ground, opts
        machine = _machine(node)
        return Addresses(
            ipv4=pulumi.Output.from_input(machine.ipv4),
            ipv6=pulumi.Output.from_input(machine.ipv6) if machine.ipv6 else None,
        )

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> local.Command:
        """The takeover; it is over once and for all, so what changes later runs nothing.

        Its deletion asks the machine whether it has been given back, lest nobody reach it any more.
        """
        node = args.node
        machine = _machine(node)
        birth = pulumi.ResourceOptions(
            ignore_changes=["create", "stdin"],
            delete_before_replace=True,
            replacement_trigger=node.incarnation,
            custom_timeouts=pulumi.CustomTimeouts(create=LIMIT, update=LIMIT),
        )
        return local.Command(
            name,
            create=TAKE,
            update="true",
            delete=GIVEN_BACK,
            stdin=args.order(),
            environment={NODE: node.name, ADDRESS: machine.ipv4, PORT: str(machine.port)},
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions.merge(opts, birth),
        )

    def private(
        self,
        name: str,
        *,
        node: PlanNode,
        ground: Ground,
        addresses: Addresses,
        machine: pulumi.CustomResource,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """No network of ours is there."""


def _machine(node: PlanNode) -> PlanMachine:
    assert node.machine is not None  # noqa: S101 - the declaration's checks made sure
    return node.machine
