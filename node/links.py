"""A gateway's links to other sites, as people and Prometheus are told of them."""

from typing import Any

from node import frr, generations
from node.machine import Machine
from node.routed import Routes

ESTABLISHED, UP = "Established", "up"
_NONE = frr.Session(state="none", seconds=0, bfd="none", v4=0, v6=0)


def ends(machine: Machine, routes: Routes) -> dict[str, str]:
    """By interface of each link to a gateway of another site, that one's name."""
    towards = routes.link_site()
    name = generations.named(machine, machine.layout.active)
    mesh = generations.load(machine, name).mesh if name and towards else {}
    return {
        interface: next((one["name"] for one in mesh.get(interface, ())), "unknown")
        for interface in sorted(towards)
    }


def links(machine: Machine, routes: Routes) -> list[dict[str, Any]]:
    """Each link to a gateway of another site, by interface; none on a node that is no gateway.

    Returns:
        ``interface``; ``peer``, its name; ``site``, its site; ``bgp`` and ``bfd``, the sessions'
        states, ``none`` where FRR knows of none; ``up``, whether both work; ``seconds`` since BGP
        was established; ``v4`` and ``v6``, how many prefixes came in.

    Raises:
        Refused: FRR does not answer.
    """
    towards, found = routes.link_site(), []
    sessions = frr.sessions(machine) if towards else {}
    for interface, peer in ends(machine, routes).items():
        one = sessions.get(interface, _NONE)
        found.append(
            {
                "interface": interface,
                "peer": peer,
                "site": routes.sites[towards[interface]].name,
                "bgp": one.state,
                "bfd": one.bfd,
                "up": one.state == ESTABLISHED and one.bfd == UP,
                "seconds": one.seconds,
                "v4": one.v4,
                "v6": one.v6,
            }
        )
    return found
