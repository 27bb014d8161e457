"""`make bench-change`: what a change costs, in packets, milliseconds, seconds and megabytes.

In a lab of its own; takes about a quarter of an hour. Writes docs/figures/change.md and .json and
ends with 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from lab.setup import toolchain
from tests.bench import fleet
from tests.bench.figures import Figures
from tests.bench.mesh import MeshBench
from tests.lab.mesh import Mesh

ROOT = Path(__file__).resolve().parents[2]
TITLE = "What a change costs"
NOTES = """\
Four nodes on two sites in the lab. Two of them send each other 50 echo requests a second on each
  plane, IPv4 and IPv6, while a change is made; a gap is the longest time between two answers, 20 ms
  where nothing is late. A fifth node comes, is rebuilt, and goes.
A rotated plane may lose what is under way when it flips: only its gap is bounded.
`pulumi up` runs without its preview. Machines, runner and engine share one computer's processors,
  so seconds are pessimistic.
Fake nodes are SSH servers in one process that answer as the node tool does.
"""


def main() -> int:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(prog="make bench-change", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each change (default 3)")
    parser.add_argument("--rotations", type=int, default=10, help="of keys (default 10)")
    options = parser.parse_args()
    figures, began = Figures(), time.monotonic()

    console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}")

    with tempfile.TemporaryDirectory(prefix="backplane-bench-") as name:
        say("a mesh of four nodes")
        mesh = Mesh.make(Path(name))
        try:
            mesh.must("up", "--yes", "--skip-preview", seconds=900)
            MeshBench(mesh, figures, say).run(runs=options.runs, rotations=options.rotations)
        finally:
            mesh.end()
        say(f"{fleet.SIZE} fake nodes")
        fleet.run(figures, say, runs=options.runs)
    notes = (*re.split(r"\n(?! )", NOTES.strip()), f"{toolchain.announce()}.")
    figures.write(ROOT / "docs" / "figures", "change", TITLE, notes)
    console.print(figures.markdown(TITLE, notes))
    for figure in figures.missed:
        say(f"MISSED: {figure.name}: {figure.values} {figure.unit}, bound {figure.bound:g}")
    return 1 if figures.missed else 0


if __name__ == "__main__":
    sys.exit(main())
