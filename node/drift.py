"""What is live on this machine against what its confirmed generation says; changes nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from node import (
    accounts,
    console,
    drift_files,
    drift_routes,
    drift_sshd,
    drift_units,
    drift_wireguard,
    facts,
    firewall,
    floating,
    generations,
    identity,
    integrity,
    interfaces,
    lease,
    segments,
    services,
    sysctl,
    timers,
    traffic,
)
from node.difference import HAND, PUSH, Difference, lines, told
from node.errors import Refused
from node.generations import Generation
from node.layout import SSH_UNIT
from node.machine import Machine
from node.request import Answer, Request

Part = Callable[[Machine, Generation], Iterable[Difference]]


def drift(machine: Machine, _: Request) -> Answer:
    """Compare.

    Returns:
        ``node``, ``confirmed``, ``active``; ``findings``: each as `Difference.document`;
        ``listeners``: every one but those of sshd's main process, as `facts.listeners` tells them.
    """
    try:
        here = identity.confirmed(machine)
    except Refused as refused:
        lost = told("generation", "confirmed generation", ("whole", refused.error), repair=HAND)
        nobody = {"node": None, "confirmed": None, "active": None}
        return {**nobody, "findings": [lost.document()], "listeners": []}
    found = [*_generation(machine, here), *_at_work(machine)]
    damaged = _lost(machine, here)
    for area, sources, part in _PARTS:
        # Where the file is damaged there is nothing to compare with.
        if not any(path.startswith(source) for path in damaged for source in sources):
            found += _tried(area, machine, here, part)
    return {
        "node": here.node,
        "confirmed": here.name,
        "active": generations.named(machine, machine.layout.active),
        "findings": [one.document() for one in found],
        "listeners": _others(machine, here),
    }


def _generation(machine: Machine, here: Generation) -> Iterator[Difference]:
    active = generations.named(machine, machine.layout.active)
    if active != here.name:
        sides = (here.name, active or "none")
        yield told("generation", "active generation", sides)
    stated = generations.manifest(machine, here.name)
    if stated is None:
        return
    loose = integrity.loose(here.path, stated)
    for path in generations.damage(machine, here.name):
        what = f"{path} of generation {here.name}"
        if path in loose:
            sides = (f"mode {loose[path]:04o}, owner root", "another one")
            yield told("generation", what, sides)
        else:
            live = "other content" if here.file(path).exists() else ""
            sides = ("as it was sent", live)
            yield told("generation", what, sides, repair=PUSH)
    for path in integrity.strays(here.path, stated):
        what = f"{path} beside generation {here.name}"
        yield told("generation", what, ("", "a stranger's file"))


def _lost(machine: Machine, here: Generation) -> list[str]:
    """Files whose very content is not there."""
    stated = generations.manifest(machine, here.name)
    loose = integrity.loose(here.path, stated) if stated else {}
    return [path for path in generations.damage(machine, here.name) if path not in loose]


def _at_work(machine: Machine) -> Iterator[Difference]:
    held, timer = lease.holder(machine), timers.armed(machine)
    if held:
        live = f"held by rollout {held[0]} for {held[1]:.0f} s more"
        yield told("rollout", "lease", ("free", live), repair=HAND)
    elif machine.recall(machine.layout.lease):
        live = "run out, never given back"
        yield told("rollout", "lease", ("free", live))
    if timer:
        live = f"armed for generation {timer.generation}, {timer.left:.0f} s left"
        yield told("rollout", "timer", ("none", live))
    for one in drift_units.timers(machine, timer.unit if timer else None):
        yield told("rollout", one.what, ("", one.live))


def _wireguard(machine: Machine, here: Generation) -> Iterator[Difference]:
    wanted = here.wireguard()
    devices, links = interfaces.read_all(machine)
    for name, declared in sorted(wanted.items()):
        names = here.peer_names(name)
        if name in devices:
            there = devices[name].interface
            declared = floating.settled(here, name, declared, there, {})  # noqa: PLW2901
        yield from drift_wireguard.interface(
            name, declared, devices.get(name), links.get(name), names
        )
    for name in sorted(set(devices) - set(wanted)):
        sides = ("", "up")
        yield told("wireguard", f"{name}: interface", sides)
    ours = set(devices) | set(wanted)
    routes = drift_routes.read(machine)
    yield from drift_routes.differences(machine, wanted, links, routes, ours)


def _firewall(machine: Machine, here: Generation) -> Iterator[Difference]:
    wanted, live = firewall.wanted(machine, here.file("nftables.nft")), firewall.live(machine)
    if not live:
        sides = ("loaded", "not there")
        yield told("firewall", "table inet backplane", sides)
        return
    ours, theirs = firewall.blocks(wanted), firewall.blocks(live)
    for block in sorted({*ours, *theirs}):
        if ours.get(block) != theirs.get(block):
            declared, present = lines(ours.get(block, ()), theirs.get(block, ()))
            sides = (declared, present)
            yield told("firewall", f"table inet backplane, {block}", sides)


def _sysctl(machine: Machine, here: Generation) -> Iterator[Difference]:
    for name, value in sysctl.differences(machine, here.file("sysctl.conf")):
        sides = (value, sysctl.read(machine, name))
        yield told("sysctl", name, sides)


def _files(machine: Machine, here: Generation) -> Iterator[Difference]:
    yield from drift_files.differences(machine, here)
    yield from drift_files.names(machine, here)
    yield from console.differences(machine, here)
    yield from drift_files.tool(machine)


def _units(machine: Machine, here: Generation) -> Iterator[Difference]:
    units = drift_units.read(machine, here)
    yield from drift_units.differences(machine, here, units)
    yield from services.differences(machine, here)
    yield from traffic.differences(machine, here)
    yield from segments.differences(machine, here)
    for name in facts.failed_units(machine):
        if name not in units or name in drift_units.resting(here):
            yield told("units", name, ("", "failed"), repair=HAND)


def _sshd(machine: Machine, here: Generation) -> Iterator[Difference]:
    yield from drift_sshd.differences(facts.listeners(machine), here, _pid(machine, here))
    # Without our part in its place sshd's files say nothing of ours, and that is found as a file.
    if not any("/sshd_config.d/" in one.what for one in drift_files.differences(machine, here)):
        yield from drift_sshd.settings(machine, here)


def _pid(machine: Machine, here: Generation) -> int:
    unit = drift_units.read(machine, here).get(SSH_UNIT)
    return unit.pid if unit else 0


def _others(machine: Machine, here: Generation) -> list[dict[str, Any]]:
    pid = _pid(machine, here)
    return [one for one in facts.listeners(machine) if not pid or one["pid"] != pid]


def _tried(area: str, machine: Machine, here: Generation, part: Part) -> list[Difference]:
    try:
        return list(part(machine, here))
    except Refused as refused:
        sides = ("to be looked at", refused.error)
        return [told(area, "cannot be compared", sides, repair=HAND)]


_PARTS: tuple[tuple[str, tuple[str, ...], Part], ...] = (
    ("wireguard", ("wireguard/",), _wireguard),
    ("firewall", ("nftables.nft",), _firewall),
    ("sysctl", ("sysctl.conf",), _sysctl),
    ("files", ("hosts", console.FILE), _files),
    ("accounts", ("logins/",), accounts.differences),
    ("units", (), _units),
    ("sshd", ("sshd.conf",), _sshd),
)
