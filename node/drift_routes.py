"""Routes into the planes' networks: the one that each address brings, and nobody else's."""

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from node import wireguard
from node.difference import HAND, Difference, told
from node.interfaces import Link
from node.machine import Machine
from node.wireguard import Interface

_FIX = "look at `ip route show table all` on the machine"
# What people and scripts add. A routing daemon's routes carry its own name, and are its own.
_BY_HAND = {"boot", "static", "kernel"}
_OWN_TABLES = {"local"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route.

    Attributes:
        family: ``-4`` or ``-6``.
        kind: ``unicast``, ``blackhole``, …
        network: In normal form, with its length.
        device: Interface; empty for a blackhole.
        via: Gateway, or empty.
        table: Routing table.
        protocol: Who made it.
        metric: Preference, or empty.
    """

    family: str
    kind: str
    network: str
    device: str
    via: str
    table: str
    protocol: str
    metric: str

    def words(self) -> list[str]:
        """The route as ip(8) takes it."""
        words = [] if self.kind == "unicast" else [self.kind]
        words.append(self.network)
        words += ["via", self.via] if self.via else []
        words += ["dev", self.device] if self.device and self.kind == "unicast" else []
        words += ["table", self.table] if self.table != "main" else []
        return [*words, *(["metric", self.metric] if self.metric else [])]


def read(machine: Machine) -> list[Route]:
    """Every route of every table but the kernel's own of local addresses."""
    found = []
    for family in ("-4", "-6"):
        text = machine.commands.must(
            ["ip", "-json", family, "route", "show", "table", "all"],
            why="routes cannot be read",
            fix=_FIX,
        )
        found += [_route(family, entry) for entry in json.loads(text or "[]")]
    return [route for route in found if route.table not in _OWN_TABLES and route.network]


def differences(
    machine: Machine,
    wanted: Mapping[str, Interface],
    links: Mapping[str, Link],
    routes: list[Route],
    ours: Container[str],
) -> Iterator[Difference]:
    """Networks without their route, and routes that somebody led into or past a plane.

    Args:
        machine: The machine.
        wanted: Interfaces as declared.
        links: What the kernel has of each.
        routes: What :func:`read` found.
        ours: Interfaces of ours, also one that goes: the kernel's routes there are the addresses'.
    """
    networks = set()
    there = {(route.network, route.device) for route in routes if route.kind == "unicast"}
    for name, interface in sorted(wanted.items()):
        for address in sorted(interface.addresses):
            network = wireguard.prefix(address)
            networks.add(network)
            present = name in links and address in links[name].addresses
            if present and (network, name) not in there:
                yield _missing(machine, name, network, address)
    for route in routes:
        own = route.protocol == "kernel" and route.device in ours
        if not own and route.protocol in _BY_HAND and wireguard.inside(route.network, networks):
            yield _foreign(machine, route)


def _missing(machine: Machine, name: str, network: str, address: str) -> Difference:
    family = "-6" if ":" in network else "-4"
    argv = ["ip", family, "route", "replace", network, "dev", name, "proto", "kernel"]
    source = address.partition("/")[0]
    argv += ["metric", "256"] if family == "-6" else ["scope", "link", "src", source]
    return Difference(
        area="routes",
        what=f"{name}: route {network}",
        declared=f"{network} dev {name}",
        live="",
        mend=partial(_run, machine, argv),
    )


def _foreign(machine: Machine, route: Route) -> Difference:
    what, sides = f"route {route.network}", ("", " ".join(route.words()))
    if route.protocol == "kernel":
        # It comes with an address of an interface that is somebody else's.
        return told("routes", what, sides, repair=HAND)
    argv = ["ip", route.family, "route", "del", *route.words()]
    return replace(told("routes", what, sides), mend=partial(_run, machine, argv), blocking=False)


def _run(machine: Machine, argv: list[str]) -> None:
    machine.commands.must(argv, why="a route cannot be put right", fix=_FIX)


def _route(family: str, entry: Mapping[str, Any]) -> Route:
    text = str(entry.get("dst", ""))
    hops = entry.get("nexthops") or [{}]
    return Route(
        family=family,
        kind=str(entry.get("type", "unicast")),
        network="" if text == "default" else wireguard.prefix(text),
        device=str(entry.get("dev") or hops[0].get("dev", "")),
        via=str(entry.get("gateway") or hops[0].get("gateway", "")),
        table=str(entry.get("table", "main")),
        protocol=str(entry.get("protocol", "boot")),
        metric=str(entry.get("metric", "")),
    )
