"""Two `up` at once."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from tests.lab.mesh import Mesh
from tests.soak.faults import Fault
from tests.soak.invariants import Broken
from tests.soak.runs import Run

LIMIT = 400.0


def fault(draw: Random, folder: Path) -> Fault:
    """A second `up` starts meanwhile: it waits or refuses with a clear sentence."""
    after = round(draw.uniform(0, 2), 2)
    log = folder / "second-up.log"

    def strike(mesh: Mesh, run: Run) -> None:
        time.sleep(after)
        second = Run.start(mesh, log)
        code = second.wait(LIMIT)
        if code is None:
            second.end()
            raise Broken(f"the second `up` has not ended after {LIMIT:.0f} s, see {log}")
        refused = "is currently locked by" in second.text
        if code != 0 and not refused and not run.ended():
            raise Broken(f"the second `up` failed without saying that another runs: {log}")

    return Fault(what=f"a second `up` {after:g} s later", kind="two at once", strike=strike)
