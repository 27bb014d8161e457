"""Machines in memory for the node tool's tests."""

from pathlib import Path

import pytest

from node import enroll
from tests.node.model import Box, Recipe, born


@pytest.fixture
def newborn(tmp_path: Path) -> Box:
    """A machine that has just booted for the first time."""
    return born(tmp_path)


@pytest.fixture
def enrolled(newborn: Box) -> Box:
    """A machine that is confirmed at the generation of `Recipe()`, its one-time keys gone."""
    enroll.enroll(newborn.machine, Recipe().encode())
    enroll.finish(newborn.machine, {})
    newborn.kernel.timers.clear()
    newborn.kernel.log.clear()
    return newborn
