"""A node: its seed, public addresses, machine, enrollment and stage."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from backplane import keys
from backplane.plan import Plan, PlanNode
from backplane.render import bundle as bundles
from backplane.render import cloudinit, notes
from components.access import Access
from components.clouds import CLOUDS
from components.clouds.base import MachineArgs
from components.link import Ends, Link
from components.material import card, decoded, random_bytes
from components.mesh import Directory, Keyring
from components.push import Push, command
from components.site import Site
from runner import tool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeArgs:
    """What a node is made of.

    Attributes:
        plan: The mesh.
        node: The planned node.
        site: Its site.
        access: The push key.
        link: The runner's tunnel.
        ring: The planes' randomness.
        runners: The public halves of the runners by name.
        directory: The public halves of everybody by name; resolved after all nodes are made.
        secrets: What the declaration names, by name.
    """

    plan: Plan
    node: PlanNode
    site: Site
    access: Access
    link: Link
    ring: Keyring
    runners: pulumi.Output[Directory]
    directory: pulumi.Output[Directory]
    secrets: pulumi.Output[Mapping[str, str]]


class Node(pulumi.ComponentResource):
    """A machine that is dark from its first packet, enrolled over wg0 and staged over wg1."""

    card: pulumi.Output[keys.Card]
    """Its public half: keys, host key and endpoint."""

    generation: pulumi.Output[str]
    """The generation it must end with, 16 hex digits."""

    server_id: pulumi.Output[str]
    """Id of its machine at the cloud."""

    endpoint: pulumi.Output[str]
    """Its public address, the one that peers dial."""

    identity: pulumi.Output[keys.Identity]
    """Its secret half."""

    receipt: pulumi.Output[str]
    """What its stage printed, new each time the stage ran."""

    stage: pulumi.Resource
    """The stage, for what must come after it."""

    def __init__(
        self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan, node = args.plan, args.node
        # Children's names begin with ours, so the engine follows each of them from this one alias.
        renamed = [pulumi.Alias(name=node.was)] if node.was else None
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=renamed))
        super().__init__("backplane:index:Node", name, None, opts)
        guarded = plan.protect and not node.retire

        def child() -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, protect=guarded)

        seed = random_bytes(f"{name}-seed", opts=child()).base64
        identity = pulumi.Output.all(seed=seed, salts=args.ring.salts).apply(
            lambda parts: keys.identity(
                b64decode(parts["seed"]),
                decoded(parts["salts"]),
                slots=plan.slots,
                epochs=node.epochs,
                incarnation=node.incarnation,
            )
        )
        bootstrap = seed.apply(lambda text: keys.bootstrap(b64decode(text), node.incarnation))

        cloud = CLOUDS[node.cloud]
        addresses = {
            family: cloud.public_ip(
                f"{name}-{family}", stack=plan.stack, node=node, family=family, opts=child()
            )
            for family in ("ipv4", *(("ipv6",) if node.ipv6 else ()))
        }
        endpoint = addresses[node.endpoint_family].address
        self.card = card(identity, node.key, endpoint)
        runner = args.link.person.name
        server = cloud.machine(
            f"{name}-server",
            MachineArgs(
                stack=plan.stack,
                node=node,
                firewall=args.site.firewall_id,
                push_key=args.access.key_ids[node.cloud],
                user_data=pulumi.Output.secret(
                    pulumi.Output.all(bootstrap, args.runners, args.access.public_key).apply(
                        lambda parts: cloudinit.user_data(
                            plan, name, parts[0], parts[1][runner], parts[2]
                        )
                    )
                ),
                ipv4=addresses["ipv4"],
                ipv6=addresses.get("ipv6"),
            ),
            opts=child(),
        )

        ends = Ends(
            node=node, identity=identity, bootstrap=bootstrap, endpoint=endpoint, machine=server.id
        )
        enroll = command(
            f"{name}-enroll",
            Push(
                node=name,
                verb="enroll",
                notes="",
                bundle=pulumi.Output.all(identity, args.runners, args.ring.roots).apply(
                    lambda parts: bundles.birth(plan, name, *parts).encode()
                ),
                host=node.addresses["enrollment"].v4,
                host_key=args.link.first_contact(ends),
                private_key=args.access.private_key,
                server=server,
                fixed=True,
            ),
            parent=self,
        )
        made = pulumi.Output.all(identity, args.directory, args.ring.roots, args.secrets).apply(
            lambda parts: bundles.bundle(plan, name, *parts)
        )
        stage = command(
            f"{name}-stage",
            Push(
                node=name,
                verb="stage",
                notes=notes.stage(plan, name, tool.version(tool.build())),
                bundle=made.apply(lambda one: one.encode()),
                host=args.link.way(ends, enroll.id),
                host_key=self.card.apply(lambda public: public.ssh),
                private_key=args.access.private_key,
                server=server,
                # What is absent is left as it is, and catches up when it is back.
                fixed=node.away or node.retire,
            ),
            parent=self,
            after=[enroll],
        )
        self.stage, self.identity, self.endpoint = stage, identity, endpoint
        self.server_id = server.id
        self.generation = pulumi.Output.unsecret(made.apply(lambda one: one.generation))
        self.receipt = stage.stdout
        self.register_outputs({"generation": self.generation})
