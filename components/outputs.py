"""What other programs read of a stack, version 1. A field never changes its meaning within one.

Plain outputs::

    version      1
    nodes        {"fsn-a": {"key": "1.1", "site": "fsn", "endpoint": "198.51.100.17",
                  "public": {"ipv4": "198.51.100.17", "ipv6": "2001:db8:1:1::1" or null},
                  "offline": false, "retire": false, "roles": ["node_exporter", "ssh"],
                  "host_key": "ssh-ed25519 AAAA…", "generation": "<16 hex>",
                  "addresses": {"management": {"ipv4": "10.201.1.1", "ipv6": "fd…"}, …},
                  "public_keys": {"management": "<base64>", …}}, …}
    ssh_config   text for ~/.ssh/config: every node by name, over wg1
    known_hosts  text for ~/.ssh/known_hosts: the host keys that ssh_config's aliases pin
    firewall_ids {"fsn": "<id>", …}, without the sites whose cloud has no firewall of ours
    server_ids   {"fsn-a": "<id>", …}
    dns          {"zones": {"management": "mgmt", …}, "services": {"prometheus.mon": ["hel-b"]},
                  "servers": {"fsn-a": {"ipv4", "ipv6"}}, "guests": ["printer.mgmt"]}; without a
                  DNS node the names still stand in every node's hosts file
    plan         what `backplane.picture` tells: the mesh before any resource is there

Secret outputs::

    runner       what the verbs need, as `runner.credentials` says (a mapping)
    guests       {"printer.mgmt": "hmac-sha256:printer.mgmt.:<base64>"}, a TSIG key as a file
                 for `knsupdate -k`, for each name that a machine outside the stack may register
    console      {"fsn-a": {"user": "root", "password": "<five groups of five letters>"}, …}, of
                 every node whose console has a password
    operators    {"alice": {"<file name>": "<wg-quick text>", …}, …}, one file a plane
    direct       the same with every node as a peer, for those whose sites have entry nodes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi

from backplane import console, keys, names, planes
from backplane.picture import addresses, both, picture
from backplane.plan import Plan, PlanNode
from backplane.render import operator, sshconfig
from backplane.roles import Role, dns
from components.access import Access
from components.link import guards, sides
from components.mesh import Keyring
from components.node import Node
from components.person import Person
from components.site import Site
from runner.credentials import DIALLED
from runner.credentials import VERSION as RUNNER_VERSION

VERSION = 1
"""Version of the outputs' shape."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsArgs:
    """What the outputs tell of.

    Attributes:
        plan: The mesh.
        nodes: The nodes by name.
        people: Operators and runners by name.
        sites: The sites by name.
        access: The push key.
        ring: The planes' randomness.
        generations: The generation of each node by name.
    """

    plan: Plan
    nodes: Mapping[str, Node]
    people: Mapping[str, Person]
    sites: Mapping[str, Site]
    access: Access
    ring: Keyring
    generations: pulumi.Output[Mapping[str, str]]


def export(args: OutputsArgs) -> None:
    """Export everything that the module's docstring lists."""
    plan = args.plan
    directory = pulumi.Output.all(**{name: node.card for name, node in args.nodes.items()})
    told = {
        node.name: pulumi.Output.all(args.nodes[node.name].card, args.generations[node.name])
        for node in plan.nodes
    }
    pulumi.export("version", VERSION)
    pulumi.export(
        "nodes",
        {
            node.name: pulumi.Output.all(told[node.name], args.nodes[node.name].public).apply(
                partial(_node, node, plan.roles(node.name))
            )
            for node in plan.nodes
        },
    )
    pulumi.export("ssh_config", sshconfig.config(plan))
    pulumi.export("known_hosts", directory.apply(partial(sshconfig.known_hosts, plan)))
    walls = {name: site.firewall_id for name, site in args.sites.items()}
    pulumi.export("firewall_ids", {name: wall for name, wall in walls.items() if wall is not None})
    pulumi.export("server_ids", {name: node.server_id for name, node in args.nodes.items()})
    pulumi.export("plan", picture(plan))
    pulumi.export("dns", _dns(plan))
    pulumi.export("guests", pulumi.Output.secret(args.ring.roots.apply(partial(_guests, plan))))
    pulumi.export("console", pulumi.Output.secret(_consoles(args)))
    pulumi.export("runner", pulumi.Output.secret(_runner(args, pulumi.Output.all(**told))))
    pulumi.export("operators", pulumi.Output.secret(_operators(args, directory)))
    if any(site.entry for site in plan.sites):
        pulumi.export("direct", pulumi.Output.secret(_operators(args, directory, direct=True)))


