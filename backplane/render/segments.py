"""What a node lets through for its layer-2 segments: members' VXLAN, and guests to each other.

The kernel's VXLAN listens on every address and takes what any sender says: who may send is decided
here. A guest never reaches the host, another segment, a plane or the outside through it; where
bridged frames pass the forward hook (br_netfilter) they are accepted inside their own bridge alone.
"""

from collections.abc import Iterable, Mapping

from backplane.members import Peer, PlanNode
from backplane.plan import Plan
from backplane.segments import PORT, Segment

_COUNTER = "stray_vxlan"
_VNI = "@th,96,24"
"""Where the identifier of a segment stands, behind UDP's 8 octets and 4 of VXLAN's (RFC 7348)."""


def on(
    plan: Plan, node: PlanNode, whole: Mapping[str, tuple[Peer, ...]]
) -> dict[Segment, list[str]]:
    """The segments of a node, each with the addresses of the members that it knows.

    A node that knows none of them yet, as in its first generation, has none.

    Args:
        plan: the mesh.
        node: whose.
        whole: by plane in use, all whom the node knows there.
    """
    found: dict[Segment, list[str]] = {}
    for one in plan.segments:
        if node.name in one.nodes:
            known = [peer for peer in whole.get(one.slot, ()) if peer.name in one.nodes]
            if known:
                found[one] = [peer.address.v4 for peer in known]
    return found


def state(joined: Mapping[Segment, list[str]]) -> list[str]:
    """The counter of what comes for a segment from no member of it."""
    return [f"\tcounter {_COUNTER} {{", "\t}", ""] if joined else []


def interfaces(joined: Iterable[Segment]) -> list[str]:
    """Every interface of theirs."""
    return [name for one in joined for name in (one.bridge, one.tunnel)]


def kept_out(joined: Iterable[Segment]) -> list[str]:
    """What keeps guests from the host: not even a DHCP server's or a router's words are taken."""
    names = interfaces(joined)
    return [f"\t\tiifname {{ {_quoted(names)} }} drop"] if names else []


def members(joined: Mapping[Segment, list[str]], slot: str) -> list[str]:
    """What admits the members of each of a plane's segments to that one, and drops all other VXLAN.

    It stands before `established`: who is a member no more has no session left either.
    """
    lines = [
        f"\t\tip saddr {{ {', '.join(senders)} }} udp dport {PORT} {_VNI} {one.id} accept"
        for one, senders in sorted(joined.items(), key=lambda item: item[0].id)
        if one.slot == slot
    ]
    return [*lines, f"\t\tudp dport {PORT} counter name {_COUNTER} drop"] if lines else []


def forward(joined: Iterable[Segment]) -> list[str]:
    """Guests of one segment to each other, and nothing between a segment and anything else."""
    there = list(joined)
    if not there:
        return []
    names = _quoted(interfaces(there))
    return [
        *(f'\t\tiifname "{one.bridge}" oifname "{one.bridge}" accept' for one in there),
        f"\t\tiifname {{ {names} }} drop",
        f"\t\toifname {{ {names} }} drop",
    ]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
