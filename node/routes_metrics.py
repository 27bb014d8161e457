"""What Prometheus learns of a routed node: its gateway's links, and who carries remote sites."""

from collections.abc import Iterator

from node import links, routed, standing
from node.errors import Refused
from node.machine import Machine
from node.metrics import Metric, Samples

FILE = "routes"


def families(machine: Machine) -> list[Metric]:
    """The families of a routed node; none where the mesh is not routed.

    What cannot be learned has no sample: a link that FRR tells nothing of counts as down.
    """
    routes = routed.read(machine)
    if routes is None:
        return []
    try:
        works = {one["interface"]: one["up"] for one in links.links(machine, routes)}
    except Refused:
        works = {}
    up: Samples = [
        ({"link": link, "peer": peer}, int(works.get(link, False)))
        for link, peer in links.ends(machine, routes).items()
    ]
    return [
        Metric(
            name="backplane_link_up",
            kind="gauge",
            about="1 while BGP and BFD of a gateway's link work.",
            samples=up,
        ),
        *_shown(machine),
    ]


def _shown(machine: Machine) -> Iterator[Metric]:
    told = standing.read(machine)
    if told is None:
        return
    yield Metric(
        name="backplane_route_owner",
        kind="gauge",
        about="1 for the gateway that carries this site's traffic with another site, as seen here.",
        samples=[
            ({"site": one["name"], "owner": one["owner"] or "unknown"}, 1)
            for one in told["sites"].values()
        ],
    )
    if told["slot"] is None:
        return
    yield Metric(
        name="backplane_gateway_drained",
        kind="gauge",
        about="1 while this gateway is drained.",
        samples=[({}, int(told["drained"]))],
    )
    if told["sibling"]:
        yield Metric(
            name="backplane_sibling_alive",
            kind="gauge",
            about="1 while the other gateway of this site is heard.",
            samples=[({"sibling": told["sibling"]["name"]}, int(told["sibling"]["alive"]))],
        )
