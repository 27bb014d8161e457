"""Whether BGP brings a gateway all ways to other sites: every plane's, over IPv4 and IPv6.

Pings do not tell: below BGP's routes lie others, which hold until they lead to a link that is down.
"""

from collections.abc import Mapping, Sequence

from node import forwarding, routed, wireguard
from node.machine import Machine

_STEP = 0.5

Ways = Mapping[str, Sequence[int]]
"""`known`: the ids of the sites that a gateway is to reach; `reached`: of those it does."""


def ways(machine: Machine) -> Ways:
    """What the active generation has of it; nothing where no gateway is."""
    routes = routed.read(machine)
    if routes is None or routes.slot is None:
        return {"known": [], "reached": []}
    live = forwarding.read(machine)
    learned = live["-4"].learned | live["-6"].learned
    reached = [
        site
        for site in sorted(routes.sites)
        if all(
            wireguard.prefix(network) in learned
            for plane in routes.planes.values()
            for network in plane.far[site].both()
        )
    ]
    return {"known": sorted(routes.sites), "reached": reached}


def missing(machine: Machine, before: Ways, seconds: float) -> list[str]:
    """Which sites BGP does not bring, of those it brought before, and of those that are new.

    Args:
        machine: The machine.
        before: What `ways` told before the flip.
        seconds: How long they get.
    """
    until = machine.clock.seconds() + seconds
    lost = {*before["known"]} - {*before["reached"]}
    while True:
        now = ways(machine)
        late = [site for site in now["known"] if site not in lost and site not in now["reached"]]
        if not late or machine.clock.seconds() >= until:
            return [f"BGP brings no way to site {site} on every plane" for site in late]
        machine.clock.sleep(_STEP)
