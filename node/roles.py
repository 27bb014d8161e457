"""The roles of a generation: their packages, their units, and whether they run. Pure but for files.

A role's daemon runs from a unit of ours that a generation brings, so that it changes, and is
undone, with its generation; the unit that its package brings is shut and never starts.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node import archives

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from node.generations import Generation

UNITS, ROLES, SECRETS = "units", "roles", "secrets"
_FIELDS = {"packages", "archive", "shut", "ahead", "units", "checks"}
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_UNIT = re.compile(r"backplane-[a-z0-9-]{1,60}\.(service|timer|socket)")
_FOREIGN = re.compile(r"[a-z0-9][a-z0-9@._-]{0,80}\.(service|socket|timer)")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,80}")
# A name that is ours alone, in a directory that a package reads whole: never somebody's own file.
_AHEAD = re.compile(r"/etc/[a-z0-9-]{1,60}/[a-z0-9-]{1,60}\.d/backplane\.conf")
_PATTERNS = {"packages": _PACKAGE, "shut": _FOREIGN, "ahead": _AHEAD, "units": _UNIT}
# systemd passes over what begins so (systemd.unit(5)).
_REREADS = re.compile(r"^X-BackplaneRereads=(.*)$", re.MULTILINE)
_RESERVED = ("backplane-nft", "backplane-members", "backplane-first-boot", "backplane-rollback-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A unit of a role.

    Attributes:
        unit: Its name.
        role: Whose.
        starts: Whether it runs while its role is there; else its timer or socket starts it.
        digest: Changes with its own text and with any file of its role, but for those of which its
            own text says that it reads them anew by itself.
    """

    unit: str
    role: str
    starts: bool
    digest: str


def mistake(stated: object, files: Iterable[str]) -> str | None:
    """What is wrong with the roles of a bundle.

    Args:
        stated: Its ``roles``.
        files: The paths of its files.
    """
    if not isinstance(stated, dict):
        return "its roles are no mapping"
    units: list[str] = []
    for role, told in stated.items():
        if not _ROLE.fullmatch(role) or not _well_shaped(told):
            return f"its role {role!r} has the wrong shape"
        for part, pattern in _PATTERNS.items():
            for name in told[part]:
                if not isinstance(name, str) or not pattern.fullmatch(name):
                    return f"{part} of its role {role} name {name!r}"
        units += told["units"]
    for name in units:
        if name.startswith(_RESERVED) or units.count(name) > 1:
            return f"its roles bring the unit {name}, which is taken"
    there = {path.partition("/")[2] for path in files if path.startswith(f"{UNITS}/")}
    return None if there == set(units) else "its units and those that its roles name differ"


def _well_shaped(told: object) -> bool:
    if not isinstance(told, dict) or set(told) != _FIELDS or not isinstance(told["ahead"], dict):
        return False
    if told["archive"] is not None and not _is_archive(told["archive"]):
        return False
    return all(isinstance(text, str) for text in told["ahead"].values())


def _is_archive(told: object) -> bool:
    if not isinstance(told, dict) or set(told) != set(archives.FIELDS):
        return False
    return all(
        isinstance(told[part], str) and pattern.fullmatch(told[part])
        for part, pattern in archives.FIELDS.items()
    )


def services(generation: Generation) -> dict[str, Service]:
    """The units of a generation's roles, by name."""
    found: dict[str, Service] = {}
    for role, told in sorted(generation.roles.items()):
        own = {
            str(path.relative_to(generation.path))
            for kind in (ROLES, SECRETS)
            for path in generation.file(f"{kind}/{role}").rglob("*")
            if path.is_file()
        }
        for unit in told["units"]:
            rest = own - {f"{ROLES}/{role}/{name}" for name in _rereads(generation, unit)}
            found[unit] = Service(
                unit=unit,
                role=role,
                starts=not _starters(unit) & {*told["units"]},
                digest=generation.digest(f"{UNITS}/{unit}", *sorted(rest)),
            )
    return found


def sight(generation: Generation) -> str:
    """Changes with whatever systemd reads of a generation: its units' names and texts."""
    folder = generation.file(UNITS)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    told = "".join(f"{name} {generation.digest(f'{UNITS}/{name}')}\n" for name in names)
    return hashlib.sha256(told.encode()).hexdigest()


def packages(roles: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every package that roles need."""
    return sorted({name for told in roles.values() for name in told["packages"]})


def others(roles: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """By role, the archives beside Debian's."""
    return {role: told["archive"] for role, told in roles.items() if told["archive"]}


def shut(roles: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every unit of a package that must never run."""
    return sorted({name for told in roles.values() for name in told["shut"]})


def ahead(roles: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Text by path of what stands before the packages are installed."""
    return {path: text for told in roles.values() for path, text in told["ahead"].items()}


def _rereads(generation: Generation, unit: str) -> list[str]:
    """The files of its role that a unit reads anew by itself."""
    file = generation.file(f"{UNITS}/{unit}")
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [name for line in _REREADS.findall(text) for name in line.split()]


def _starters(unit: str) -> set[str]:
    """The units that would start a service in its role's stead."""
    name, _, kind = unit.rpartition(".")
    return {f"{name}.timer", f"{name}.socket"} if kind == "service" else set()
