"""Whether BGP brings a gateway all ways to other sites: every plane's, over IPv4 and IPv6.

Pings do not tell: below BGP's routes lie others, which hold until they lead to a link that is down.
"""

from collections.abc import Iterable, Mapping, Sequence

from node import forwarding, links, routed
from node.machine import Machine

_STEP = 0.5

Ways = Mapping[str, Sequence[int]]
"""`known`: the ids of the sites that a gateway is to reach; `reached`: of those it does."""


def ways(machine: Machine) -> Ways:
    """What the active generation has of it; nothing where no gateway is."""
    routes = routed.read(machine)
    if routes is None or routes.slot is None:
        return {"known": [], "reached": []}
    reached = forwarding.reached(routes, forwarding.read(machine))
    return {"known": sorted(routes.sites), "reached": sorted(reached)}


def missing(machine: Machine, before: Ways, names: Iterable[str], seconds: float) -> list[str]:
    """Which sites BGP does not bring, of those it brought before, and of those that are new.

    Args:
        machine: The machine.
        before: What `ways` told before the flip.
        names: Who must answer: a site with no gateway among them is away.
        seconds: How long they get.
    """
    until = machine.clock.seconds() + seconds
    lost = {*before["known"]} - {*before["reached"]}
    there = _with_gateways(machine, set(names))
    while True:
        now = ways(machine)
        wanted = [site for site in now["known"] if site in there and site not in lost]
        late = [site for site in wanted if site not in now["reached"]]
        if not late or machine.clock.seconds() >= until:
            return [f"BGP brings no way to site {site} on every plane" for site in late]
        machine.clock.sleep(_STEP)


def _with_gateways(machine: Machine, names: set[str]) -> set[int]:
    """The sites that have a gateway of one of these names at the other end of a link."""
    routes = routed.read(machine)
    ends = links.ends(machine, routes) if routes else {}
    towards = routes.link_site() if routes else {}
    return {towards[interface] for interface, name in ends.items() if name in names}
