"""How long a flow was without connectivity, and where its packets were lost.

All machines of a lab share this computer's clocks, so a packet's moments at both ends compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One echo request. Times are seconds since 1970, 0 for never.

    Attributes:
        sent: when it was given to the kernel.
        heard: when it arrived.
        answered: when its answer was back.
    """

    sent: float
    heard: float
    answered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What an event did to a flow. Times are seconds.

    Attributes:
        lost: packets without an answer.
        lost_there: those of them that never arrived.
        without: the longest time between two answers; where nothing is lost, about what lies
            between two packets.
        first: from the event to the first lost packet's sending; None if none was lost.
        over: from the event to the first answer after which none is missing; None if none was lost
            or the last packet is.
    """

    lost: int
    lost_there: int
    without: float
    first: float | None
    over: float | None

    @property
    def lost_back(self) -> int:
        """Packets that arrived and whose answers were lost."""
        return self.lost - self.lost_there


def packets(
    sent: Iterable[tuple[int, int]], number: int, heard: Iterable[tuple[int, int, int]]
) -> list[Packet]:
    """Put together what the two ends' meters tell of one target's packets (`lab/meter.py`).

    Args:
        sent: when each packet left and when its answer came, in ns; (0, 0) counts as no packet.
        number: the target's number at the sender.
        heard: target, sequence number and moment of what arrived at the other end.
    """
    came = {sequence: moment for target, sequence, moment in heard if target == number}
    return [
        Packet(sent=left / _NS, heard=came.get(sequence, 0) / _NS, answered=back / _NS)
        for sequence, (left, back) in enumerate(sent)
        if left
    ]


def outage(flow: Sequence[Packet], event: float) -> Outage:
    """Judge the packets of one way, the answered and the lost, around an event.

    Args:
        flow: in the order in which they were sent.
        event: when it happened, seconds since 1970.
    """
    lost = [packet for packet in flow if not packet.answered]
    moments = sorted(packet.answered for packet in flow if packet.answered)
    # Silence from the first packet on, or until the last one, is time without connectivity too.
    ends = [packet.sent for packet in (*flow[:1], *flow[-1:]) if not packet.answered]
    gaps = (later - one for one, later in pairwise(sorted([*moments, *ends])))
    after = [packet.answered for packet in flow if lost and packet.sent > lost[-1].sent]
    return Outage(
        lost=len(lost),
        lost_there=sum(not packet.heard for packet in lost),
        without=round(max(gaps, default=0.0), 4),
        first=round(lost[0].sent - event, 4) if lost else None,
        over=round(min(after) - event, 4) if after else None,
    )


def worst(outages: Iterable[Outage]) -> Outage:
    """What the ways of one flow suffered together: the longest times, and all that was lost."""
    each = list(outages)
    firsts = [one.first for one in each if one.first is not None]
    overs = [one.over for one in each if one.over is not None]
    endless = any(one.lost and one.over is None for one in each)
    return Outage(
        lost=sum(one.lost for one in each),
        lost_there=sum(one.lost_there for one in each),
        without=max(one.without for one in each),
        first=min(firsts, default=None),
        over=None if endless else max(overs, default=None),
    )
