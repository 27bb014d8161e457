"""`python -m tests.soak`: a lab of its own, minutes of changes and faults, and a verdict."""

from __future__ import annotations

import argparse
import functools
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.lab.mesh import Mesh
from tests.soak.changes import without_copies
from tests.soak.driver import Soak
from tests.soak.ending import ended

say = functools.partial(print, flush=True)


def main() -> int:
    """Soak; 0 when every invariant held, 1 when one broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long to go on")
    parser.add_argument("--steps", type=int, help="so many steps instead")
    parser.add_argument("--seed", type=int, help="what every choice follows from")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 1_000_000)
    folder = Path(tempfile.mkdtemp(prefix=f"backplane-soak-{seed}-"))
    say(f"seed {seed}: `make soak SEED={seed}` draws the same; logs in {folder}")
    mesh = Mesh.make(folder)
    try:
        mesh.declare(without_copies)
        mesh.first_light()
        soak = Soak(mesh=mesh, seed=seed, folder=folder, say=say)
        until = time.monotonic() + float(options.minutes) * 60

        def more(made: int) -> bool:
            if options.steps:
                return bool(made < options.steps)
            return time.monotonic() < until

        try:
            soak.run(more)
        except Exception as error:  # noqa: BLE001 - whatever it was, it broke the soak
            say(f"after {soak.number} steps: {type(error).__name__}")
            return 1
        finally:
            say(f"\nseed {seed}, {soak.number} steps; {soak.figures}")
            for title, counts in (("operations", soak.counts), ("checked", soak.checked)):
                say(f"{title}:")
                for name, count in sorted(counts.items()):
                    say(f"  {count:5d}  {name}")
        wrong = ended(mesh, soak)
        for line in wrong:
            say(f"BROKEN at the end: {line}")
        return int(bool(wrong))
    finally:
        mesh.end()


if __name__ == "__main__":
    sys.exit(main())
