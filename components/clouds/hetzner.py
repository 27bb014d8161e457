"""Hetzner Cloud: firewall, push key, primary IPs and server."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

import pulumi
import pulumi_hcloud as hcloud

from backplane import planes
from backplane.clouds import (
    ANYWHERE,
    NODE_LABEL,
    STACK_LABEL,
    ZONES,
    hetzner_address,
    hetzner_network,
)
from backplane.plan import PlanNode, PlanSite
from components.clouds.base import Addresses, Ground, MachineArgs, dark


class Hetzner:
    """`components.clouds.base.Cloud` for Hetzner."""

    def realm(self, site: PlanSite) -> str:
        """A project is seen whole, whatever the location."""
        return site.cloud

    def provider(
        self, name: str, *, realm: str, nodes: Sequence[PlanNode], opts: pulumi.ResourceOptions
    ) -> None:
        """The default one: a token is all it needs, and it stands in the environment."""

    def push_key(
        self,
        name: str,
        *,
        realm: str,
        stack: str,
        public: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> hcloud.SshKey:
        """Without a key of ours Hetzner would set a root password and mail it."""
        del realm
        return hcloud.SshKey(
            name,
            name=f"{stack}-push",
            public_key=public,
            labels={STACK_LABEL: stack},
            opts=opts,
        )

    def site(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> Ground:
        """A firewall: inbound as the one constant says, no outbound rule, so all outbound goes.

        Its name and labels never change: the provider was seen to drop all rules with them
        (terraform-provider-hcloud issue 931).
        """
        rules = [
            hcloud.FirewallRuleArgs(
                direction="in", protocol=protocol, port=str(port), source_ips=list(ANYWHERE)
            )
            for protocol, port in planes.INBOUND
        ]
        firewall = f"{name}-firewall"
        dark(firewall, ((rule.protocol, rule.port) for rule in rules if rule.direction != "out"))
        made = hcloud.Firewall(
            firewall,
            name=f"{stack}-{site.name}",
            labels={STACK_LABEL: stack},
            rules=rules,
            opts=opts,
        )
        if not site.private:
            return Ground(firewall=made.id)
        subnet = _network(name, stack=stack, site=site, opts=opts)
        return Ground(firewall=made.id, parts={"subnet": subnet.id})

    def addresses(
        self,
        name: str,
        *,
        stack: str,
        node: PlanNode,
        ground: Ground,
        opts: pulumi.ResourceOptions,
    ) -> Addresses:
        """Primary IPs; of an IPv6 network the first address is the server's."""
        del ground
        made = {
            family: hcloud.PrimaryIp(
                f"{name}-{family}",
                name=f"{stack}-{node.name}-{family}",
                type=family,
                location=node.location,
                assignee_type="server",
                auto_delete=False,
                labels={STACK_LABEL: stack, NODE_LABEL: node.name},
                opts=opts,
            )
            for family in ("ipv4", *(("ipv6",) if node.ipv6 else ()))
        }
        return Addresses(
            ipv4=made["ipv4"].ip_address,
            ipv6=made["ipv6"].ip_network.apply(_first) if node.ipv6 else None,
            parts={family: one.id for family, one in made.items()},
        )

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> hcloud.Server:
        """A server; what Hetzner would replace it for is fixed at its birth.

        Names are unique in a project, so a replaced server goes before its successor comes.
        """
        node, has = args.node, args.addresses.parts
        # `site` and `push_key` above always make them.
        assert args.ground.firewall is not None  # noqa: S101
        assert args.push_key is not None  # noqa: S101
        net = hcloud.ServerPublicNetArgs(
            ipv4_enabled=True,
            ipv4=_number(has["ipv4"]),
            ipv6_enabled="ipv6" in has,
            ipv6=_number(has["ipv6"]) if "ipv6" in has else None,
        )
        birth = pulumi.ResourceOptions(
            ignore_changes=["user_data", "ssh_keys", "image"],
            delete_before_replace=True,
            replacement_trigger=node.incarnation,
        )
        return hcloud.Server(
            name,
            name=node.name,
            server_type=node.type,
            image=str(node.snapshot) if node.snapshot else node.image,
            location=node.location,
            firewall_ids=[_number(args.ground.firewall)],
            public_nets=[net],
            ssh_keys=[args.push_key],
            user_data=args.user_data,
            labels={STACK_LABEL: args.stack, NODE_LABEL: node.name},
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
        """An attachment to the site's network at the address that follows from the node's id.

        A running server takes it. The cloud's firewalls do not stand before it: what a neighbour
        there may send is for the node's own ruleset to say, which says the same everywhere.
        """
        del addresses
        if not node.private:
            return None
        made = hcloud.ServerNetwork(
            name,
            server_id=machine.id.apply(int),
            subnet_id=ground.parts["subnet"],
            ip=hetzner_address(node.site_id, node.id),
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(protect=False, deleted_with=machine)
            ),
        )
        return made.ip


def _network(
    name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
) -> hcloud.NetworkSubnet:
    """The site's private network, of one subnet; nobody but this stack's servers is put on it."""
    block = hetzner_network(site.id)
    network = hcloud.Network(
        f"{name}-network",
        name=f"{stack}-{site.name}",
        ip_range=block,
        labels={STACK_LABEL: stack},
        opts=opts,
    )
    return hcloud.NetworkSubnet(
        f"{name}-subnet",
        network_id=network.id.apply(int),
        type="cloud",
        network_zone=ZONES[site.location],
        ip_range=block,
        opts=opts,
    )


def _number(identifier: pulumi.Input[str]) -> pulumi.Output[int]:
    return pulumi.Output.from_input(identifier).apply(int)


def _first(network: str) -> str:
    return str(ip_network(network)[1])