def _node(node: PlanNode, roles: Iterable[Role], told: Sequence[Any]) -> Json:
    (card, generation), public = told
    return {
        "key": node.key,
        "site": node.site,
        "endpoint": card.endpoint,
        "public": public,
        "offline": node.offline,
        "retire": node.retire,
        "roles": [role.name for role in roles],
        "host_key": card.ssh,
        "generation": generation,
        "addresses": addresses(node.addresses),
        "public_keys": dict(card.wireguard),
    }


def _dns(plan: Plan) -> Json:
    slot = planes.MANAGEMENT.slot
    services: dict[str, list[str]] = {}
    for record in names.of_services(plan):
        services.setdefault(record.name, []).append(record.node)
    return {
        "zones": {plane.slot: plane.zone for plane in plan.planes if plane.zone},
        "services": services,
        "servers": {node.name: both(node.addresses[slot]) for node in names.answering(plan)},
        "guests": [names.registered(guest) for guest in plan.dns.guests],
    }


def _guests(plan: Plan, roots: Mapping[str, bytes]) -> Json:
    owned = (dns.guest_key(guest) for guest in plan.dns.guests)
    root = roots[planes.MANAGEMENT.slot]
    return {
        one.owner: f"hmac-sha256:{one.owner}.:"
        + keys.tsig(root, one.owner, incarnation=one.incarnation).base64()
        for one in owned
    }


def _consoles(args: OutputsArgs) -> pulumi.Output[Json]:
    told = {one.name: args.nodes[one.name].console for one in args.plan.nodes if one.console}
    # Of nothing `all` makes a list.
    return pulumi.Output.all(**told).apply(
        lambda found: {
            name: {"user": console.USER, "password": word} for name, word in dict(found).items()
        }
    )


def _runner(args: OutputsArgs, told: pulumi.Output[Json]) -> pulumi.Output[Json]:
    plan = args.plan

    def credentials(parts: Json) -> Json:
        return {
            "version": RUNNER_VERSION,
            "stack": plan.stack,
            "push_key": parts["push_key"],
            "guards": list(guards(plan)),
            "runners": {
                person.name: {
                    "sides": {
                        side.slot: {
                            "interface": side.interface,
                            "addresses": list(side.addresses),
                            "mtu": side.mtu,
                            "private_key": parts["own"][person.name].wireguard[side.slot].base64(),
                        }
                        for side in sides(plan, person)
                    },
                    "psks": {
                        node.name: {
                            slot: keys.psk(
                                parts["roots"][slot], node.key, person.key, slot=slot
                            ).base64()
                            for slot in DIALLED
                        }
                        for node in plan.nodes
                    },
                }
                for person in plan.runners
            },
            "nodes": {
                node.name: _credentials(plan, node, *parts["told"][node.name])
                for node in plan.nodes
            },
        }

    return pulumi.Output.all(
        push_key=args.access.private_key,
        roots=args.ring.roots,
        own=pulumi.Output.all(
            **{person.name: args.people[person.name].identity for person in plan.runners}
        ),
        told=told,
    ).apply(credentials)


def _credentials(plan: Plan, node: PlanNode, card: keys.Card, generation: str) -> Json:
    return {
        "key": node.key,
        "site": node.site,
        "offline": node.offline,
        "host_key": card.ssh,
        "endpoint": card.endpoint,
        "generation": generation,
        "planes": {
            plane.slot: {
                "v4": node.addresses[plane.slot].v4,
                "v6": node.addresses[plane.slot].v6,
                "port": plane.port,
                "public_key": card.wireguard[plane.slot],
            }
            for plane in plan.planes
        },
    }


def _operators(
    args: OutputsArgs, directory: pulumi.Output[Any], *, direct: bool = False
) -> pulumi.Output[Json]:
    plan = args.plan
    operators = [person for person in plan.people if person.kind == "operator"]

    def texts(parts: Json) -> Json:
        return {
            person.name: operator.configs(
                plan,
                person.name,
                parts["own"][person.name],
                parts["directory"],
                parts["roots"],
                direct=direct,
            )
            for person in operators
        }

    return pulumi.Output.all(
        own=pulumi.Output.all(
            **{person.name: args.people[person.name].identity for person in operators}
        ),
        directory=directory,
        roots=args.ring.roots,
    ).apply(texts)
