"""Figures of a hundred fake nodes: real SSH servers, and the real driver's process."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Figures
from tests.runner import driving
from tests.runner.fleet import Fleet

ROOT = Path(__file__).resolve().parents[2]
SIZE = 100
BUNDLE = 60_000
"""Octets that each stage is pushed, about as many as with a hundred real peers."""

_LINE = re.compile(r"\b(stage|arm|prepare|flip|check|confirm): \d+ of \d+ nodes, ([\d.]+) s")
_CONFIRMED = re.compile(r"confirmed within ([\d.]+) s")
_UNDONE = re.compile(r"undo: \d+ of \d+ nodes, ([\d.]+) s")


@contextmanager
def _serving(fleet: Fleet) -> Iterator[None]:
    """Let the fleet answer in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fleet.start(), loop).result(60)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(fleet.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(figures: Figures, say: Callable[[str], None], *, runs: int) -> None:
    """Measure `runs` rollouts and undone ones."""
    fleet = Fleet(SIZE)
    with _serving(fleet):
        for turn in range(1, runs + 1):
            took = _roll(fleet, figures, f"{turn:016x}")
            say(f"  rollout {turn} of {runs}: {took:.1f} s")
        fleet.nodes[-1].refuse = "flip"
        for turn in range(1, runs + 1):
            _undo(fleet, figures, f"{0xF000 + turn:016x}")
        assert {node.active for node in fleet.nodes} == {f"{runs:016x}"}


def _drive(fleet: Fleet, generation: str) -> tuple[int, str, float]:
    """Run the driver as `pulumi up` does: exit code, what it said, seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.runner.driving"],
        cwd=ROOT,
        input=driving.encode(fleet.order(timer=120, generation=generation, size=BUNDLE)),
        capture_output=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stderr.decode(), time.monotonic() - began


def _roll(fleet: Fleet, figures: Figures, generation: str) -> float:
    """All nodes take a generation."""
    code, said, took = _drive(fleet, generation)
    assert code == 0, said
    figures.add(f"{SIZE} fake nodes: the rollout of a change", took, "s")
    for phase, seconds in _LINE.findall(said):
        figures.add(f"{SIZE} fake nodes: {phase}", float(seconds), "s")
    for window in _CONFIRMED.findall(said):
        figures.add(f"{SIZE} fake nodes: first to last confirm", float(window), "s")
    return took


def _undo(fleet: Fleet, figures: Figures, generation: str) -> None:
    """One node refuses to flip: all are led back."""
    code, said, _ = _drive(fleet, generation)
    assert code == 1, said
    (undone,) = _UNDONE.findall(said)
    figures.add(f"{SIZE} fake nodes: undoing a change that one refused", float(undone), "s")
