"""The tool cut off before every single step: boot reads one complete, confirmed generation."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node import enroll, generations, staging, verbs
from node.layout import BIRTH
from node.machine import Machine
from tests.node.cuts import Cut, CutDisk, Platter, Scissors
from tests.node.model import Box, booted, born
from tests.node.recipe import Recipe

pytestmark = pytest.mark.slow

OLD = Recipe()
# One plane more, one peer more, another key of our own, another firewall: everything moves.
NEW = Recipe(
    peers={"wg0": ("runner",), "wg1": ("runner", "b", "c"), "wg2": ("b",)}, epoch=2, extra="new"
)


def stage(machine: Machine) -> None:
    """Stage the new generation."""
    staging.stage(machine, NEW.encode())


def roll_out(machine: Machine) -> None:
    """A whole rollout on this node."""
    staging.stage(machine, NEW.encode())
    about = {"lease": "x", "generation": NEW.generation}
    verbs.take_lease(machine, {"id": "x", "seconds": 600})
    verbs.arm(machine, {**about, "seconds": 120})
    verbs.prepare(machine, about)
    verbs.flip(machine, about)
    verbs.confirm(machine, about)
    verbs.release(machine, {"id": "x"})


def give_up(machine: Machine) -> None:
    """A rollout that is undone."""
    staging.stage(machine, NEW.encode())
    about = {"lease": "x", "generation": NEW.generation}
    verbs.take_lease(machine, {"id": "x", "seconds": 600})
    verbs.arm(machine, {**about, "seconds": 120})
    verbs.flip(machine, about)
    verbs.rollback(machine, {"lease": "x"})
    verbs.release(machine, {"id": "x"})


def enter(machine: Machine) -> None:
    """Both halves of an enrollment."""
    enroll.enroll(machine, OLD.encode())
    enroll.finish(machine, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is cut.

    Attributes:
        enrolled: Whether the machine has been enrolled with `OLD` before.
        run: What is cut, and done again afterwards.
        before: What boot may read after a cut: confirmed generations.
        after: What boot reads in the end.
    """

    enrolled: bool
    run: Callable[[Machine], None]
    before: frozenset[str]
    after: str


CASES = {
    "stage": Case(
        enrolled=True, run=stage, before=frozenset({OLD.generation}), after=OLD.generation
    ),
    "rollout": Case(
        enrolled=True,
        run=roll_out,
        before=frozenset({OLD.generation, NEW.generation}),
        after=NEW.generation,
    ),
    "undone": Case(
        enrolled=True, run=give_up, before=frozenset({OLD.generation}), after=OLD.generation
    ),
    "enroll": Case(
        enrolled=False, run=enter, before=frozenset({BIRTH, OLD.generation}), after=OLD.generation
    ),
}


def template(root: Path, case: Case) -> Path:
    """The disk of a machine on which nothing has been cut yet."""
    root.mkdir()
    box = born(root)
    if case.enrolled:
        enter(box.with_disk(CutDisk(Scissors(), Platter())))
    return root


def copy(root: Path, to: Path) -> tuple[Box, Scissors, Platter]:
    """A machine with that disk."""
    shutil.copytree(root, to, symlinks=True)
    scissors, platter = Scissors(), Platter()
    box = booted(to)
    platter.sync_all(to)
    box.kernel.before_each = scissors.step
    return box, scissors, platter


def assert_boots(box: Box, allowed: frozenset[str]) -> None:
    """Boot, and find one allowed generation whole and live: no half of anything."""
    box.kernel.boot()
    confirmed = box.confirmed()
    assert confirmed in allowed
    assert generations.damage(box.machine, confirmed) == []
    assert generations.named(box.machine, box.layout.active) == confirmed
    generation = generations.load(box.machine, confirmed)
    assert box.kernel.links == generation.wireguard()
    assert box.kernel.firewall == generation.file("nftables.nft").read_text(encoding="ascii")
    assert box.kernel.host_key == generation.file("ssh_host_ed25519_key").read_text("ascii")


@pytest.mark.parametrize(
    ("case", "power"),
    [
        *(pytest.param(case, True, id=f"{name}-power") for name, case in CASES.items()),
        *(pytest.param(CASES[name], False, id=f"{name}-reboot") for name in ("rollout", "enroll")),
    ],
)
def test_boot_after_a_cut_anywhere(memory: Path, case: Case, *, power: bool) -> None:
    """Cut before every step, by a reboot or with all unsynced data lost: boot is whole.

    Doing the same again then ends as if nothing had been cut.
    """
    disk, steps = template(memory / "disk", case), 0
    while True:
        box, scissors, platter = copy(disk, memory / f"cut-{steps}")
        machine = box.with_disk(CutDisk(scissors, platter))
        scissors.left = steps
        try:
            case.run(machine)
        except Cut:
            finished = False
        else:
            finished = True
        scissors.left = None
        if power:
            platter.restore(box.layout.root)
        assert_boots(box, case.before)
        case.run(machine)
        if power:
            platter.restore(box.layout.root)
        assert_boots(box, frozenset({case.after}))
        assert not box.layout.generation(BIRTH).exists() or not case.enrolled
        shutil.rmtree(box.layout.root)
        if finished:
            break
        steps += 1
    assert steps > 20


@pytest.mark.parametrize("case", [CASES[name] for name in ("rollout", "undone", "enroll")])
def test_the_tool_killed_anywhere_and_run_again(memory: Path, case: Case) -> None:
    """Killed before every step without a reboot: doing the same again ends as without the kill."""
    disk, steps = template(memory / "disk", case), 0
    while True:
        box, scissors, platter = copy(disk, memory / f"kill-{steps}")
        machine = box.with_disk(CutDisk(scissors, platter))
        scissors.left = steps
        try:
            case.run(machine)
        except Cut:
            finished = False
        else:
            finished = True
        scissors.left = None
        case.run(machine)
        assert box.confirmed() == case.after
        generation = generations.load(machine, case.after)
        assert box.kernel.links == generation.wireguard()
        assert box.kernel.firewall == generation.file("nftables.nft").read_text(encoding="ascii")
        assert not [p for p in box.layout.run.iterdir() if p.name.startswith(".keys")] or finished
        shutil.rmtree(box.layout.root)
        if finished:
            break
        steps += 1
    assert steps > 20


class Lazy(CutDisk):
    """A disk whose user forgets to sync."""

    def sync_file(self, path: Path) -> None:
        """Nothing."""

    def sync_directory(self, path: Path) -> None:
        """Nothing."""


def test_the_model_finds_a_missing_fsync(memory: Path) -> None:
    """The same rollout without fsync is caught: the new generation is not what boot would read."""
    disk = template(memory / "disk", CASES["rollout"])
    box, scissors, platter = copy(disk, memory / "lazy")
    roll_out(replace(box.machine, disk=Lazy(scissors, platter)))
    platter.restore(box.layout.root)
    with pytest.raises(AssertionError):
        assert_boots(box, frozenset({NEW.generation}))
