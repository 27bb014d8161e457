"""The dns role: names of the mesh, and of all else for those who ask, on management.

Unbound answers on port 53: the names of the mesh from the plan, guests' names from Knot behind it,
all other names from resolvers outside. Knot takes updates (RFC 2136) on port 5300: one zone for
each name that may be registered, and one key that may write that name and none other. What a node
registers says that it is up; what its name means, the plan says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import names, planes
from backplane.roles import units
from backplane.roles.base import Parts, Piece, Role, Tsig, at, hidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backplane.addressing import Address
    from backplane.plan import Plan, PlanNode

NAME = "dns"
PORT, UPDATES = 53, 5300
_SLOT = planes.MANAGEMENT.slot
_UNBOUND, _KNOT, _EMPTY, _SEED = "unbound.conf", "knot.conf", "empty.zone", "seed"
_TLS_PORT = 853
_CERTIFICATES, _BUNDLE = "/etc/ssl/certs/ca-certificates.crt", "ca-certificates.crt"
_STATE = "backplane-knot"
_ZONES = f"/var/lib/{_STATE}/zones"
# Debian's AppArmor profile lets Unbound read below this directory, and so it finds its files there.
_INSIDE = "/etc/unbound"


def unbound(plan: Plan, node: PlanNode) -> str:
    """What Unbound answers on one node: unbound.conf."""
    plane, own = plan.plane(_SLOT), node.addresses[_SLOT]
    lines = [
        "server:",
        'chroot: ""',
        'username: ""',
        'directory: ""',
        'pidfile: ""',
        "use-syslog: no",
        f"interface: {own.v4}@{PORT}",
        f"interface: {own.v6}@{PORT}",
        "ip-freebind: yes",
        # Whoever is not named is refused, but for the machine itself.
        f"access-control: {plane.supernet4} allow",
        f"access-control: {plane.supernet6} allow",
        "hide-identity: yes",
        "hide-version: yes",
        "hide-http-user-agent: yes",
        'module-config: "iterator"',
        *([f"tls-cert-bundle: {_INSIDE}/{_BUNDLE}"] if plan.dns.tls else []),
        *_mesh(plan),
        "remote-control:",
        "control-enable: no",
    ]
    for guest in plan.dns.guests:
        lines += [
            "stub-zone:",
            f"name: {names.registered(guest)}.",
            f"stub-addr: {own.v4}@{UPDATES}",
            "stub-no-cache: yes",
        ]
    lines += [
        "forward-zone:",
        "name: .",
        f"forward-tls-upstream: {'yes' if plan.dns.tls else 'no'}",
    ]
    for one in plan.dns.forward:
        tls = f"@{_TLS_PORT}#{one.name}" if one.name else ""
        lines.append(f"forward-addr: {one.address}{tls}")
    return "".join(f"{line}\n" if line.endswith(":") else f"\t{line}\n" for line in lines)


def _mesh(plan: Plan) -> Iterator[str]:
    """What the plan knows: a zone of ours tells of no name that is not in it."""
    for zone in [*names.zones(plan), *names.reverse_zones(plan)]:
        yield f"local-zone: {zone}. static"
        yield f'local-data: "{zone}. {names.TTL} SOA {names.SOA}"'
        yield f'local-data: "{zone}. {names.TTL} NS backplane."'
    for record in plan.records:
        own = record.address
        yield f'local-data: "{record.name}. {names.TTL} A {own.v4}"'
        yield f'local-data: "{record.name}. {names.TTL} AAAA {own.v6}"'
        if record.owner:
            yield f'local-data-ptr: "{own.v4} {names.TTL} {record.name}."'
            yield f'local-data-ptr: "{own.v6} {names.TTL} {record.name}."'
    # What is static answers for all that is below it, so a guest's name is taken out of it.
    yield from (f"local-zone: {names.registered(one)}. transparent" for one in plan.dns.guests)


def knot(plan: Plan, node: PlanNode) -> tuple[Piece, ...]:
    """Who may write which name: knot.conf, with keys."""
    own = node.addresses[_SLOT]
    pieces: list[Piece] = [
        "server:\n",
        f"  rundir: /run/{_STATE}\n",
        f"  listen: {own.v4}@{UPDATES}\n",
        f"  listen: {own.v6}@{UPDATES}\n",
        '  identity: ""\n',
        '  version: ""\n',
        "log:\n  - target: stderr\n    any: warning\n",
        f"database:\n  storage: /var/lib/{_STATE}\n",
    ]
    writers = _writers(plan)
    pieces.append("key:\n")
    for key, _ in writers:
        pieces += [
            f"  - id: {key.owner}.\n    algorithm: hmac-sha256\n    secret: ",
            key,
            "\n",
        ]
    pieces.append("acl:\n")
    pieces += [
        f"  - id: {key.owner}.\n    key: {key.owner}.\n    address: [ {', '.join(sources)} ]\n"
        "    action: update\n    update-type: [ A, AAAA ]\n"
        "    update-owner: key\n    update-owner-match: equal\n"
        for key, sources in writers
    ]
    # A zone's file is all that is kept of it: rewritten with each update, read at each start.
    pieces.append(
        f'template:\n  - id: default\n    storage: {_ZONES}\n    file: "%s.zone"\n'
        "    zonefile-sync: 0\n    zonefile-load: whole\n    journal-content: none\n"
        # A few addresses: who may write a name is not to fill this machine's memory with it.
        "    zone-max-size: 4096\nzone:\n"
    )
    pieces += [f"  - domain: {key.owner}.\n    acl: {key.owner}.\n" for key, _ in writers]
    return tuple(pieces)


def _writers(plan: Plan) -> list[tuple[Tsig, list[str]]]:
    """Whose key writes what, and from where: a node's works at its own addresses alone."""
    plane = plan.plane(_SLOT)
    anywhere = [plane.supernet4, plane.supernet6]
    nodes = [(key(node), _both(node.addresses[_SLOT])) for node in plan.nodes if not node.retire]
    return [*nodes, *((guest_key(name), anywhere) for name in plan.dns.guests)]


