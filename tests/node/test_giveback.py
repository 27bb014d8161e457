"""Giving a machine back: dark until it is open again, and then what it was."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node import before, enroll, giveback, verbs
from node.errors import Refused
from node.machine import Machine
from tests.node.cuts import Cut, CutDisk, Platter, Scissors
from tests.node.found import SECONDS, breaking, found, house, restarted, resume, street, take
from tests.node.model import Box, born
from tests.node.recipe import Recipe

SOCKETS = pytest.mark.parametrize("socket", [False, True], ids=["service", "socket"])
LASTING = Recipe()
LEASE = {"lease": "x", "port": 22, **SECONDS}


def taken(
    root: Path, *, socket: bool = False, recipe: Recipe = LASTING, shadow: str = ""
) -> tuple[Box, dict[str, str]]:
    """A machine that was taken over and enrolled, and what its owner had."""
    box = found(root, socket=socket)
    if shadow:
        box.layout.at("/etc/shadow").write_text(shadow)
    was = house(root)
    take(box.machine)
    enroll.enroll(box.machine, recipe.encode())
    enroll.finish(box.machine, {})
    street(box).timers.clear()
    return box, was


def steps(machine: Machine) -> list[Callable[[], Any]]:
    """A release as the runner asks for it, and what the machine does a second later."""
    return [
        lambda: verbs.take_lease(machine, {"id": "x", "seconds": 600.0}),
        lambda: giveback.open_again(machine, dict(LEASE)),
        lambda: giveback.keep(machine, dict(LEASE)),
        lambda: giveback.leave(machine, {}),
    ]


def is_dark(box: Box) -> bool:
    """Whether the runner gets in over the planes, and nobody else."""
    return street(box).plane and {"wg0", "wg1"} <= set(street(box).links)


@SOCKETS
def test_open_first_then_left(tmp_path: Path, *, socket: bool) -> None:
    """Open, the planes go on; left, the machine is what it was, file by file."""
    box, was = taken(tmp_path, socket=socket)
    assert is_dark(box)
    lease, opened, kept, left = steps(box.machine)
    lease()
    assert opened() == {"host_key": "ssh-ed25519 BBBB"}
    assert street(box).public
    assert {"wg0", "wg1"} <= set(street(box).links)
    kept()
    assert list(street(box).timers.values()) == [["leave"]]
    left()
    assert street(box).public
    assert street(box).links == {}
    assert house(tmp_path) == was
    assert not box.layout.state.exists()
    assert not box.layout.tool.exists()


@SOCKETS
@pytest.mark.parametrize("how", ["asked", "timer", "power"])
def test_an_open_machine_that_nobody_keeps_is_dark_again(
    tmp_path: Path, how: str, *, socket: bool
) -> None:
    """Asked for, by the timer or by a power cut: on the planes, with all that it had there."""
    box, _ = taken(tmp_path, socket=socket)
    for step in steps(box.machine)[:2]:
        step()
    if how == "asked":
        assert giveback.undo(box.machine, {}) == {"dark": True}
    elif how == "timer":
        ((unit, words),) = street(box).timers.items()
        assert words == ["give-back-expire", unit]
        giveback.expire(box.machine, {"unit": unit})
    else:
        street(box).boot()
        resume(box.machine)
    assert is_dark(box)
    assert box.confirmed() == LASTING.generation


def test_only_what_was_taken_is_given_back(tmp_path: Path) -> None:
    """A machine that was born dark has nothing to be given back as; and a lease is needed."""
    box = born(tmp_path / "born")
    with pytest.raises(Refused, match="was not taken over"):
        giveback.open_again(box.machine, dict(LEASE))
    other, _ = taken(tmp_path / "taken")
    with pytest.raises(Refused, match="nobody holds this node"):
        giveback.open_again(other.machine, dict(LEASE))
    with pytest.raises(Refused, match="nobody holds this node"):
        giveback.keep(other.machine, dict(LEASE))
    verbs.take_lease(other.machine, {"id": "x", "seconds": 600.0})
    with pytest.raises(Refused, match="is not open"):
        giveback.keep(other.machine, dict(LEASE))
    assert is_dark(other)


def test_a_timer_that_is_not_the_armed_one_does_nothing(tmp_path: Path) -> None:
    """The timer of an earlier try fires late: the machine stays open."""
    box, _ = taken(tmp_path)
    for step in steps(box.machine)[:2]:
        step()
    assert giveback.expire(box.machine, {"unit": "backplane-rollback-earlier"}) == {}
    assert street(box).public


def test_any_program_may_fail_while_it_is_left(tmp_path: Path) -> None:
    """Each program of the end fails in turn: tried again, the machine is what it was."""
    whole, _ = taken(tmp_path / "whole")
    for step in steps(whole.machine)[:3]:
        step()
    street(whole).log.clear()
    giveback.leave(whole.machine, {})
    for number in range(len(street(whole).log)):
        box, was = taken(tmp_path / f"fail-{number}")
        for step in steps(box.machine)[:3]:
            step()
        street(box).refuse = breaking(number)
        try:
            giveback.leave(box.machine, {})
        except Refused:
            street(box).refuse = lambda _: None
            giveback.leave(box.machine, {})
        assert street(box).public, number
        assert {p: t for p, t in house(box.layout.root).items() if p in was} == was, number


@pytest.mark.slow
@SOCKETS
def test_cut_anywhere(memory: Path, *, socket: bool) -> None:
    """Cut before every step with unsynced data lost: dark or as before, never neither."""
    template, was = taken(memory / "disk", socket=socket)
    root, count = template.layout.root, 0
    while True:
        there = memory / f"cut-{count}"
        shutil.copytree(root, there, symlinks=True)
        scissors, platter = Scissors(), Platter()
        box = restarted(there)
        platter.sync_all(there)
        street(box).before_each = scissors.step
        machine = box.with_disk(CutDisk(scissors, platter))
        scissors.left = count
        try:
            for step in steps(machine):
                step()
        except Cut:
            finished = False
        else:
            finished = True
        scissors.left = None
        platter.restore(there)
        street(box).boot()
        if street(box).starts("backplane-members.service"):
            resume(machine)
        assert street(box).public or is_dark(box), count
        if is_dark(box):
            for step in steps(machine):
                step()
        elif before.read(machine) is not None:
            resume(machine)
        assert street(box).public
        assert {p: t for p, t in house(there).items() if p in was} == was, count
        shutil.rmtree(there)
        if finished:
            break
        count += 1
    assert count > 40
