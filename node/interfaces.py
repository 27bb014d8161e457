"""WireGuard interfaces in the kernel: reading them, and touching exactly what differs."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import changes, wireguard
from node.errors import Refused
from node.layout import ACTIVE
from node.machine import Machine

_LOOK = "look at `journalctl -b -u wg-quick@*` on the machine"


def live_names(machine: Machine) -> set[str]:
    """The WireGuard interfaces that are up and ours: those whose wg-quick file is our link.

    An interface that someone made beside us is never touched.
    """
    listed = machine.commands.must(
        ["wg", "show", "interfaces"], why="WireGuard cannot be read", fix=_LOOK
    )
    return {name for name in listed.split() if is_ours(machine, name)}


def is_ours(machine: Machine, name: str) -> bool:
    """Whether wg-quick's file for ``name`` is a link of ours, or was until somebody replaced it."""
    link = machine.layout.wireguard_link(name)
    linked = link.is_symlink() and str(link.readlink()).startswith(f"{ACTIVE}/")
    return (
        linked
        or is_ahead(machine, name)
        or (machine.layout.active / "wireguard" / link.name).exists()
    )


def is_ahead(machine: Machine, name: str) -> bool:
    """Whether wg-quick's file for ``name`` is still that of a generation which was to come."""
    link = machine.layout.wireguard_link(name)
    return link.is_symlink() and str(link.readlink()).startswith(f"{machine.layout.generations}/")


