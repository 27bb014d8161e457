"""Removals of people's accounts cut anywhere: nothing is lost, and nothing stays half removed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node import accounts, enroll, leavings, staging, verbs
from node.machine import Machine
from tests.node.cuts import Cut, CutDisk, Platter, Scissors
from tests.node.model import Box, booted, born
from tests.node.steps import OLD
from tests.node.tenants import ALICE, lived_in, owner, processes, users


@pytest.fixture(autouse=True)
def _owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners as they were noted."""
    monkeypatch.setattr("node.leavings.owner", owner)


def _removal(machine: Machine) -> None:
    staging.stage(machine, OLD.encode())
    about = {"lease": "x", "generation": OLD.generation}
    verbs.take_lease(machine, {"id": "x", "seconds": 600})
    verbs.arm(machine, {**about, "seconds": 120})
    verbs.flip(machine, about)
    verbs.confirm(machine, about)
    verbs.release(machine, {"id": "x"})


def _undone(machine: Machine) -> None:
    staging.stage(machine, OLD.encode())
    about = {"lease": "x", "generation": OLD.generation}
    verbs.take_lease(machine, {"id": "x", "seconds": 600})
    verbs.arm(machine, {**about, "seconds": 120})
    verbs.flip(machine, about)
    verbs.rollback(machine, {"lease": "x"})
    verbs.release(machine, {"id": "x"})


def _copies(memory: Path) -> Iterator[tuple[int, Box, Scissors]]:
    """The same lived-in machine again and again, to be cut one step later each time."""
    (memory / "disk").mkdir()
    first = born(memory / "disk")
    first.kernel.settle_people()
    enroll.enroll(first.machine, ALICE.encode())
    enroll.finish(first.machine, {})
    lived_in(first)
    steps = 0
    while True:
        shutil.copytree(memory / "disk", memory / str(steps), symlinks=True)
        box, scissors = booted(memory / str(steps)), Scissors()
        box.kernel.before_each = scissors.step
        yield steps, box, scissors
        shutil.rmtree(memory / str(steps))
        steps += 1


@pytest.mark.slow
@pytest.mark.parametrize("reboots", [False, True])
@pytest.mark.parametrize(("verb", "stays"), [(_removal, False), (_undone, True)])
def test_cut_anywhere_nothing_is_lost_and_nothing_half_removed(
    memory: Path, verb: Callable[[Machine], None], *, stays: bool, reboots: bool
) -> None:
    """Killed before every step, with a reboot or without: done again it ends as without the cut.

    Her notes are at home or aside at any moment, and never lost; an undo has crontab and mail back.
    """
    for steps, box, scissors in _copies(memory):
        machine = box.with_disk(CutDisk(scissors, Platter()))
        scissors.left, finished = steps, True
        try:
            verb(machine)
        except Cut:
            finished = False
        scissors.left = None
        assert len([*box.layout.at("/home").rglob("notes")]) == 1
        if reboots:
            box.kernel.boot()
            accounts.booted(machine)
        verb(machine)
        assert users(machine) == ({"alice"} if stays else set()), steps
        (notes,) = box.layout.at("/home").rglob("notes")
        assert notes.read_text() == "hers\n"
        assert (notes == box.layout.at("/home/alice/notes")) == stays, steps
        files = [box.layout.at(f"{folder}/alice") for folder in leavings.FILES.values()]
        assert [file.is_file() for file in files] == [stays, stays], steps
        assert not processes(box) & {"100", "101", "102", "103"}
        if finished:
            break
    assert steps > 40
