"""Hetzner Cloud: firewall, push key, primary IPs and server."""

from __future__ import annotations

from ipaddress import ip_network

import pulumi
import pulumi_hcloud as hcloud

from backplane import planes
from backplane.plan import PlanNode, PlanSite
from components.clouds.base import MachineArgs, PublicIp, dark

ANYWHERE = ("0.0.0.0/0", "::/0")
"""Peers roam, so sources are not narrowed; who has no key gets no answer."""

STACK_LABEL = "backplane-stack"
"""On every object of a stack, so that what is in no state can be found and told apart."""

NODE_LABEL = "backplane-node"
"""On what belongs to one node."""


class Hetzner:
    """`components.clouds.base.Cloud` for Hetzner."""

    def firewall(
        self, name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions
    ) -> hcloud.Firewall:
        """Inbound as the one constant says; no outbound rule, so all outbound is allowed.

        Its name and labels never change: the provider was seen to drop all rules with them
        (terraform-provider-hcloud issue 931).
        """
        rules = [
            hcloud.FirewallRuleArgs(
                direction="in", protocol=protocol, port=str(port), source_ips=list(ANYWHERE)
            )
            for protocol, port in planes.INBOUND
        ]
        dark(name, ((rule.protocol, rule.port) for rule in rules if rule.direction != "out"))
        return hcloud.Firewall(
            name,
            name=f"{stack}-{site.name}",
            labels={STACK_LABEL: stack},
            rules=rules,
            opts=opts,
        )

    def push_key(
        self, name: str, *, stack: str, public: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> hcloud.SshKey:
        """Without a key of ours Hetzner would set a root password and mail it."""
        return hcloud.SshKey(
            name,
            name=f"{stack}-push",
            public_key=public,
            labels={STACK_LABEL: stack},
            opts=opts,
        )

    def public_ip(
        self, name: str, *, stack: str, node: PlanNode, family: str, opts: pulumi.ResourceOptions
    ) -> PublicIp:
        """A primary IP; of an IPv6 network the first address is the server's."""
        made = hcloud.PrimaryIp(
            name,
            name=f"{stack}-{node.name}-{family}",
            type=family,
            location=node.location,
            assignee_type="server",
            auto_delete=False,
            labels={STACK_LABEL: stack, NODE_LABEL: node.name},
            opts=opts,
        )
        if family == "ipv4":
            return PublicIp(resource=made, address=made.ip_address)
        first = made.ip_network.apply(lambda network: str(ip_network(network)[1]))
        return PublicIp(resource=made, address=first)

    def machine(
        self, name: str, args: MachineArgs, *, opts: pulumi.ResourceOptions
    ) -> hcloud.Server:
        """A server; what Hetzner would replace it for is fixed at its birth.

        Names are unique in a project, so a replaced server goes before its successor comes.
        """
        node = args.node
        net = hcloud.ServerPublicNetArgs(
            ipv4_enabled=True,
            ipv4=_number(args.ipv4.resource.id),
            ipv6_enabled=args.ipv6 is not None,
            ipv6=_number(args.ipv6.resource.id) if args.ipv6 else None,
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
            firewall_ids=[_number(args.firewall)],
            public_nets=[net],
            ssh_keys=[args.push_key],
            user_data=args.user_data,
            labels={STACK_LABEL: args.stack, NODE_LABEL: node.name},
            opts=pulumi.ResourceOptions.merge(opts, birth),
        )


def _number(identifier: pulumi.Input[str]) -> pulumi.Output[int]:
    return pulumi.Output.from_input(identifier).apply(int)
