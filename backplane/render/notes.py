"""Plan data as comment lines under a command, so that a preview shows what a change does.

Only names, plane addresses, ports and epochs: a public address, key or hash would turn the whole
text into an unknown on every node whenever a node is added.
"""

from collections.abc import Iterator

from backplane.members import MTU
from backplane.plan import Plan, PlanNode

LIMIT = 120_000
"""Octets: Linux takes no argument of more than 128 KiB (execve(2)), and this is one."""


def rollout(plan: Plan, tool: str, program: str) -> str:
    """The mesh: planes with epochs and members, a line for each node and each person.

    A node's line has its addresses and what it opens on each plane. Of more than `LIMIT` the rest
    is counted and left out: the report has it all.

    Args:
        plan: the mesh.
        tool: version of the node tool.
        program: version of what makes the bundles.
    """
    lines = [f"# {line}\n" for line in _mesh(plan, tool, program)]
    kept, size = 0, 0
    for line in lines:
        size += len(line.encode())
        kept += size <= LIMIT
    left = len(lines) - kept
    more = [f"# and {left} lines more, which `backplane report` tells of\n"] if left else []
    return "".join((*lines[:kept], *more))


def _mesh(plan: Plan, tool: str, program: str) -> Iterator[str]:
    yield f"{plan.stack}: {plan.topology}, timer {plan.timer} s, program {program}, tool {tool}"
    yield f"console passwords: epoch {plan.console}"
    for site in plan.sites:
        if site.private:
            yield f"{site.name}: nodes call each other over its private network"
    for plane in plan.planes:
        yield (
            f"{plane.slot}: {plane.supernet4} {plane.supernet6}, udp {plane.port}, "
            f"mtu {plane.mtu}, keys {plane.keys}, psk {plane.psk}"
        )
    # Each node is a peer of all, or of all of its site, so that the members of a plane tell the
    # peers of each: by node they would grow with the square. Those with the same members share one.
    groups: dict[tuple[str, ...], list[str]] = {}
    for slot in plan.slots:
        names = tuple(peer.name for peer in plan.members[slot])
        groups.setdefault(names, []).append(slot)
    for names, slots in groups.items():
        yield f"members of {', '.join(slots)}: {' '.join(names) or 'none'}"
    for one in plan.segments:
        those = " ".join(one.nodes)
        yield f"segment {one.name}: vxlan {one.id} over {one.slot}, mtu {one.mtu}: {those}"
    for node in plan.nodes:
        yield _node(plan, node)
    for person in plan.people:
        yield f"{person.kind} {person.name} {person.key} on {', '.join(person.slots)}"


def _node(plan: Plan, node: PlanNode) -> str:
    before = f", was {node.was}" if node.was else ""
    state = ", retire" if node.retire else ", offline" if node.offline else ""
    own = ",".join(str(node.epochs[slot]) for slot in plan.slots)
    own += f", console {node.console or 'none'}"
    own += f", mtu {node.mtu}" if node.mtu != MTU else ""
    told = []
    for slot in plan.slots:
        at = node.addresses[slot]
        opened = (one for one in plan.openings(node.name) if one.slot == slot)
        doors = ", ".join(f"{one.proto} {one.port} {one.role}" for one in opened)
        told.append(f"{slot} {at.v4} {at.v6}" + (f" open {doors}" if doors else ""))
    about = f"{node.name} {node.key}{before}, incarnation {node.incarnation}, own keys {own}{state}"
    return "; ".join((about, *_gateway(plan, node), *told))


def _gateway(plan: Plan, node: PlanNode) -> Iterator[str]:
    """Which gateway it is; its links follow from who is one, so that they are only counted."""
    if node not in plan.gateways(node.site):
        return
    remote = (one.name for one in plan.remote(node.site))
    owned = ", ".join(name for name in remote if plan.owner(node.site, name) == node.name)
    sizes = sorted({link.mtu for link in node.links})
    narrow = f" of mtu {' and '.join(map(str, sizes))}" if {*sizes} - {MTU} else ""
    yield (
        f"gateway {node.slot} of {node.site}, {len(node.links)} links{narrow}, "
        f"carries {owned or 'nothing'} by default"
    )
