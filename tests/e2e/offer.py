"""What a cloud is asked for, what that costs and how long it takes: told before anything begins."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]

LABEL = "backplane-stack"
"""The label, or tag, that the program gives to everything a stack has."""

STACK = re.compile(r"e2e-[0-9a-f]{8}")
"""Names of runs. No other stack is ever swept."""

EXPECTED = 15
"""Minutes that a run is thought to take; none has been measured yet."""

LIMITS: Mapping[str, float] = {
    "price list": 60,
    "stack": 120,
    "up": 2400,
    "verify": 300,
    "audit": 120,
    "second preview": 300,
    "destroy": 900,
    "look": 60,
    "sweep": 900,
}
"""The steps in their order, and seconds after which each is ended."""

GRACE = 180.0
"""Seconds that a program has to end after SIGINT: pulumi finishes what it has begun."""

_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one thing costs.

    Attributes:
        what: the thing.
        number: how many of it there will be.
        hourly: what one counts for each started hour, without VAT: not less than it costs.
        seen: what it was known to cost, and when.
        source: where the vendor says what it costs today.
    """

    what: str
    number: int
    hourly: Decimal
    seen: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one of the machines stands.

    Attributes:
        site: the site's name.
        location: the cloud's own name for it.
        type: the size of the machine, likewise.
    """

    site: str
    location: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something at a cloud that carries the label.

    Attributes:
        kind: what it is, in the cloud's words.
        id: its id there.
        name: its name there; empty where it has none.
        place: where it is, for a cloud that must be asked place by place.
    """

    kind: str
    id: str
    name: str = ""
    place: str = ""

    def __str__(self) -> str:
        words = (self.kind, self.name, f"({self.id})", f"in {self.place}" if self.place else "")
        return " ".join(word for word in words if word)


class Account(Protocol):
    """An account at a cloud, through the vendor's own client."""

    def found(self, stack: str) -> list[Thing]:
        """Everything that carries the stack's label, in the order of deletion."""
        ...

    def delete(self, thing: Thing) -> None:
        """Delete it; raises what the client raises when it can't be, or not yet."""
        ...

    def addresses(self, stack: str) -> list[str]:
        """The public addresses that carry the stack's label."""
        ...

    def dearer(self, cloud: Cloud) -> list[str]:
        """What the vendor's price list has at more than was told, a sentence each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A row of the table.

    Attributes:
        name: as a site's `cloud` has it.
        title: as people call it.
        places: one machine each.
        currency: of the prices.
        prices: everything that is paid for.
        plugin: its Pulumi package, without `pulumi-`.
        variables: any of them gives the program and the vendor's client access.
        files: any of them does so too, below the home directory.
        stand_ins: variables that would lead both to something that is no real account.
        account: opens the account.
    """

    name: str
    title: str
    places: tuple[Place, ...]
    currency: str
    prices: tuple[Price, ...]
    plugin: str
    variables: tuple[str, ...]
    files: tuple[str, ...] = ()
    stand_ins: tuple[str, ...]
    account: Callable[[], Account]

    def cost(self, hours: int) -> Decimal:
        """What so many started hours cost."""
        return sum((one.hourly * one.number * hours for one in self.prices), Decimal(0))

    def mesh(self, stack: str) -> dict[str, Any]:
        """The declaration: a site for each place, nodes named after the run.

        Names of machines are unique in a project, which may have others.
        """
        sites = {
            place.site: {
                "id": number,
                "cloud": self.name,
                "location": place.location,
                "type": place.type,
                "image": "debian-12",
                "nodes": {f"{stack}-{place.site}": {"id": 1}},
            }
            for number, place in enumerate(self.places, 1)
        }
        return {
            # Far from the numbers that people's own stacks have.
            "network": 246,
            "protect": False,
            "timer": 60,
            "sites": sites,
            "runners": {"runner": {"id": 254}},
        }


def fresh() -> str:
    """The name of a run that there has not been."""
    return f"e2e-{secrets.token_hex(4)}"


def locked(package: str) -> str | None:
    """The version of a Pulumi package that the lock names, None where it names none."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = re.search(rf"^pulumi-{re.escape(package)}==([^ ;\\]+)", text, re.MULTILINE)
    return found[1] if found else None


def longest() -> int:
    """Minutes that a run takes where one step and then destroy hang until they are ended."""
    return math.ceil((sum(LIMITS.values()) + 2 * GRACE) / _MINUTE)


def told(cloud: Cloud, stack: str) -> str:
    """What a person reads before anything is asked of the cloud."""
    hours, most = math.ceil(EXPECTED * _MINUTE / _HOUR), math.ceil(longest() * _MINUTE / _HOUR)
    where = " and ".join(place.location for place in cloud.places)
    plugins = ", ".join(
        f"{name} {locked(name) or '(not locked)'}" for name in (cloud.plugin, "command", "random")
    )
    rows = [
        f"  {one.number} x {one.what:<18} {one.hourly:.3f} {cloud.currency} an hour each, at most\n"
        f"      seen at {one.seen}\n"
        f"      today: {one.source}"
        for one in cloud.prices
    ]
    short, long = (
        f"{cloud.cost(number):.2f} {cloud.currency} without VAT" for number in (hours, most)
    )
    lines = [
        f"{cloud.title}: {len(cloud.places)} machines in {where}, on YOUR account and bill.",
        *rows,
        f"expected: {EXPECTED} minutes, {_hours(hours)}: {short}",
        f"at most:  {longest()} minutes, {_hours(most)}: {long}, if nothing is left over",
        f"official plugins: {plugins}",
        f"everything carries the label {LABEL}={stack}; what does so is deleted at the end,",
        f"however that comes about. By hand: SWEEP={stack} make e2e-{cloud.name}",
    ]
    return "\n".join(lines)


def _hours(number: int) -> str:
    return f"{number} started hour{'s' if number > 1 else ''}"
