"""Figures of a real mesh in a lab: packets lost, gaps and seconds of each kind of change."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from lab.faults.clock import skewed
from tests.bench.figures import Figures
from tests.lab import changes
from tests.lab.flow import PLANES, Flow
from tests.lab.mesh import Declaration, Mesh

Say = Callable[[str], None]

PAIR = ("fsn-a", "hel-a")
SLOTS = {"wg0": "enrollment", "wg1": "management", "wg2": "monitoring", "wg3": "storage"}
ROTATED = ("wg3", "wg2", "wg1", "wg0")
GAP, SKEWED_GAP = 250.0, 500.0
SKEW, REFUSED = 1.0, 5.0
"""Seconds that one node tool's clock is ahead: a flip bears the first, the second is named."""

_PHASE = re.compile(
    r"\b(lease|status|arm|prepare|clock|flip|check|confirm): \d+ of \d+ nodes, ([\d.]+) s"
)
_WINDOW = re.compile(r"confirmed within ([\d.]+) s")
_SPREAD = re.compile(r"flipped within ([\d.]+) ms")


class MeshBench:
    """Changes of one mesh, measured between two of its nodes.

    Args:
        mesh: a mesh that is up.
        figures: where they go.
        say: takes one line of progress.
    """

    def __init__(self, mesh: Mesh, figures: Figures, say: Say) -> None:
        self._mesh, self._figures, self._say = mesh, figures, say

    def run(self, *, runs: int, rotations: int) -> None:
        """Measure each kind of change `runs` times, and rotate keys `rotations` times."""
        for turn in range(1, runs + 1):
            self._say(f"run {turn} of {runs}")
            self._lossless("add a node", changes.grow)
            self._lossless("rebuild a node", changes.rebuild)
            self._lossless("remove a node", changes.shrink)
            for change in (changes.open_port, changes.shut_port):
                self._lossless("open or shut a port", change)
            slot = list(SLOTS.values())[turn % len(SLOTS)]
            self._lossless("rotate a plane's PSKs", partial(_raised, slot, "psk"))
            self._lossless("no change", _nothing)
        for turn in range(rotations):
            self._say(f"rotation {turn + 1} of {rotations}")
            self._rotate(ROTATED[turn % len(ROTATED)], "equal clocks", GAP)
        machine = self._mesh.lab.machine(PAIR[1])
        with skewed(machine, SKEW):
            for turn in range(runs):
                self._say(f"rotation with a skew, {turn + 1} of {runs}")
                plane = ROTATED[turn % len(ROTATED)]
                self._rotate(plane, f"one clock {SKEW:g} s off", SKEWED_GAP)
        self._refuse()

    def _measured(self, change: Callable[[Declaration], None]) -> tuple[Flow, str, float]:
        """Declare a change and bring it about under the meters: flow, what `up` said, seconds."""
        flow = Flow(self._mesh.lab, PAIR)
        self._mesh.declare(change)
        with flow.running():
            up = self._mesh.must("up", "--yes", "--skip-preview")
        return flow, up.diagnostics, up.seconds

    def _lossless(self, kind: str, change: Callable[[Declaration], None]) -> None:
        flow, said, seconds = self._measured(change)
        lost = sum(flow.lost_on(plane) for plane in PLANES)
        gap = max(flow.gap(plane) for plane in PLANES)
        self._say(f"  {kind}: {lost} lost, longest gap {gap:.0f} ms, {seconds:.1f} s")
        self._figures.add(f"packets lost: {kind}", lost, bound=0)
        self._figures.add(f"longest gap: {kind}", gap, "ms")
        self._figures.add(f"`pulumi up`: {kind}", seconds, "s")
        self._phases(said)

    def _rotate(self, plane: str, clocks: str, bound: float) -> None:
        flow, said, seconds = self._measured(partial(_raised, SLOTS[plane], "keys"))
        others = [other for other in PLANES if other != plane]
        lost, gap = sum(flow.lost_on(other) for other in others), flow.gap(plane)
        what = f"rotate a plane's keys, {clocks}"
        self._say(f"  {what}, {plane}: {lost} lost elsewhere, gap {gap:.0f} ms, {seconds:.1f} s")
        self._figures.add(f"packets lost on the other planes: {what}", lost, bound=0)
        self._figures.add(f"longest gap on the plane: {what}", gap, "ms", bound=bound)
        self._figures.add(f"packets lost on the plane: {what}", flow.lost_on(plane))
        self._figures.add(
            f"longest gap on the other planes: {what}", max(map(flow.gap, others)), "ms"
        )
        self._figures.add(f"`pulumi up`: {what}", seconds, "s")
        self._phases(said)

    def _phases(self, said: str) -> None:
        for phase, seconds in _PHASE.findall(said):
            self._figures.add(f"rollout of four nodes: {phase}", float(seconds), "s")
        for window in _WINDOW.findall(said):
            self._figures.add("from the first to the last confirm, four nodes", float(window), "s")
        for spread in _SPREAD.findall(said):
            self._figures.add("from the first to the last flip, four nodes", float(spread), "ms")

    def _refuse(self) -> None:
        """A clock that is too far off: named, and nothing has changed for anybody."""
        name = PAIR[1]
        self._mesh.declare(partial(_raised, "storage", "keys"))
        flow = Flow(self._mesh.lab, PAIR)
        with skewed(self._mesh.lab.machine(name), REFUSED), flow.running():
            up = self._mesh.pulumi("up", "--yes", "--skip-preview")
        named = re.search(rf"{name}: arm refused: its clock is [\d.]+ s ahead", up.diagnostics)
        unnamed = 0 if up.code != 0 and named else 1
        lost = sum(flow.lost_on(plane) for plane in PLANES)
        self._say(f"  a clock {REFUSED:g} s off: {'not ' * unnamed}named, {lost} lost")
        self._figures.add(f"a clock {REFUSED:g} s off that was not named", unnamed, bound=0)
        self._figures.add("packets lost: a rotation refused for a clock", lost, bound=0)
        self._mesh.must("up", "--yes", "--skip-preview")


def _nothing(_declared: Declaration) -> None:
    """Declare the same again."""


def _raised(slot: str, number: str, declared: Declaration) -> None:
    changes.raised(declared, slot, number)
