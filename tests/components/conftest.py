"""The lab's declaration, run once under mocks for all tests of a module."""

from __future__ import annotations

import pytest

from tests.components.recorder import Recorder, declaration, run


@pytest.fixture(scope="session")
def lab() -> Recorder:
    """What the program registers for the committed lab stack."""
    return run(declaration())


@pytest.fixture(scope="session")
def kept() -> Recorder:
    """The same, protected, with one node to retire and one offline."""
    mesh = declaration()
    mesh["protect"] = True
    del mesh["replicate"]
    mesh["sites"]["fsn"]["nodes"]["fsn-b"]["retire"] = True
    mesh["sites"]["hel"]["nodes"]["hel-b"]["offline"] = True
    return run(mesh)
