"""A gateway's links to other sites, as people and Prometheus are told of them."""

from typing import Any

from node import frr, generations
from node.machine import Machine
from node.routed import Routes

ESTABLISHED, UP = "Established", "up"
_NONE = frr.Session(state="none", seconds=0, bfd="none", v4=0, v6=0)


def links(machine: Machine, routes: Routes) -> list[dict[str, Any]]:
    """Each link to a gateway of another site, by interface; none on a node that is no gateway.

    Returns:
        ``interface``; ``peer``, its name; ``site``, its site; ``bgp`` and ``bfd``, the sessions'
        states, ``none`` where FRR knows of none; ``up``, whether both work; ``seconds`` since BGP
        was established; ``v4`` and ``v6``, how many prefixes came in.

    Raises:
        Refused: FRR does not answer.
    """
    towards = routes.link_site()
    if not towards:
        return []
    name = generations.named(machine, machine.layout.active)
    mesh = generations.load(machine, name).mesh if name else {}
    sessions = frr.sessions(machine)
    found = []
    for interface, site in sorted(towards.items()):
        peer = next((one["name"] for one in mesh.get(interface, ())), "unknown")
        one = sessions.get(interface, _NONE)
        found.append(
            {
                "interface": interface,
                "peer": peer,
                "site": routes.sites[site].name,
                "bgp": one.state,
                "bfd": one.bfd,
                "up": one.state == ESTABLISHED and one.bfd == UP,
                "seconds": one.seconds,
                "v4": one.v4,
                "v6": one.v6,
            }
        )
    return found
