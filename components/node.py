"""A node: its seed, public addresses, machine and enrollment."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

import pulumi

from backplane import console, holders, keys
from backplane.plan import Plan, PlanNode
from backplane.render import bundle as bundles
from backplane.render import cloudinit, takeover
from components.access import Access
from components.clouds import CLOUDS
from components.clouds.base import MachineArgs
from components.link import Ends, Link
from components.material import card, random_bytes
from components.mesh import Directory, Keyring
from components.push import Push, command
from components.site import Site


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
    """

    plan: Plan
    node: PlanNode
    site: Site
    access: Access
    link: Link
    ring: Keyring
    runners: pulumi.Output[Directory]


class Node(pulumi.ComponentResource):
    """A machine that is dark from its first packet, and enrolled over wg0."""

    card: pulumi.Output[keys.Card]
    """Its public half: keys, host key and endpoint."""

    server_id: pulumi.Output[str]
    """Id of its machine at the cloud."""

    endpoint: pulumi.Output[str]
    """Its public address, the one that peers dial."""

    private: pulumi.Output[str] | None
    """Where nodes of its own site call it, if its site has a private network."""

    public: pulumi.Output[dict[str, str | None]]
    """All its public addresses by family, also those that nobody dials; None where it has none."""

    seed: pulumi.Output[str]
    """What its keys are made of, base64; secret."""

    console: pulumi.Output[str | None]
    """The password of root on its console, if it has one; secret."""

    enrolled: pulumi.Output[str]
    """Id of its enrollment, new with each machine."""

    met: pulumi.Output[str]
    """The wg1 address, known when this run has met it there, or over wg0 while wg1 is silent."""

    def __init__(
        self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        plan, node = args.plan, args.node
        # Children's names begin with ours, so the engine follows each of them from this one alias.
        renamed = [pulumi.Alias(name=node.was)] if node.was else None
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=renamed))
        super().__init__("backplane:index:Node", name, None, opts)
        guarded = plan.protect and not node.retire

        def child(provider: pulumi.ProviderResource | None = None) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, protect=guarded, provider=provider)

        self.seed = seed = random_bytes(f"{name}-seed", opts=child()).base64
        identity = pulumi.Output.all(seed=seed, salts=args.ring.salts).apply(
            lambda parts: holders.of_node(
                node, b64decode(parts["seed"]), holders.decoded(parts["salts"]), slots=plan.slots
            )
        )
        self.console = pulumi.Output.secret(
            identity.apply(lambda own: console.password(own.console) if own.console else None)
        )
        bootstrap = seed.apply(lambda text: keys.bootstrap(b64decode(text), node.incarnation))

        cloud, site = CLOUDS[node.cloud], args.site
        provider = args.access.providers[site.realm]
        addresses = cloud.addresses(
            name, stack=plan.stack, node=node, ground=site.ground, opts=child(provider)
        )
        dialled = addresses.ipv6 if node.endpoint_family == "ipv6" else None
        self.endpoint = endpoint = dialled or addresses.ipv4
        self.public = pulumi.Output.all(ipv4=addresses.ipv4, ipv6=addresses.ipv6)
        runner = args.link.person.name
        ends = Ends(node=node, identity=identity, bootstrap=bootstrap, endpoint=endpoint)
        way = args.link.call(ends)

        def order() -> pulumi.Output[str]:
            return pulumi.Output.secret(
                pulumi.Output.all(
                    way=way,
                    bootstrap=bootstrap,
                    identity=identity,
                    runner=args.runners.apply(lambda cards: cards[runner]),
                    push_public=args.access.public_key,
                    push_private=args.access.private_key,
                ).apply(lambda parts: takeover.order(plan, name, takeover.Parts(**parts)))
            )

        server = cloud.machine(
            f"{name}-server",
            MachineArgs(
                stack=plan.stack,
                node=node,
                ground=site.ground,
                addresses=addresses,
                push_key=args.access.key_ids.get(site.realm),
                user_data=pulumi.Output.secret(
                    pulumi.Output.all(bootstrap, args.runners, args.access.public_key).apply(
                        lambda parts: cloudinit.user_data(
                            plan, name, parts[0], parts[1][runner], parts[2]
                        )
                    )
                ),
                order=order,
            ),
            opts=child(provider),
        )

        enroll = command(
            f"{name}-enroll",
            Push(
                node=name,
                bundle=pulumi.Output.all(identity, args.runners, args.ring.roots).apply(
                    lambda parts: bundles.birth(plan, name, *parts).encode()
                ),
                host=node.addresses["enrollment"].v4,
                host_key=args.link.first_contact(ends, way, server.id),
                private_key=args.access.private_key,
                server=server,
            ),
            parent=self,
        )
        self.private = cloud.private(
            f"{name}-private",
            node=node,
            ground=site.ground,
            addresses=addresses,
            machine=server,
            opts=child(provider),
        )
        self.card = card(identity, node.key, endpoint, self.private)
        self.server_id = server.id
        self.enrolled = enroll.id
        self.met = args.link.meet(ends, server.id, enroll.id)
        self.register_outputs({"server_id": self.server_id})
