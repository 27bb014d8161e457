"""The rules about DNS, read from the raw declaration as `backplane.checks` does."""

import ipaddress
from collections.abc import Iterator

from backplane.breach import breach
from backplane.mistakes import Mistake
from backplane.raw import Raw
from backplane.roles import ROLES


def dns(view: Raw) -> Iterator[Mistake]:
    """Settings of DNS: for nodes that are there, with resolvers and guests that can be."""
    settings = view.mapping("dns")
    if settings and "dns" not in view.roles():
        what = "no node that stays has the role dns, which this is for"
        yield breach("dns", what, "dns", fix="add dns to a node's roles, or remove this")
    own = Raw(settings)
    yield from _forward(own.list("forward"))
    yield from _guests(view, own.list("guests"))


def _forward(entries: list[object]) -> Iterator[Mistake]:
    told = [(at, *one.partition("#")) for at, one in enumerate(entries) if isinstance(one, str)]
    for at, address, _, _ in told:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            what = f"`{address}` is no IP address"
            yield breach(f"dns.forward.{at}", what, "dns.forward")
    if len({bool(mark) for _, _, mark, _ in told}) > 1:
        plain = next(address for _, address, mark, _ in told if not mark)
        what = f"{plain} would be asked in plain, others over TLS"
        yield breach("dns.forward", what, "dns.forward")


def _guests(view: Raw, guests: list[object]) -> Iterator[Mistake]:
    nodes = {path.rsplit(".", 1)[1]: path for path, _ in view.nodes()}
    services = {name: f"services.{name}" for name in view.mapping("services")}
    taken = {**dict.fromkeys(ROLES, "a role"), **services, **nodes}
    for at, guest in enumerate(guests):
        where = f"dns.guests.{at}"
        if guest in guests[:at]:
            yield breach(where, f"`{guest}` is there twice", "dns.guests", fix="remove one")
        elif isinstance(guest, str) and guest in taken:
            what = f"`{guest}` is the name of {taken[guest]}"
            yield breach(where, what, "dns.guests", fix="choose another name")
