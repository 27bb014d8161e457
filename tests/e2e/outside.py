"""Knocking on a mesh's public addresses from a machine that is none of it, and hearing nothing.

What comes back is read from the wire (`lab.prober.capture`). Unlike in the lab this machine talks
to others meanwhile: an answer is what comes from an address that was knocked on, to where the
knocks came from. Packets of others show that the wire was heard.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.prober.capture import Packet, Tap, link_chatter
from lab.prober.packets import SOURCE_PORT, Knock, steady, sweep
from lab.prober.ports import TOP_TCP, WIREGUARD
from lab.prober.stranger import Sender, gateways, interface_of, source_addresses

ROUNDS = 3
"""How often each knock is made: packets get lost on the way."""

_SLICE = 25
_BREATH = 0.05
"""Knocks at once, and seconds to the next: a burst would be lost at the nearest queue."""

_PATIENCE = 3.0
"""Seconds that an answer to the last knock has."""

_V4, _V6 = 4, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an audit found.

    Attributes:
        asked: the addresses that were knocked on.
        skipped: those of a family that this machine cannot send.
        sent: knocks that left.
        refused: knocks that this machine's own kernel did not send, by error.
        answers: what came back from the addresses.
        others: how many packets of anybody else, other than the link's own, came in meanwhile.
        lost: packets that the kernel did not hand over.
    """

    asked: tuple[str, ...]
    skipped: tuple[str, ...]
    sent: int
    refused: tuple[str, ...]
    answers: tuple[str, ...]
    others: int
    lost: int

    @property
    def wrong(self) -> list[str]:
        """Why it is no proof of darkness, or of what; empty if it is one."""
        found = [f"answered: {one}" for one in self.answers]
        found += [f"not sent: {one}" for one in self.refused]
        if not self.asked:
            found.append("no address was knocked on")
        if not self.others:
            found.append("not one packet of anybody came in: the wire was not heard")
        if self.lost:
            found.append(f"{self.lost} packets came in that were not looked at")
        return found

    @property
    def shown(self) -> str:
        """What was asked, in a sentence."""
        skipped = f"; not asked from here: {', '.join(self.skipped)}" if self.skipped else ""
        return (
            f"{len(self.asked)} addresses, each {len(TOP_TCP)} TCP ports, {len(WIREGUARD)} UDP "
            f"ports and echo, {ROUNDS} times: {self.sent} knocks, {len(self.answers)} answers"
            f"{skipped}"
        )


def is_answer(packet: Packet, asked: frozenset[str]) -> bool:
    """Whether a packet answers a knock.

    A tunnel's own packets, from the same addresses, go to other ports. Of ICMP everything counts.
    """
    if packet.source not in asked:
        return False
    if packet.protocol in {"tcp", "udp"}:
        return packet.detail.split()[0].endswith(f"->{SOURCE_PORT}")
    return True


def audit(addresses: Sequence[str], meanwhile: Callable[[], object]) -> Heard:
    """Knock on every address and listen.

    Args:
        addresses: IPv4 and IPv6 addresses of the mesh's machines, and of nobody else.
        meanwhile: makes somebody else send this machine a packet.

    Raises:
        OSError: Without CAP_NET_RAW, or without IPv4 here or there.
    """
    sources = _sources(addresses)
    if _V4 not in sources:
        raise OSError("there is no IPv4 address to knock on that this machine has a way to")
    asked = tuple(one for one in addresses if _family(one) in sources)
    knocks = (*steady(sources, asked), *sweep(sources, asked))
    heard: list[Packet] = []
    refused: Counter[str] = Counter()
    with ExitStack() as stack:
        taps = [Tap(name) for name in sorted(interfaces(sources))]
        for tap in taps:
            stack.callback(tap.close)
        sender = Sender()
        stack.callback(sender.close)
        for _ in range(ROUNDS):
            for at in range(0, len(knocks), _SLICE):
                refused += _send(sender, knocks[at : at + _SLICE])
                _listen(taps, heard, _BREATH)
        meanwhile()
        _listen(taps, heard, _PATIENCE)
        lost = sum(tap.drops() for tap in taps)
    targets, near = frozenset(asked), gateways()
    answers = [one for one in heard if is_answer(one, targets)]
    return Heard(
        asked=asked,
        skipped=tuple(one for one in addresses if one not in targets),
        sent=ROUNDS * len(knocks) - refused.total(),
        refused=tuple(f"{number} x {why}" for why, number in sorted(refused.items())),
        answers=tuple(
            dict.fromkeys(f"{one.source} {one.protocol} {one.detail}" for one in answers)
        ),
        others=sum(one.source not in targets and not link_chatter(one, near) for one in heard),
        lost=lost,
    )


def _family(address: str) -> int:
    return _V6 if ":" in address else _V4


def _sources(addresses: Sequence[str]) -> dict[int, str]:
    """This machine's own address of each family that it can send."""
    found: dict[int, str] = {}
    for family in (_V4, _V6):
        mine = tuple(one for one in addresses if _family(one) == family)
        try:
            found |= source_addresses(mine)
        except OSError:
            # No way there: those addresses are told as skipped.
            continue
    return found


def interfaces(sources: Mapping[int, str]) -> frozenset[str]:
    """The interfaces that have these addresses of ours: IPv6 may leave by another than IPv4.

    Raises:
        OSError: None has one of them.
    """
    found = {interface_of(sources[_V4])}
    if _V6 in sources:
        mine = socket.inet_pton(socket.AF_INET6, sources[_V6]).hex()
        table = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
        rows = [line.split() for line in table]
        names = {row[-1] for row in rows if row[0] == mine}
        if not names:
            raise OSError(f"no interface has the address {sources[_V6]}")
        found |= names
    return frozenset(found)


def _send(sender: Sender, knocks: Sequence[Knock]) -> Counter[str]:
    refused: Counter[str] = Counter()
    for knock in knocks:
        try:
            sender.send(knock)
        except OSError as error:
            refused[f"{knock.kind}/{knock.family} {os.strerror(error.errno or 0)}"] += 1
    return refused


def _listen(taps: Sequence[Tap], heard: list[Packet], seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for tap in select.select(taps, [], [], left)[0]:
            heard += tap.read()
