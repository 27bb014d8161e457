"""Plan data as comment lines under a command, so that a preview shows what a change does.

Only names, plane addresses, ports and epochs: a public address, key or hash would turn the whole
text into an unknown on every node whenever a node is added.
"""

from collections.abc import Iterator

from backplane.plan import Plan


def stage(plan: Plan, name: str, tool: str) -> str:
    """What a node's next generation holds: addresses and peers by plane, and what is open.

    Args:
        plan: the mesh.
        name: the node.
        tool: version of the node tool that stages it.
    """
    return "".join(f"# {line}\n" for line in _node(plan, name, tool))


def rollout(plan: Plan, tool: str) -> str:
    """The mesh in a few lines: planes with their epochs, nodes with theirs, people.

    Args:
        plan: the mesh.
        tool: version of the node tool.
    """
    return "".join(f"# {line}\n" for line in _mesh(plan, tool))


def _node(plan: Plan, name: str, tool: str) -> Iterator[str]:
    node = plan.node(name)
    before = f", was {node.was}" if node.was else ""
    yield f"{node.name} {node.key}{before}, incarnation {node.incarnation}, tool {tool}"
    for plane in plan.planes:
        address = node.addresses[plane.slot]
        yield (
            f"{plane.slot}: {address.v4} {address.v6}, udp {plane.port}, mtu {plane.mtu}, "
            f"keys {plane.keys}, psk {plane.psk}, own keys {node.epochs[plane.slot]}"
        )
    # Planes with the same peers share a line: 100 nodes would else be 400 names a node.
    groups: dict[tuple[str, ...], list[str]] = {}
    for plane in plan.planes:
        peers = tuple(peer.name for peer in plan.peers(name, plane.slot))
        groups.setdefault(peers, []).append(plane.slot)
    for peers, slots in groups.items():
        yield f"peers on {', '.join(slots)}: {' '.join(peers) or 'none'}"
    for opening in plan.openings(name):
        yield f"open on {opening.slot}: {opening.proto} {opening.port} for {opening.role}"


def _mesh(plan: Plan, tool: str) -> Iterator[str]:
    yield f"{plan.stack}: {plan.topology}, timer {plan.timer} s, tool {tool}"
    for plane in plan.planes:
        yield (
            f"{plane.slot}: {plane.supernet4} {plane.supernet6}, udp {plane.port}, "
            f"keys {plane.keys}, psk {plane.psk}"
        )
    for node in plan.nodes:
        state = " retire" if node.retire else " offline" if node.offline else ""
        own = ",".join(str(node.epochs[slot]) for slot in plan.slots)
        yield f"{node.name} {node.key} incarnation {node.incarnation} own keys {own}{state}"
    for person in plan.people:
        yield f"{person.kind} {person.name} {person.key} on {', '.join(person.slots)}"
