"""One moment for all nodes, on each node's own monotonic clock, which nothing ever sets.

Wall clocks would need to agree; a monotonic clock's distance from the runner's is measured here,
within half of the fastest of a few round trips over an open session.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

LEAD = 0.3
"""Seconds from the order to the moment, before what the nodes' own slowness adds."""

SLOWEST = 2.0
"""How many times the slowest answer so far a node gets for starting the tool and planning."""

LONGEST = 20.0
"""Seconds that the moment is away at the most."""

ROUNDS = 7
"""Round trips for one measurement; the fastest counts."""


@dataclass(frozen=True, slots=True)
class Round:
    """One question for a node's clock; all in ns, `sent` and `received` by the runner's clock."""

    sent: int
    told: int
    received: int


def offset(rounds: Iterable[Round]) -> int:
    """Ns by which a node's clock is ahead of the runner's, from the fastest round trip."""
    best = min(rounds, key=lambda one: one.received - one.sent)
    return best.told - (best.sent + best.received) // 2


def lead(slowest: float) -> float:
    """Seconds until the moment of a flip.

    Args:
        slowest: Seconds that the slowest node took for a like call.
    """
    return min(LEAD + SLOWEST * slowest, LONGEST)


def now() -> int:
    """Ns of the runner's monotonic clock."""
    return time.monotonic_ns()


def middle(offsets: Iterable[float]) -> float:
    """Seconds by which the mesh's time is ahead of the runner's: the middle one of its clocks."""
    return median(offsets)
