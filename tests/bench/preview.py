"""`make bench-preview`: what the engine costs with 20, 50 and 200 nodes, and the state it keeps.

Needs no lab and no privilege; takes about 12 minutes. Writes docs/figures/preview.md and .json and
ends with 1 when a bound is missed.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from rich.console import Console

from lab.setup import toolchain
from tests.bench.figures import Figures
from tests.bench.paper import Paper

ROOT = Path(__file__).resolve().parents[2]
TITLE = "What a mesh costs the engine"
NOTES = """\
On paper: the real engine and program, every bundle made for real; machines are orders in the books
  of the lab's API, remote commands succeed at once, and no tunnel is made. What a real cloud and
  real machines take comes on top.
`pulumi up` runs without its preview, and makes all bundles. A first preview is one of an empty
  state; a later one finds nothing to do.
The bare program registers the very resources that are in the state, with constant inputs, and
  knows nothing of a mesh; the two take turns.
State: the file of the engine's file backend, secrets encrypted by passphrase. 1 MB is 10^6.
Engine, plugins and program share this computer's processors.
"""
SIZES = (20, 50, 200)
STATED = 50
STATE = 5.0 * 1.048576
"""MB: 5 MiB at `STATED` nodes, as the design demands."""

NODE = "backplane:index:Node"
RATIO = 1.5
RUNS = 3
_PARTS = (
    ("engine and interpreter start", "asked", "began"),
    ("the program's imports", "began", "imported"),
    ("declaration read and checked", "imported", "declared"),
    ("resources described", "declared", "described"),
    ("resources registered", "described", "registered"),
    ("engine ends and tells", "registered", "ended"),
)

Say = Callable[[str], None]


def main() -> int:
    """Measure, write, judge."""
    figures, began = Figures(), time.monotonic()
    console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}")

    slowest = ""
    for size in SIZES:
        with (
            tempfile.TemporaryDirectory(prefix="backplane-preview-") as name,
            Paper.make(Path(name)) as paper,
        ):
            slowest = _measure(paper, size, figures, say)
    notes = (
        *re.split(r"\n(?! )", NOTES.strip()),
        f"Slowest part of a first preview of {SIZES[-1]} nodes: {slowest}.",
        f"{toolchain.announce()}.",
    )
    figures.write(ROOT / "docs" / "figures", "preview", TITLE, notes)
    console.print(figures.markdown(TITLE, notes))
    for figure in figures.missed:
        say(f"MISSED: {figure.name}: {figure.values} {figure.unit}, bound {figure.bound:g}")
    return 1 if figures.missed else 0


def _measure(paper: Paper, size: int, figures: Figures, say: Say) -> str:
    """One size; the slowest part of its first preview."""
    paper.declare(size)
    took = paper.up()
    say(f"{size} nodes: first `up` {took:.1f} s, state {paper.size():.2f} MB")
    figures.add(f"{size} nodes: first `pulumi up`", took, "s")
    bound = round(STATE, 2) if size == STATED else None
    figures.add(f"{size} nodes: state", paper.size(), "MB", bound=bound)
    paper.stack("fresh")
    slowest = _compare(paper, size, figures, say)
    paper.declare(size + 1)
    took = paper.up()
    say(f"{size} nodes: `up` that adds one {took:.1f} s")
    figures.add(f"{size} nodes: `pulumi up` that adds one", took, "s")
    return slowest


def _compare(paper: Paper, size: int, figures: Figures, say: Say) -> str:
    """Previews of ours and of the bare program in turns."""
    times: dict[tuple[str, str], list[float]] = {}
    parts: dict[str, list[float]] = {}
    for _ in range(RUNS):
        for program in ("ours", "bare"):
            paper.bare() if program == "bare" else paper.ours()
            for stack, kind in (("fresh", "first"), ("test", "later")):
                took, told, marks = paper.preview(stack)
                assert set(told) == {"create" if kind == "first" else "same"}, told
                times.setdefault((program, kind), []).append(took)
                if program == "ours" and kind == "first":
                    _add(parts, marks)
    paper.ours()
    made = paper.resources()
    of_nodes = [one for one in made if NODE in one["urn"].split("::")[2].split("$")]
    figures.add(f"{size} nodes: resources", len(made))
    figures.add(f"{size} nodes: resources of one node", len(of_nodes) / size, bound=8)
    for (program, kind), values in times.items():
        whose = "preview" if program == "ours" else "preview of a bare program"
        for value in values:
            figures.add(f"{size} nodes: {kind} {whose}", value, "s")
        say(f"{size} nodes: {kind} {whose}: {median(values):.1f} s")
    for kind in ("first", "later"):
        ratio = median(times["ours", kind]) / median(times["bare", kind])
        say(f"{size} nodes: {kind} preview: {ratio:.2f} times the bare program's")
        bound = RATIO if size == SIZES[-1] else None
        figures.add(f"{size} nodes: {kind} preview, times the bare program's", ratio, bound=bound)
    for name, values in parts.items():
        for value in values:
            figures.add(f"{size} nodes: first preview: {name}", value, "s")
    return max(parts, key=lambda name: median(parts[name]))


def _add(parts: dict[str, list[float]], marks: Mapping[str, float]) -> None:
    for name, since, until in _PARTS:
        parts.setdefault(name, []).append(marks[until] - marks[since])


if __name__ == "__main__":
    sys.exit(main())
