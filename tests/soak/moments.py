"""When a fault strikes: after some time, or the instant that a node reaches a phase.

A node's phase is read through /proc, which costs nothing and disturbs nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

PHASES = ("leased", "armed", "flipped", "confirmed")
LATEST = 9.0
"""Seconds after its start at which an `up` of a running mesh is over, about."""

LOOK = 0.004


def _link(path: Path) -> str:
    with suppress(OSError):
        return path.readlink().name
    return ""


@dataclass(slots=True, kw_only=True)
class Eye:
    """What the nodes' disks show.

    Attributes:
        roots: by node, the directory under which its files are seen.
        before: by node, what was active and confirmed when the eye opened.
    """

    roots: Mapping[str, Path]
    before: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember how it was."""
        self.before = {name: self._links(name) for name in self.roots}

    @classmethod
    def on(cls, leaders: Mapping[str, int]) -> Eye:
        """Look at machines by their first process."""
        return cls(roots={name: Path(f"/proc/{pid}/root") for name, pid in leaders.items()})

    def _links(self, name: str) -> tuple[str, str]:
        root = self.roots[name]
        active = _link(root / "run/backplane/active")
        return active, _link(root / "var/lib/backplane/confirmed")

    def _reached(self, phase: str, name: str) -> bool:
        run = self.roots[name] / "run/backplane"
        if phase == "leased":
            return (run / "lease.json").exists()
        if phase == "armed":
            return (run / "armed.json").exists()
        now, before = self._links(name), self.before[name]
        place = 0 if phase == "flipped" else 1
        return bool(now[place]) and now[place] != before[place]

    def reached(self, phase: str) -> bool:
        """Whether any node is in that phase, or beyond."""
        return any(self._reached(phase, name) for name in self.roots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a fault strikes.

    Attributes:
        phase: a node's phase; empty for the start.
        after: seconds after that.
    """

    phase: str
    after: float

    @classmethod
    def drawn(cls, draw: Random) -> Moment:
        """Draw one: two in three are inside the rollout, which is short."""
        if draw.random() < 1 / 3:
            return cls(phase="", after=round(draw.uniform(0, LATEST), 2))
        return cls(phase=draw.choice(PHASES), after=round(draw.choice((0, draw.uniform(0, 1))), 3))

    def __str__(self) -> str:
        where = f"once a node is {self.phase}" if self.phase else "after the start"
        return f"{self.after:g} s {where}"

    def wait(self, eye: Eye, ended: Callable[[], bool]) -> bool:
        """Wait for it; False when what it would strike has ended before."""
        while self.phase and not eye.reached(self.phase):
            if ended():
                return False
            time.sleep(LOOK)
        until = time.monotonic() + self.after
        while time.monotonic() < until:
            if ended():
                return False
            time.sleep(LOOK)
        return not ended()
