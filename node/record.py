"""What has been put into the kernel and the daemons since boot, and what boot had put there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node import generations, roles, sshd
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine

# What of a generation is put into the kernel or a daemon as a whole, and when it counts as changed.
PARTS: Mapping[str, tuple[str, ...]] = {
    "firewall": ("nftables.nft",),
    "sshd": sshd.FILES,
}
SIGHT = "units"
"""The part that says which units systemd has read."""
SERVICE = "unit "
"""What the part of a role's unit is called before its name."""


@dataclass(slots=True, kw_only=True)
class Record:
    """What has been put into the kernel and the daemons since boot.

    Attributes:
        generation: The last that was applied as a whole; None while one is being applied.
        parts: Hash of each part as it was put there; empty while that is not certain.
    """

    generation: str | None
    parts: dict[str, str] = field(default_factory=dict)


def read(machine: Machine) -> Record:
    """Read the record. Without one nothing has changed since boot put the active one into place."""
    told = machine.recall(machine.layout.applied)
    if told is not None:
        name, parts = told.get("generation"), told.get("parts")
        return Record(
            generation=str(name) if name else None,
            parts={str(k): str(v) for k, v in parts.items()} if isinstance(parts, dict) else {},
        )
    active = generations.named(machine, machine.layout.active)
    if active is None:
        return Record(generation=None)
    booted = generations.load(machine, active)
    parts = {part: booted.digest(*files) for part, files in PARTS.items()}
    units = {SERVICE + one.unit: one.digest for one in roles.services(booted).values()}
    return Record(generation=active, parts={**parts, SIGHT: roles.sight(booted), **units})


def services(done: Record) -> dict[str, str]:
    """Digest by unit of the roles' units that are as some generation says."""
    return {
        name.removeprefix(SERVICE): digest
        for name, digest in done.parts.items()
        if name.startswith(SERVICE)
    }


def save(machine: Machine, done: Record) -> None:
    """Write the record."""
    parts = {"generation": done.generation, "parts": done.parts}
    machine.remember(machine.layout.applied, parts)


def last(machine: Machine, done: Record) -> Generation | None:
    """The generation that was made live last, if it is known and there."""
    if done.generation is None:
        return None
    try:
        return generations.load(machine, done.generation)
    except Refused:
        return None