def read(machine: Machine, name: str) -> wireguard.Device:
    """Read a live interface. The result holds its keys."""
    return wireguard.parse_dump(
        machine.commands.must(["wg", "show", name, "dump"], why=f"{name} cannot be read", fix=_LOOK)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the kernel has of an interface beside its keys and peers.

    Attributes:
        addresses: With prefix length, link-local ones left out.
        mtu: Bytes.
        up: Whether it carries anything at all.
    """

    addresses: frozenset[str]
    mtu: int
    up: bool


def read_all(machine: Machine) -> tuple[dict[str, wireguard.Device], dict[str, Link]]:
    """Every live interface of ours, and every link of the machine; two programs for all of them.

    The devices hold keys.
    """
    dump = machine.commands.must(
        ["wg", "show", "all", "dump"], why="WireGuard cannot be read", fix=_LOOK
    )
    rows: dict[str, list[str]] = {}
    for line in dump.splitlines():
        name, _, row = line.partition("\t")
        rows.setdefault(name, []).append(row)
    devices = {
        name: wireguard.parse_dump("\n".join(own))
        for name, own in rows.items()
        if is_ours(machine, name)
    }
    told: list[dict[str, Any]] = json.loads(
        machine.commands.must(
            ["ip", "-json", "address", "show"], why="addresses cannot be read", fix=_LOOK
        )
    )
    links = {
        entry["ifname"]: Link(
            addresses=_addresses(entry), mtu=int(entry["mtu"]), up="UP" in entry["flags"]
        )
        for entry in told
        if entry
    }
    return devices, links


def _addresses(entry: dict[str, Any]) -> frozenset[str]:
    return frozenset(
        wireguard.prefix(f"{info['local']}/{info['prefixlen']}", network=False)
        for info in entry.get("addr_info", [])
        if info.get("scope") != "link"
    )


def read_address(machine: Machine, name: str) -> tuple[frozenset[str], int]:
    """The addresses (with prefix length, link-local ones left out) and the MTU of an interface."""
    told: list[dict[str, Any]] = json.loads(
        machine.commands.must(
            ["ip", "-json", "address", "show", "dev", name], why=f"{name} cannot be read", fix=_LOOK
        )
    )
    entry = next(entry for entry in told if entry)
    return _addresses(entry), int(entry["mtu"])


class KeyFiles:
    """Keys for ``wg``, which reads them from files: in /run (memory), readable by root only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def add(self, key: str) -> str:
        """Write a key; returns the path that ``wg`` is given. No key: nothing to read."""
        if not key:
            return "/dev/null"
        self._count += 1
        path = self._directory / str(self._count)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
        return str(path)


@contextlib.contextmanager
def key_files(machine: Machine) -> Iterator[KeyFiles]:
    """A place for keys that is gone, with all that is in it, at the end."""
    machine.ensure_run()
    directory = machine.layout.run / f".keys-{secrets.token_hex(4)}"
    directory.mkdir(mode=0o700)
    try:
        yield KeyFiles(directory)
    finally:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


def command(name: str, change: changes.Change, keys: KeyFiles) -> list[str]:
    """One `wg set` for the whole change: own key first, then peers, then removals.

    In that order a prefix moves from a peer's old key to its new one without a gap, and both
    sides of a key change are one step.
    """
    argv = ["wg", "set", name]
    if change.port is not None:
        argv += ["listen-port", str(change.port)]
    if change.private is not None:
        argv += ["private-key", keys.add(change.private)]
    for peer in change.peers:
        argv += ["peer", peer.public]
        if peer.psk is not None:
            argv += ["preshared-key", keys.add(peer.psk)]
        if peer.endpoint is not None:
            argv += ["endpoint", peer.endpoint]
        if peer.allowed is not None:
            argv += ["allowed-ips", ",".join(sorted(peer.allowed))]
        if peer.keepalive is not None:
            argv += ["persistent-keepalive", str(peer.keepalive)]
    for public in change.removed:
        argv += ["peer", public, "remove"]
    return argv


def set_change(machine: Machine, name: str, argv: list[str]) -> None:
    """Run a `wg set` that :func:`command` made."""
    machine.commands.must(argv, why=f"{name} does not take its new peers", fix=_LOOK)


def address_commands(name: str, live: Link, wanted: wireguard.Interface) -> list[list[str]]:
    """The `ip` commands that give an interface its addresses and MTU: new ones first."""
    addresses, mtu = live.addresses, live.mtu
    rise = [] if live.up else [["ip", "link", "set", "dev", name, "up"]]
    add = [["ip", "address", "add", a, "dev", name] for a in sorted(wanted.addresses - addresses)]
    delete = [
        ["ip", "address", "del", a, "dev", name] for a in sorted(addresses - wanted.addresses)
    ]
    size = wanted.mtu if wanted.mtu not in {None, mtu} else None
    resize = [["ip", "link", "set", "dev", name, "mtu", str(size)]] if size else []
    return [*rise, *add, *delete, *resize]


def set_address(machine: Machine, name: str, argv: list[str]) -> None:
    """Run one of :func:`address_commands`."""
    machine.commands.must(argv, why=f"{name} does not take its address or MTU", fix=_LOOK)


def bring_up(machine: Machine, name: str) -> None:
    """Start an interface by its unit, from the active generation, as boot does."""
    ensure_link(machine, name)
    unit = f"wg-quick@{name}.service"
    machine.commands.run(["systemctl", "reset-failed", unit])
    # restart: a unit may still count as active after its interface has gone.
    machine.commands.must(
        ["systemctl", "restart", unit], why=f"{name} does not come up", fix=_LOOK, timeout=60
    )


def bring_up_ahead(machine: Machine, names: list[str], directory: Path) -> None:
    """Start interfaces of a generation that is not live yet, all at once.

    Args:
        machine: The machine.
        names: Of interfaces that are not there, and by which nothing goes anywhere yet.
        directory: Of the generation's WireGuard files.
    """
    units = []
    for name in names:
        ensure_link(machine, name, f"{directory}/{name}.conf")
        units.append(f"wg-quick@{name}.service")
    machine.commands.run(["systemctl", "reset-failed", *units])
    machine.commands.must(
        ["systemctl", "restart", *units],
        why=f"{', '.join(names)} do not come up",
        fix=_LOOK,
        timeout=60,
    )


def take_down(machine: Machine, name: str) -> None:
    """Stop an interface, also when its file is gone already."""
    unit = f"wg-quick@{name}.service"
    machine.commands.run(["systemctl", "stop", unit], timeout=60)
    left = machine.commands.run(["ip", "link", "show", "dev", name])
    if left.code == 0:
        machine.commands.must(
            ["ip", "link", "del", "dev", name], why=f"{name} does not go down", fix=_LOOK
        )
    # Without its file the unit has failed, whether or not its interface ended with it.
    machine.commands.run(["systemctl", "reset-failed", unit])


def ensure_link(machine: Machine, name: str, aim: str | None = None) -> None:
    """Make wg-quick's file our link, into the active generation if no other aim is given.

    Raises:
        Refused: A file of someone else's stands there. One that stands in the place of a confirmed
            plane's link is none: editing "in place" replaces links.
    """
    link = machine.layout.wireguard_link(name)
    target = aim or f"{ACTIVE}/wireguard/{name}.conf"
    if link.is_symlink() and str(link.readlink()) == target:
        return
    ours = (machine.layout.confirmed / "wireguard" / link.name).exists()
    if link.exists() and not link.is_symlink() and not (ours and link.is_file()):
        raise Refused(
            f"{link} is not ours: {name} is in use by something else on this machine",
            f"move it away (another interface name), or leave the plane of {name} out",
        )
    machine.disk.ensure_directory(link.parent)
    machine.disk.point(link, target)


def booted(machine: Machine) -> set[str]:
    """The interfaces of ours that boot starts."""
    units = machine.layout.boot_units.glob("wg-quick@*.service")
    names = {unit.name.removeprefix("wg-quick@").removesuffix(".service") for unit in units}
    return {name for name in names if is_ours(machine, name)}


def set_boot(machine: Machine, names: set[str], *, enabled: bool) -> None:
    """Have boot start, or no longer start, these interfaces; what is so already is left alone."""
    wants = machine.layout.boot_units
    units = [
        f"wg-quick@{name}.service"
        for name in sorted(names)
        if (wants / f"wg-quick@{name}.service").is_symlink() != enabled
    ]
    if not units:
        return
    verb = "enable" if enabled else "disable"
    machine.commands.must(
        ["systemctl", verb, "--quiet", *units],
        why=f"systemd does not {verb} {', '.join(units)}",
        fix=_LOOK,
    )
    if wants.is_dir():
        machine.disk.sync_directory(wants)
