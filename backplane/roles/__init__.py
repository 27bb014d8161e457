"""The roles a node can run, by name: one module each."""

from collections.abc import Mapping

from backplane.roles import alertmanager, dns, names, node_exporter, prometheus, ssh
from backplane.roles.base import Listens, Opening, Parts, Proto, Role

ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        alertmanager.ROLE,
        dns.ROLE,
        names.ROLE,
        node_exporter.ROLE,
        prometheus.ROLE,
        ssh.ROLE,
    )
}

EVERYWHERE: tuple[str, ...] = tuple(sorted(name for name, role in ROLES.items() if role.everywhere))
"""What every node runs without declaring it."""

__all__ = ["EVERYWHERE", "ROLES", "Listens", "Opening", "Parts", "Proto", "Role"]
