"""The whole mesh: declare, plan, planes, people, sites, nodes, rollout, outputs."""

import gc
from functools import partial

from components import outputs
from components.console import Console, ConsoleArgs
from components.declared import declared
from components.link import Link
from components.mesh import access, cards, keyring, people
from components.node import Node, NodeArgs
from components.plane import Plane, PlaneArgs
from components.quiet import quiet
from components.rollout import Rollout, RolloutArgs
from components.secrets import named
from components.site import Site, SiteArgs

quiet()
mesh, plan = declared()
secrets = named(plan)
link = Link(plan)
planes = {plane.slot: Plane(plane.slot, PlaneArgs(plane=plane)) for plane in plan.planes}
console = Console("console", ConsoleArgs(epoch=plan.console))
ring, push = keyring(planes, console), access(plan)
crowd = people(plan, ring, push)
link.use(push, crowd[link.person.name].identity, ring.roots)

sites = {
    site.name: Site(site.name, SiteArgs(stack=plan.stack, site=site, access=push))
    for site in plan.sites
}
runners = cards({person.name: crowd[person.name] for person in plan.runners})
shared = partial(NodeArgs, plan=plan, access=push, link=link, ring=ring, runners=runners)
nodes = {
    node.name: Node(node.name, shared(node=node, site=sites[node.site])) for node in plan.nodes
}

rollout = Rollout(
    "mesh",
    RolloutArgs(
        declared=mesh,
        plan=plan,
        nodes=nodes,
        people=crowd,
        access=push,
        ring=ring,
        secrets=secrets,
    ),
)
outputs.export(
    outputs.OutputsArgs(
        plan=plan,
        nodes=nodes,
        people=crowd,
        sites=sites,
        access=push,
        ring=ring,
        generations=rollout.generations,
    )
)

# What is there by now stays to the end: looking through it for garbage takes a tenth of a second.
gc.freeze()
