"""What a site's machines stand on at AWS: a network of its own, and the security group."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pulumi

from backplane import planes
from backplane.clouds import ANYWHERE, STACK_LABEL, aws_network
from backplane.plan import PlanSite
from components.clouds.base import Ground, dark

EVERYTHING = "-1"
"""All protocols and ports, in a rule of a security group."""


def ground(name: str, *, stack: str, site: PlanSite, opts: pulumi.ResourceOptions) -> Ground:
    """Network and security group; a network that stands there already is only referred to."""
    tags = {"Name": f"{stack}-{site.name}", STACK_LABEL: stack}
    group = f"{name}-firewall"
    ingress = [
        {
            "protocol": protocol,
            "from_port": port,
            "to_port": port,
            "cidr_blocks": [ANYWHERE[0]],
            "ipv6_cidr_blocks": [ANYWHERE[1]],
        }
        for protocol, port in planes.INBOUND
    ]
    dark(group, ((rule["protocol"], rule["from_port"]) for rule in ingress))
    if site.vpc and site.subnet:
        vpc: pulumi.Input[str] = site.vpc
        subnet: pulumi.Input[str] = site.subnet
    else:
        vpc, subnet = _network(name, site, tags, opts)
    made = _group(group, f"{stack}-{site.name}", vpc, ingress, tags, opts)
    return Ground(firewall=made.id, parts={"subnet": subnet, "group": made.id})


def _group(
    name: str,
    called: str,
    vpc: pulumi.Input[str],
    ingress: list[dict[str, Any]],
    tags: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> Any:  # noqa: ANN401 - its SDK's types cost mypy minutes
    """The security group, with its rules inside.

    Rules of their own would be made after it, and those that another hand adds would stay: here
    the provider takes away what is not listed. It also takes away AWS's own outbound rule, so
    outbound is said. Name and description never change: either would make another group.
    """
    from pulumi_aws import ec2  # noqa: PLC0415 - half a second that only AWS sites pay

    return ec2.SecurityGroup(
        name,
        name=called,
        description="Backplane: four WireGuard planes and nothing else",
        vpc_id=vpc,
        ingress=[ec2.SecurityGroupIngressArgs(**rule) for rule in ingress],
        egress=[
            ec2.SecurityGroupEgressArgs(
                protocol=EVERYTHING,
                from_port=0,
                to_port=0,
                cidr_blocks=[ANYWHERE[0]],
                ipv6_cidr_blocks=[ANYWHERE[1]],
            )
        ],
        tags=tags,
        opts=opts,
    )


def _network(
    name: str, site: PlanSite, tags: dict[str, str], opts: pulumi.ResourceOptions
) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    """VPC and subnet, both of IPv4 and IPv6, with a way to the internet."""
    from pulumi_aws import ec2  # noqa: PLC0415 - as above

    block = aws_network(site.id)
    vpc = ec2.Vpc(
        f"{name}-vpc",
        cidr_block=block,
        assign_generated_ipv6_cidr_block=True,
        tags=tags,
        opts=opts,
    )
    gateway = ec2.InternetGateway(f"{name}-gateway", vpc_id=vpc.id, tags=tags, opts=opts)
    subnet = ec2.Subnet(
        f"{name}-subnet",
        vpc_id=vpc.id,
        cidr_block=block,
        ipv6_cidr_block=vpc.ipv6_cidr_block.apply(_first),
        map_public_ip_on_launch=False,
        tags=tags,
        opts=opts,
    )
    table = ec2.RouteTable(
        f"{name}-routes",
        vpc_id=vpc.id,
        routes=[
            ec2.RouteTableRouteArgs(cidr_block=ANYWHERE[0], gateway_id=gateway.id),
            ec2.RouteTableRouteArgs(ipv6_cidr_block=ANYWHERE[1], gateway_id=gateway.id),
        ],
        tags=tags,
        opts=opts,
    )
    routed = ec2.RouteTableAssociation(
        f"{name}-routed", subnet_id=subnet.id, route_table_id=table.id, opts=opts
    )
    # Public addresses want the way out first, and hold it as long as they are there.
    way = pulumi.Output.all(subnet.id, routed.id).apply(lambda ids: str(ids[0]))
    return vpc.id, way


def _first(network: str) -> str:
    """The first /64 of a VPC's block."""
    return str(next(ip_network(network).subnets(new_prefix=64)))
