"""What a cloud says of the firewalls and machines that stand there, read back and never written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from backplane import planes
from backplane.clouds import ANYWHERE

PATIENCE = 20.0
"""Seconds for one answer of a cloud."""

Setting = Callable[[str], str | None]
"""Gives a value of the stack's configuration by its full key, None where there is none."""


class UnreadableError(Exception):
    """A cloud cannot be asked: why, and what to do about it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rule:
    """One rule of a cloud firewall.

    Attributes:
        direction: `in` or `out`.
        protocol: `udp`, `tcp`, `icmp`, …
        port: A port, a range, or empty for all.
        others: Networks that it lets in, or that it lets be reached; sorted.
    """

    direction: str
    protocol: str
    port: str
    others: tuple[str, ...]

    def __str__(self) -> str:
        port = f" {self.port}" if self.port else ""
        side = "from" if self.direction == "in" else "to"
        return f"{self.direction} {self.protocol}{port} {side} {', '.join(self.others)}"


DARK = frozenset(
    Rule(direction="in", protocol=protocol, port=str(port), others=tuple(sorted(ANYWHERE)))
    for protocol, port in planes.INBOUND
)
"""All that a site's firewall says of what comes in. What it says of the way out is its cloud's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """A firewall as the cloud has it.

    Attributes:
        name: Its name there.
        rules: All its rules.
    """

    name: str
    rules: frozenset[Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in one cloud.

    Attributes:
        firewalls: Every firewall by id.
        machines: The stack's machines by name: ids of the firewalls that are in force there.
        dark: All the rules that a site's firewall may have there.
    """

    firewalls: Mapping[str, Firewall]
    machines: Mapping[str, frozenset[str]]
    dark: frozenset[Rule] = DARK


class Reader(Protocol):
    """Reads one cloud back."""

    def read(self, stack: str, places: Collection[str], setting: Setting) -> Standing:
        """Ask the cloud.

        Args:
            stack: Name of the stack.
            places: Where its sites are, as their `location` says.
            setting: The stack's configuration.

        Raises:
            UnreadableError: There is no access to it, or it does not answer.
        """
        ...
