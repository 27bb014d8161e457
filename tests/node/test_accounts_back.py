"""What was put aside of a person: given back by an undo of that removal, and by nothing else."""

import errno
import shutil
from pathlib import Path

import pytest

from node import accounts, leavings, verbs
from node.disk import Disk
from tests.node.model import Box
from tests.node.steps import OLD, armed, flipped
from tests.node.tenants import ALICE, UID, kept, lived_in, owner, rolled, users

pytestmark = pytest.mark.usefixtures("noted_owners")


@pytest.fixture
def box(enrolled: Box) -> Box:
    """A machine on which Alice lives."""
    enrolled.kernel.settle_people()
    rolled(enrolled, ALICE)
    lived_in(enrolled)
    return enrolled


def _notes(box: Box) -> bool:
    return (box.layout.at("/home/alice") / "notes").exists()


def _files(box: Box) -> list[str]:
    """In which places a file of hers lies."""
    places = leavings.FILES.values()
    return [folder for folder in places if (box.layout.at(folder) / "alice").is_file()]


ALL = [*leavings.FILES.values()]


def _led_back(box: Box, lease: str) -> None:
    """As the runner does where another node refuses to confirm: `runner.rollout`."""
    about = {"lease": lease, "generation": ALICE.generation}
    verbs.take_lease(box.machine, {"id": lease, "seconds": 600})
    verbs.arm(box.machine, {**about, "seconds": 120})
    for verb in (verbs.prepare, verbs.flip, verbs.confirm):
        verb(box.machine, about)


def test_a_node_that_confirmed_and_is_led_back_gives_everything_back(box: Box) -> None:
    """Another node refused the change: by the same rollout she is there with all that was hers."""
    about, _ = flipped(box, OLD)
    verbs.confirm(box.machine, about)
    _led_back(box, "x")
    assert _notes(box)
    assert _files(box) == ALL
    assert kept(box.layout, "alice") == []


def test_what_comes_behind_a_confirmed_change_gives_nothing_back(box: Box) -> None:
    """A later rollout to the very same generation is none that undoes: she begins with nothing."""
    about, _ = flipped(box, OLD)
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": "x"})
    _led_back(box, "another")
    assert users(box.machine) == {"alice"}
    assert not _notes(box)
    assert _files(box) == []
    (aside,) = kept(box.layout, "alice")
    assert (aside / "home/notes").read_text() == "hers\n"


@pytest.mark.parametrize("cut", [False, True])
def test_a_home_that_vanishes_is_not_another_ones(box: Box, *, cut: bool) -> None:
    """Somebody new of that name whose home is gone, or whose account: repaired with nothing in it.

    Also where boot repairs it, and where the generation is one that she was removed from once.
    """
    rolled(box, OLD)
    rolled(box, ALICE)
    shutil.rmtree(box.layout.at("/home/alice"))
    if cut:
        box.kernel.run(["userdel", "--force", "alice"])
        box.kernel.boot()
        accounts.booted(box.machine)
    else:
        rolled(box, ALICE)
    assert users(box.machine) == {"alice"}
    assert box.layout.at("/home/alice").is_dir()
    assert not _notes(box)
    assert _files(box) == []


class _Broken(Disk):
    """A disk that cannot move homes, or fails at one file of a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def rename(self, source: Path, target: Path) -> None:
        """What is moved from one file system to another, or on a broken one (rename(2))."""
        if self.name in {source.name, target.name} and "home" in target.parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        super().rename(source, target)


def test_an_undo_behind_an_error_gives_back_what_had_moved(box: Box) -> None:
    """The removal fails at her mail: the crontab was aside already, and is hers again."""
    about = armed(box, OLD)
    machine = box.with_disk(_Broken("mail"))
    with pytest.raises(OSError, match="cross-device"):
        verbs.flip(machine, about)
    assert _files(box) == ["/var/mail"]
    verbs.rollback(machine, {"lease": "x"})
    assert _files(box) == ALL
    assert _notes(box)
    assert kept(box.layout, "alice") == []


def test_a_home_of_its_own_file_system_stays_and_the_files_come_back(box: Box) -> None:
    """It cannot move: root's alone while she is gone, not told as moved, and hers by the undo."""
    about = armed(box, OLD)
    machine = box.with_disk(_Broken("alice"))
    verbs.flip(machine, about)
    assert owner(box.layout.at("/home/alice")) == 0
    (aside,) = kept(box.layout, "alice")
    assert not (aside / leavings.HOME).exists()
    verbs.rollback(machine, {"lease": "x"})
    assert owner(box.layout.at("/home/alice")) == UID
    assert _notes(box)
    assert _files(box) == ALL
    assert kept(box.layout, "alice") == []


def test_where_nothing_moved_nothing_is_told_as_kept(box: Box) -> None:
    """A home that stays and no file: no empty directory is left, and none is named."""
    for folder in ALL:
        (box.layout.at(folder) / "alice").unlink()
    about = armed(box, OLD)
    verbs.flip(box.with_disk(_Broken("alice")), about)
    assert kept(box.layout, "alice") == []
    assert "the account alice is gone" in box.journal.lines


def test_the_mark_is_roots_alone_and_goes_with_the_undo(box: Box) -> None:
    """Which change it was lies beside what it moved, and nowhere once she is new."""
    flipped(box, OLD)
    (aside,) = kept(box.layout, "alice")
    assert (aside / leavings.CHANGE).stat().st_mode & 0o777 == 0o600
    verbs.rollback(box.machine, {"lease": "x"})
    verbs.release(box.machine, {"id": "x"})
    rolled(box, OLD)
    rolled(box, ALICE)
    assert [*box.layout.at(leavings.KEPT).glob(f"*/{leavings.CHANGE}")] == []
