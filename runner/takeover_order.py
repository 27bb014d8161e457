"""What the process of a takeover is told on its standard input: JSON with these fields; secret."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from runner.public import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be taken over; secret.

    Attributes:
        stack: Name of the stack, whose tunnel is up.
        door: How the machine is reached.
        way: Its address on wg0.
        timer: Seconds after which a step that nobody looked after is undone.
        system: What it is declared to run.
        ipv6: Its public IPv6 address, None without.
        bridges: The bridges that the declaration lets through.
        files: Generation 0 as {path: [mode, base64]}.
        bootstrap: The host key of generation 0.
        lasting: The host key of later ones.
        push_key: OpenSSH private key that opens root's session over the planes.
    """

    stack: str
    door: Door
    way: str
    timer: float
    system: str
    ipv6: str | None
    bridges: list[str]
    files: dict[str, list[str]] = field(repr=False)
    bootstrap: str
    lasting: str
    push_key: str = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Order:
        """Read one.

        Raises:
            ValueError: The text is none.
        """
        try:
            told: dict[str, Any] = json.loads(text)
            return cls(**{**told, "door": Door(**told["door"])})
        except (ValueError, KeyError, TypeError):
            raise ValueError("the order cannot be read") from None
