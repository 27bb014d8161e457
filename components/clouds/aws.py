"""AWS: one provider and push key a region; interface, address and instance for each node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from backplane.clouds import CLOUDS, NODE_LABEL, STACK_LABEL
from backplane.plan import PlanNode, PlanSite
from components.clouds import aws_site
from components.clouds.aws_region import Region, region_of
from components.clouds.base import Addresses, Ground, MachineArgs

if TYPE_CHECKING:
    from pulumi_aws import ec2

GATEWAY = "gateway"
"""The role whose nodes pass on what is not addressed to them."""


ROOT = CLOUDS["aws"].disk
"""GiB of a root volume: Debian's image has 8, which a Prometheus fills."""


class Aws:
    """`components.clouds.base.Cloud` for AWS.

    `pulumi_aws` is imported where it is used: other stacks need not wait for it.
    """

    def realm(self, site: PlanSite) -> str:
        """Regions share nothing but the account."""
        return f"{site.cloud}-{site.location}"

    def provider(
        self, name: str, *, realm: str, nodes: Sequence[PlanNode], opts: pulumi.ResourceOptions
    ) -> Region:
        """One a region, since a provider speaks to one."""
        return Region(name, region=realm.removeprefix("aws-"), nodes=nodes, opts=opts)

    def push_key(
        self,
        name: str,
        *,
        realm: str,
        stack: str,
        public: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> ec2.KeyPair:
        """The key that the image lets in as well, while sshd listens on wg0 alone."""
        from pulumi_aws import ec2  # noqa: PLC0415

        del realm
        return ec2.KeyPair(
            name,
            key_name=f"{stack}-push",
            public_key=public,
            tags={"Name": f"{stack}-push", STACK_LABEL: stack},
            opts=opts,
        )

    def site(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> Ground:
        """A network of the site's own or the one it names, and a security group."""
        return aws_site.ground(name, stack=stack, site=site, opts=opts)

    def addresses(
        self,
        name: str,
        *,
        stack: str,
        node: PlanNode,
        ground: Ground,
        opts: pulumi.ResourceOptions,
    ) -> Addresses:
        """An interface that outlives the machine, with an elastic IP.

        A machine is launched on them, so its first packet has its lasting address already. The
        elastic IP alone hangs on nothing that a change of the site could replace.
        """
        from pulumi_aws import ec2  # noqa: PLC0415

        tags = _tags(stack, node)
        interface = ec2.NetworkInterface(
            f"{name}-interface",
            subnet_id=ground.parts["subnet"],
            security_groups=[ground.parts["group"]],
            ipv6_address_count=1 if node.ipv6 else 0,
            source_dest_check=GATEWAY not in node.roles,
            tags=tags,
            opts=opts,
        )
        address = ec2.Eip(
            f"{name}-ipv4", domain="vpc", network_interface=interface.id, tags=tags, opts=opts
        )
        ipv4 = pulumi.Output.all(name, address.public_ip, address.association_id)
        return Addresses(
            ipv4=ipv4.apply(lambda parts: _associated(*parts)),
            ipv6=interface.ipv6_addresses.apply(lambda all_: str(all_[0])) if node.ipv6 else None,
            parts={
                "interface": interface.id,
                "ipv4": address.id,
                "private": interface.private_ip,
            },
        )

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> ec2.Instance:
        """An instance; its image, user-data and key are those of its birth.

        Its interface can be on one machine at a time, so a replaced one goes before its successor
        comes. It waits for its elastic IP: without one it would reach no package mirror.
        """
        from pulumi_aws import ec2  # noqa: PLC0415

        node, has = args.node, args.addresses.parts
        tags = _tags(args.stack, node)
        interface = pulumi.Output.all(has["interface"], has["ipv4"]).apply(lambda ids: str(ids[0]))
        birth = pulumi.ResourceOptions(
            # Whether it passes on what is not its own is its interface's to say. The provider
            # reads that back as the instance's and would put it right there, again and again.
            ignore_changes=["user_data", "key_name", "ami", "source_dest_check"],
            delete_before_replace=True,
            replacement_trigger=node.incarnation,
        )
        return ec2.Instance(
            name,
            ami=region_of(opts).image(node),
            instance_type=node.type,
            primary_network_interface=ec2.InstancePrimaryNetworkInterfaceArgs(
                network_interface_id=interface
            ),
            key_name=args.push_key,
            user_data=args.user_data,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                http_protocol_ipv6="disabled",
                instance_metadata_tags="disabled",
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                encrypted=True,
                volume_type="gp3",
                volume_size=ROOT,
                delete_on_termination=True,
                tags=tags,
            ),
            tags=tags,
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
    ) -> pulumi.Output[str] | None:
        """The one that its interface has in any case: nothing more is made.

        The site's security group stands before it, whoever calls from where.
        """
        del name, ground, machine, opts
        if not node.private:
            return None
        return pulumi.Output.from_input(addresses.parts["private"])


def _associated(node: str, address: str, association: str | None) -> str:
    """The address, once it is the interface's: a machine without it would reach no mirror."""
    if not association and not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(
            f"{node}: its elastic IP {address} is not its interface's\n"
            "  why: an earlier run was cut off or refused between the two\n"
            "  fix: run `pulumi up --refresh`, which sees it and puts it right"
        )
    return address


def _tags(stack: str, node: PlanNode) -> dict[str, str]:
    return {"Name": node.name, STACK_LABEL: stack, NODE_LABEL: node.name}
