"""A short soak with a fixed seed, of the mesh that had its faults; `make soak` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.ward import Ward
from tests.soak.driver import Soak
from tests.soak.ending import ended

SEED = 4
STEPS = 2


@pytest.mark.lab
@pytest.mark.timeout(600)
def test_a_short_soak_breaks_nothing(ward: Ward, tmp_path: Path) -> None:
    """Changes and faults of a fixed seed: every invariant holds after every step and at the end.

    The end is the mesh's own: it is destroyed, and nothing of its lab is left.
    """
    mesh = ward.mesh
    mesh.start_stranger()
    soak = Soak(mesh=mesh, seed=SEED, folder=tmp_path)
    soak.run(lambda made: made < STEPS)
    assert soak.number == STEPS
    assert soak.checked["everybody confirmed and as declared"] == STEPS + 1
    assert ended(mesh, soak) == []