def key(node: PlanNode) -> Tsig:
    """What stands for the key with which a node writes its name."""
    return Tsig(owner=names.registered(node.name), incarnation=node.incarnation)


def guest_key(name: str) -> Tsig:
    """What stands for the key with which a guest writes its name: no node ever had it."""
    return Tsig(owner=names.registered(name), incarnation=0)


def _both(address: Address) -> list[str]:
    return [address.v4, address.v6]


def _seed(owners: Iterable[str]) -> str:
    """A script that gives each name an empty zone if it has none, and forgets other names."""
    return "".join(
        f"{line}\n"
        for line in [
            "set -eu",
            f"mkdir -p {_ZONES}",
            f"cd {_ZONES}",
            f"names='{' '.join(sorted(owners))}'",
            "for zone in *.zone; do",
            '  case " $names " in *" ${zone%.zone} "*) ;; *) rm -f "$zone" ;; esac',
            "done",
            # Knot writes a new file beside the old one; what a power cut left of either is no zone.
            "rm -f *.zone.??????",
            "for name in $names; do",
            f'  grep -qs "^;; Written" "$name.zone" || cp {at(NAME, _EMPTY)} "$name.zone"',
            "done",
        ]
    )


def _parts(plan: Plan, node: PlanNode) -> Parts:
    inside = [f"{at(NAME, _UNBOUND)}:{_INSIDE}/{_UNBOUND}"]
    inside += [f"{_CERTIFICATES}:{_INSIDE}/{_BUNDLE}"] if plan.dns.tls else []
    resolver = units.service(
        about="Backplane's Unbound, on the management plane",
        start=f"/usr/sbin/unbound -d -p -c {_INSIDE}/{_UNBOUND}",
        slots=[_SLOT],
        user="unbound",
        settings=[
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            f"TemporaryFileSystem={_INSIDE}:ro",
            f"BindReadOnlyPaths={' '.join(inside)}",
        ],
    )
    registrar = units.service(
        about="Backplane's Knot, which takes registrations on the management plane",
        start=f"/usr/sbin/knotd -c %d/{_KNOT}",
        slots=[_SLOT],
        user="knot",
        state=_STATE,
        settings=[
            # It keeps what it read of its settings in a file of its own there.
            "PrivateTmp=yes",
            f"LoadCredential={_KNOT}:{hidden(NAME, _KNOT)}",
            f"RuntimeDirectory={_STATE}",
            "RuntimeDirectoryMode=0700",
            f"ExecStartPre=/bin/sh {at(NAME, _SEED)}",
        ],
    )
    owners = (writer.owner for writer, _ in _writers(plan))
    return Parts(
        files={
            _UNBOUND: unbound(plan, node),
            _EMPTY: f"@ {names.TTL} SOA {names.SOA}\n"
            f"@ {names.TTL} NS backplane.\n;; Written by hand\n",
            _SEED: _seed(owners),
        },
        secrets={_KNOT: knot(plan, node)},
        units={
            "backplane-unbound.service": resolver,
            "backplane-knot.service": registrar,
        },
        checks=(
            ("unbound-checkconf", f"{{}}/{_UNBOUND}"),
            ("knotc", "-c", f"{{hidden}}/{_KNOT}", "conf-check"),
        ),
    )


ROLE = Role(
    name=NAME,
    listens=tuple((_SLOT, proto, port) for port in (PORT, UPDATES) for proto in ("tcp", "udp")),
    packages=("ca-certificates", "knot", "unbound"),
    shut=("knot.service", "unbound-resolvconf.service", "unbound.service"),
    parts=_parts,
)
