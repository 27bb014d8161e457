"""`make bench-failover`: what a failing link or gateway costs a flow between two sites' leaves.

In a lab of its own, three sites with two gateways and a leaf each; takes about 25 minutes.
Writes docs/figures/failover.md and .json and ends with 1 when a bound is missed.
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
from tests.bench.failing import KINDS, FailoverBench
from tests.bench.figures import Figures
from tests.lab.flow import PLANES
from tests.lab.routed import Routed

ROOT = Path(__file__).resolve().parents[2]
TITLE = "What a failure between sites costs"
NOTES = """\
Nine nodes on three sites in the lab, two gateways and a leaf each. The leaves of two sites send
  each other 50 echo requests a second, each way, on the storage plane, IPv4 and IPv6: on all planes
  WireGuard, which is no part of this kernel, would take the processors from all else.
Time without connectivity is the longest time between two answers on the worst of those ways; where
  nothing is lost it is 20 ms and what an answer was late. Lost packets are those of all ways.
Before each run all went over the link between the two owning gateways. Link cut: it carries
  nothing, either way. Gateway killed: the power of the owner is cut; it boots again before the next
  run. Half-dead: the owner forwards nothing and answers for itself, so that BFD stays up; before
  each run the daemons of routes forget how often sites have changed hands. Drain: what the verb of
  that name does.
BFD detection is from the fault until the first end of the link saw its session down, looked at
  50 times a second.
All machines share one computer's two processors, so seconds are pessimistic.
"""


def main() -> int:
    """Measure, write, judge."""
    parser = argparse.ArgumentParser(prog="make bench-failover", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="of each kind (default 20)")
    parser.add_argument("--only", choices=KINDS, action="append", help="this kind (default all)")
    parser.add_argument("--planes", nargs="+", choices=PLANES, default=("wg3",))
    options = parser.parse_args()
    figures, began = Figures(), time.monotonic()
    console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}")

    say("three sites of three nodes")
    with tempfile.TemporaryDirectory(prefix="backplane-bench-") as name:
        routed = Routed.make(Path(name))
        try:
            bench = FailoverBench(routed, figures, say, tuple(options.planes))
            bench.run(tuple(options.only or KINDS), runs=options.runs)
        finally:
            routed.end()
    notes = (*re.split(r"\n(?! )", NOTES.strip()), f"{toolchain.announce()}.")
    if set(options.only or KINDS) == set(KINDS):
        figures.write(ROOT / "docs" / "figures", "failover", TITLE, notes)
    console.print(figures.markdown(TITLE, notes))
    for figure in figures.missed:
        say(f"MISSED: {figure.name}: {figure.values} {figure.unit}, bound {figure.limits}")
    return 1 if figures.missed else 0


if __name__ == "__main__":
    sys.exit(main())
