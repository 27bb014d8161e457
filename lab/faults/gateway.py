"""Gateways that live and forward nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from lab.faults.inside import must
from lab.machines.machine import Machine

_TABLE = "inet fault-half-dead"
_BEFORE_ALL = -400
"""A priority before every one that nft has a name for, and so before the product's own rules."""


def _rules(planes: Sequence[str], family: Literal[4, 6] | None) -> list[str]:
    protocol = f"meta nfproto ipv{family} " if family else ""
    if not planes:
        return [f"{protocol}counter drop"]
    listed = ", ".join(f'"{plane}"' for plane in planes)
    return [f"{protocol}{side} {{ {listed} }} counter drop" for side in ("iifname", "oifname")]


@contextmanager
def half_dead(
    machine: Machine, *, planes: Sequence[str] = (), family: Literal[4, 6] | None = None
) -> Iterator[None]:
    """Let a machine forward nothing, while it still answers for itself: sessions and BFD stay up.

    Args:
        machine: the gateway.
        planes: interfaces of the planes that suffer (`wg2`); all when none is named.
        family: the one IP version that suffers; both when none is named.
    """
    rules = "\n".join(_rules(planes, family))
    text = (
        f"table {_TABLE}\ndelete table {_TABLE}\ntable {_TABLE} {{ chain forward {{\n"
        f"type filter hook forward priority {_BEFORE_ALL}; policy accept;\n{rules}\n}}\n}}"
    )
    try:
        must(machine, f"nft '{text}'")
        yield
    finally:
        # A machine that was rebooted meanwhile has no such table any more.
        must(machine, f"nft 'table {_TABLE}\ndelete table {_TABLE}'")


def dropped(machine: Machine) -> int:
    """How many packets a half-dead machine has dropped so far."""
    words = must(machine, f"nft list table {_TABLE}").split()
    return sum(int(words[at + 1]) for at, word in enumerate(words) if word == "packets")
