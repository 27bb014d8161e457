"""The rules about roles and services, read from the raw declaration as `backplane.checks` does."""

import ipaddress
import re
from collections.abc import Iterator, Mapping

from backplane import planes
from backplane.breach import breach
from backplane.mistakes import Mistake
from backplane.raw import Raw
from backplane.role_rules import PROXY_PATTERN
from backplane.roles import (
    EVERYWHERE,
    ROLES,
    Proto,
    Role,
    grafana,
    nginx,
    placed,
    postgres,
    prometheus,
    replica,
)
from backplane.segment_checks import listening, ours


def roles(view: Raw) -> Iterator[Mistake]:
    """Roles that nodes name: known, each once, and no port for two of them."""
    known = {**placed(_chosen(view)), **_services_of(view)}
    in_use, _ = view.plane_names()
    targets = {one.text("target") for _, one in view.members("replicate")}
    needed = {*EVERYWHERE, *([replica.NAME] if targets else [])}
    joined = listening(view)
    for path, node in view.nodes():
        named = [role for role in node.list("roles") if isinstance(role, str)]
        for position, role in enumerate(named):
            at = f"{path}.roles.{position}"
            if wrong := _misnamed(at, role, named[:position], known):
                yield wrong
            else:
                needed.add(role)
                yield from _left_out(at, role, in_use)
        run = [*named, *([replica.NAME] if path.rsplit(".", 1)[1] in targets else [])]
        own = [joined[name] for name in [path.rsplit(".", 1)[1]] if name in joined]
        yield from _shared_ports(path, [*own, *(known[role] for role in run if role in known)])
        for position, bridge in enumerate(node.list("bridges")):
            what = "a segment's" if bridge in ours(view) else "no bridge"
            if bridge in {"lo", *(plane.interface for plane in planes.PLANES), *ours(view)}:
                at = f"{path}.bridges.{position}"
                yield breach(at, f"`{bridge}` is {what}", "sites.*.nodes.*.bridges")
    opened = [one for role in sorted(needed) for one in known[role].openings()]
    opened += sorted({one for role in joined.values() for one in role.openings()})
    for slot, settings in view.planes():
        for opening in opened:
            ports = settings.get(opening.proto)
            if opening.slot == slot and isinstance(ports, list) and opening.port not in ports:
                yield breach(
                    f"planes.{slot}.{opening.proto}",
                    f"lacks {opening.port}, which the role {opening.role} opens there",
                    f"planes.*.{opening.proto}",
                    fix=f"add {opening.port}",
                )


def _misnamed(at: str, role: str, before: list[str], known: Mapping[str, Role]) -> Mistake | None:
    """What is wrong with one entry of a node's roles."""
    if role not in known:
        free = sorted(name for name, one in known.items() if not one.implied)
        return Mistake(
            path=at,
            what=f"unknown role `{role}`",
            rule=f"the roles are {', '.join(free)}; more come from `services:`",
            fix="remove it, correct its name, or declare it under `services:`",
        )
    if known[role].implied:
        what = f"`{role}` comes with `{known[role].implied}` and is not named"
        return breach(at, what, "sites.*.nodes.*.roles", fix="remove it")
    if role in before:
        return breach(at, f"`{role}` is there twice", "sites.*.nodes.*.roles", fix="remove one")
    return None


def _left_out(at: str, role: str, in_use: tuple[str, ...]) -> Iterator[Mistake]:
    """A role of ours without its plane; a service's own mistake tells of its plane already."""
    listens = ROLES[role].listens if role in ROLES else ()
    for slot in sorted({slot for slot, _, _ in listens} - set(in_use)):
        yield Mistake(
            path=at,
            what=f"`{role}` listens on {slot}, which is left out of the mesh",
            rule="a role of a node runs on planes that are in use",
            fix="use the plane, or take the role off this node",
        )


_FOR = {
    "grafana.secret": grafana.NAME,
    "monitoring.retention": "prometheus",
    "monitoring.size": "prometheus",
    "monitoring.receivers": "alertmanager",
    "monitoring.watchdog": "alertmanager",
    "nginx.proxies": nginx.NAME,
    "postgres.plane": postgres.NAME,
}
"""The settings of roles, and whose they are."""


def settings(view: Raw) -> Iterator[Mistake]:
    """Settings of roles that no node is there for."""
    named = view.roles()
    for path, role in _FOR.items():
        section, _, key = path.partition(".")
        if key in view.mapping(section) and role not in named:
            what = f"no node that stays has the role {role}, which this is for"
            yield breach(path, what, path, fix=f"add {role} to a node's roles, or remove this")


