"""Machines in memory for the node tool's tests."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import enroll
from tests.node.model import Box, born
from tests.node.recipe import Recipe
from tests.node.tenants import owner


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of small files come and go."""
    shared = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as made:
        yield Path(made)


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


@pytest.fixture
def noted_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners as they were noted; what else drift looks at has no programs in memory."""
    monkeypatch.setattr("node.leavings.owner", owner)
    monkeypatch.setattr("node.facts.listeners", lambda _: [])
    monkeypatch.setattr("node.facts.failed_units", lambda _: [])
    monkeypatch.setattr("node.drift_sshd.settings", lambda *_: [])


@pytest.fixture
def own_process() -> Iterator[None]:
    """What the tool sets of its own process for good is put back: it is the tests' own here."""
    held = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)
    for number, handler in held.items():
        signal.signal(number, handler)
