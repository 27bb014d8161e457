"""Every role there is in a mesh: the program's own, and the services that its user declares."""

from backplane.declaration import Declaration
from backplane.roles import Listens, Role, placed, postgres
from backplane.settings import Service


def known(declaration: Declaration) -> dict[str, Role]:
    """Roles and services by name, each on its plane of this mesh."""
    chosen = {postgres.NAME: declaration.slot_named(declaration.postgres.plane)}
    services = {
        name: Role(name=name, listens=_listens(declaration, service))
        for name, service in declaration.services.items()
    }
    return {**placed(chosen), **services}


def _listens(declaration: Declaration, service: Service) -> tuple[Listens, ...]:
    slot = declaration.slot_named(service.plane)
    return (
        *((slot, "tcp", port) for port in service.tcp),
        *((slot, "udp", port) for port in service.udp),
    )