def dashboards(view: Raw) -> Iterator[Mistake]:
    """Grafana: with a password, and with something to show."""
    named, key = view.roles(), "grafana"
    if grafana.NAME not in named:
        return
    if not view.mapping(key):
        yield breach(key, "a node has the role grafana, and its user admin no password", key)
    if prometheus.NAME not in named:
        what = "a node has the role grafana, and none the role prometheus, which it shows"
        yield breach(key, what, key, fix="add prometheus to a node's roles")


def databases(view: Raw) -> Iterator[Mistake]:
    """Where PostgreSQL may be."""
    in_use, names = view.plane_names()
    key = "postgres.plane"
    plane = Raw(view.mapping("postgres")).text("plane")
    slot = names.get(plane) if plane is not None else None
    if plane is not None and slot not in postgres.PLANES:
        yield breach(key, f"`{plane}` is neither of the planes it may be on", key)
    elif slot is not None and slot not in in_use:
        yield breach(key, f"{plane} is left out of the mesh", key, fix="use the plane")


def proxies(view: Raw) -> Iterator[Mistake]:
    """What nginx hands on to: an address and a port that there can be."""
    for path, proxy in Raw(view.mapping("nginx")).members("proxies"):
        to = proxy.text("to")
        match = re.fullmatch(PROXY_PATTERN, to) if to is not None else None
        if match and not _reachable(match[1].strip("[]"), int(match[2] or 80)):
            what = f"`{to}` has an address or a port that cannot be"
            yield breach(f"nginx.{path}.to", what, "nginx.proxies.*.to")


def _reachable(address: str, port: int) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return 0 < port < 1 << 16 and not (parsed.is_unspecified or parsed.is_multicast)


def _chosen(view: Raw) -> dict[str, str]:
    """The slots of roles that leave their plane to the declaration, as far as they can be read."""
    _, names = view.plane_names()
    slot = names.get(Raw(view.mapping("postgres")).text("plane") or "")
    return {postgres.NAME: slot} if slot in postgres.PLANES else {}


def _shared_ports(path: str, roles: list[Role]) -> Iterator[Mistake]:
    """Two listeners of one node at one address."""
    everywhere = [ROLES[name] for name in EVERYWHERE]
    taken: dict[tuple[str, str, int], str] = {}
    for role in (*everywhere, *(role for role in roles if role not in everywhere)):
        for one in role.openings():
            first = taken.setdefault((one.slot, one.proto, one.port), role.name)
            if first != role.name:
                yield Mistake(
                    path=f"{path}.roles",
                    what=f"{first} and {role.name} both listen on {one.slot} {one.proto} "
                    f"{one.port}",
                    rule="a port of a plane belongs to one role of a node",
                    fix="take one of the two off this node, or give the service another port",
                )


def services(view: Raw) -> Iterator[Mistake]:
    """Services of the user's own: on a plane in use, with ports that are theirs."""
    in_use, names = view.plane_names()
    for path, service in view.members("services"):
        if path.partition(".")[2] in ROLES:
            what = "is the name of a role that comes with Backplane"
            yield breach(path, what, "services", fix="choose another name")
        plane = service.text("plane")
        slot = names.get(plane) if plane is not None else None
        if plane is not None and slot is None:
            rule = f"the planes are {', '.join(names)}"
            what = f"unknown plane `{plane}`"
            yield Mistake(path=f"{path}.plane", what=what, rule=rule, fix="correct its name")
        elif slot is not None and slot not in in_use:
            fix = "use the plane, or put the service on another one"
            what = f"{plane} is left out of the mesh"
            yield breach(f"{path}.plane", what, "services.*.plane", fix=fix)
        if not service.list("tcp") and not service.list("udp"):
            yield breach(path, "listens on no port", "services.*.tcp", fix="add `tcp: [<port>]`")
        for position, port in enumerate(service.list("udp")):
            if port in {own.port for own in planes.PLANES}:
                at = f"{path}.udp.{position}"
                what = f"{port} is WireGuard's own"
                yield breach(at, what, "services.*.udp", fix="choose another port")


def _services_of(view: Raw) -> dict[str, Role]:
    """The services as roles, as far as they can be read."""
    _, names = view.plane_names()
    found: dict[str, Role] = {}
    for path, service in view.members("services"):
        name, slot = path.partition(".")[2], names.get(service.text("plane") or "")
        protos: tuple[Proto, ...] = ("tcp", "udp")
        ports = [(proto, port) for proto in protos for port in service.list(proto)]
        listens = [(slot, *one) for one in ports if slot and isinstance(one[1], int)]
        if name not in ROLES:
            found[name] = Role(name=name, listens=tuple(listens))
    return found
