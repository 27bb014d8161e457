"""The roles a node can run, by name: one module each."""

from collections.abc import Mapping

from backplane.roles import (
    alertmanager,
    bgp,
    dns,
    gateway,
    grafana,
    names,
    nginx,
    node_exporter,
    postgres,
    prometheus,
    replica,
    routes,
    segments,
    ssh,
    sudo,
    traffic,
    zfs,
)
from backplane.roles.base import Listens, Opening, Parts, Proto, Role

ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        alertmanager.ROLE,
        bgp.ROLE,
        dns.ROLE,
        gateway.ROLE,
        grafana.ROLE,
        names.ROLE,
        nginx.ROLE,
        node_exporter.ROLE,
        postgres.ROLE,
        prometheus.ROLE,
        replica.ROLE,
        routes.ROLE,
        segments.ROLE,
        ssh.ROLE,
        sudo.ROLE,
        traffic.ROLE,
        zfs.ROLE,
    )
}

EVERYWHERE: tuple[str, ...] = tuple(sorted(name for name, role in ROLES.items() if role.everywhere))
"""What every node runs without declaring it."""


def placed(chosen: Mapping[str, str]) -> dict[str, Role]:
    """Every role by name, on the plane that a declaration chooses for it, else on its own.

    Args:
        chosen: slots by role, of those roles that leave it to the declaration.
    """
    return {name: role.on(chosen[name]) if name in chosen else role for name, role in ROLES.items()}


__all__ = ["EVERYWHERE", "ROLES", "Listens", "Opening", "Parts", "Proto", "Role", "placed"]
