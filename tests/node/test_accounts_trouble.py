"""What people do to be in the way: none of it outlives their account, or holds a rollout up."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from node import accounts, activation, drift, generations, leavings, verbs
from node.commands import Result
from tests.node.model import Box
from tests.node.people import OWNERS
from tests.node.recipe import Recipe
from tests.node.steps import OLD, armed, flipped, refusal
from tests.node.tenants import ALICE, UID, kept, lived_in, owner, rolled, users

pytestmark = pytest.mark.usefixtures("noted_owners")


@pytest.fixture
def box(enrolled: Box) -> Box:
    """A machine on which Alice lives."""
    enrolled.kernel.settle_people()
    rolled(enrolled, ALICE)
    lived_in(enrolled)
    return enrolled


def _findings(box: Box) -> list[tuple[str, str]]:
    """What drift says of accounts: about what, and how it is."""
    told = drift.drift(box.machine, {})["findings"]
    return [(one["what"], one["live"]) for one in told if one["area"] == "accounts"]


def test_what_forks_and_exits_before_it_is_listed_ends_too(box: Box) -> None:
    """All of a user is killed in one step, before and behind what is moved."""
    box.kernel.unseen = frozenset({UID, 4711})
    flipped(box, OLD)
    assert box.kernel.unseen == {4711}
    killed = [argv for argv in box.kernel.log if argv[0] == "python3"]
    assert len(killed) >= 2
    assert {argv[-1] for argv in killed} == {str(UID)}


@pytest.mark.parametrize("uid", [-1, 0, 1, 1000, 65534, 65535, 100_000])
def test_nobody_but_an_account_of_ours_is_ever_killed(box: Box, uid: int) -> None:
    """Root, daemons, people of the machine's own: refused before anything runs."""
    box.kernel.log.clear()
    assert "no number of an account of ours" in refusal(leavings.kill_all, box.machine, uid)
    assert box.kernel.log == []


def test_where_nobody_can_be_killed_the_account_stays(box: Box) -> None:
    """A removal that cannot know that all has ended is refused, not told as done."""
    box.kernel.refuse = lambda argv: "no" if argv[0] == "python3" else None
    assert "cannot be killed" in refusal(flipped, box, OLD)
    assert users(box.machine) == {"alice"}


@pytest.mark.parametrize("harm", ["mode", "owner"])
def test_a_home_that_its_owner_opens_holds_no_rollout_up(box: Box, harm: str) -> None:
    """In the middle of the checks: drift names it, the generation is live, a flip mends it."""
    home = box.layout.at("/home/alice")
    if harm == "mode":
        home.chmod(0o755)
    else:
        (home / OWNERS).write_text("1000")
    here = generations.load(box.machine, ALICE.generation)
    assert activation.deviations(box.machine, here) == []
    assert _findings(box) == [("account alice, home directory", "others' too")]
    rolled(box, ALICE)
    assert _findings(box) == []
    # What she cannot bring about does count.
    box.kernel.run(["usermod", "--shell", "/bin/sh", "alice"])
    assert activation.deviations(box.machine, here) == ["account alice, shell"]


class _Mounted:
    """Her own file system over her home: root has no part in it, or nobody serves it any more."""

    def __init__(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there, self.home = True, box.layout.at("/home/alice")
        for name in ("lstat", "stat"):
            monkeypatch.setattr(Path, name, self._asked(getattr(Path, name)))
        run = box.kernel.run

        def ran(argv: list[str], **words: object) -> Result:
            self.there = self.there and argv[0] != "umount"
            return run(argv, **words)  # type: ignore[arg-type]

        monkeypatch.setattr(box.kernel, "run", ran)

    def _asked(self, real: Callable[..., object]) -> Callable[..., object]:
        def asked(path: Path, **words: object) -> object:
            if self.there and path == self.home:
                raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
            return real(path, **words)

        return asked


def test_a_home_that_root_cannot_look_at_holds_nothing_up(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told; a rollout, an undo and the start of the watch go on."""
    _Mounted(box, monkeypatch)
    told = ("account alice, home directory", "Transport endpoint is not connected")
    assert _findings(box) == [told]
    here = generations.load(box.machine, ALICE.generation)
    assert activation.deviations(box.machine, here) == []
    rolled(box, ALICE)
    flipped(box, Recipe(extra="1", logins=("alice", "bob")))
    verbs.rollback(box.machine, {"lease": "x"})
    accounts.booted(box.machine)
    assert users(box.machine) == {"alice"}


def test_what_she_mounted_over_her_home_keeps_her_from_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken off when what served it has ended; what lies below is put aside."""
    _Mounted(box, monkeypatch)
    rolled(box, OLD)
    assert users(box.machine) == set()
    (aside,) = kept(box.layout, "alice")
    assert (aside / "home/notes").read_text() == "hers\n"


def test_jobs_of_others_that_vanish_hold_no_removal_up(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody calls `at` and `atrm` in turns: a job is listed, and gone when it is looked at."""
    jobs = box.layout.at(leavings.JOBS)
    (jobs / "a2").write_text("hers\n")
    (jobs / "a3").write_text("gone\n")

    def looked_at(path: Path) -> int:
        if path.name == "a3":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return UID if path.name == "a2" else owner(path)

    monkeypatch.setattr("node.leavings.owner", looked_at)
    rolled(box, OLD)
    (aside,) = kept(box.layout, "alice")
    assert (aside / "at-a2").read_text() == "hers\n"
    assert not (jobs / "a2").exists()
    assert (jobs / "a3").exists()


@pytest.mark.parametrize("row", ["x:x:::::", "x:x:1e3:1::/:/bin/sh", "x:x:1::::/bin/sh",
                                 "x:x:-1:1::/:/bin/sh", "x:x:\u0661:1::/:/bin/sh"])  # fmt: skip
def test_a_line_without_numbers_is_no_account(box: Box, row: str) -> None:
    """Somebody's edit of passwd or group: the others are told as ever, and an undo goes on."""
    for path, line in (("/etc/passwd", row), ("/etc/group", "x:x::"), ("/etc/group", "y:x:a:")):
        file = box.layout.at(path)
        file.write_text(f"{file.read_text()}{line}\n")
    assert _findings(box) == []
    assert users(box.machine) == {"alice"}
    flipped(box, OLD)
    assert users(box.machine) == set()
    verbs.rollback(box.machine, {"lease": "x"})
    assert users(box.machine) == {"alice"}


def _unreadable(box: Box) -> None:
    box.layout.at("/etc/passwd").unlink()
    box.layout.at("/etc/passwd").mkdir()


def test_accounts_that_cannot_be_compared_keep_an_undo_from_nothing_else(box: Box) -> None:
    """The undo does all the rest, and tells; so does drift, and the journal."""
    flipped(box, Recipe(extra="1", logins=("alice",)))
    _unreadable(box)
    said = refusal(verbs.rollback, box.machine, {"lease": "x"})
    assert "rolled back to" in said
    assert "accounts cannot be compared" in said
    active = generations.named(box.machine, box.layout.active)
    assert active == ALICE.generation
    assert [what for what, _ in _findings(box)] == ["accounts"]
    assert any("accounts cannot be compared" in line for line in box.journal.lines)


def test_a_flip_that_cannot_compare_accounts_is_not_confirmed(box: Box) -> None:
    """It is planned, and refused when it comes to them: nobody is left in silence."""
    about = armed(box, OLD)
    _unreadable(box)
    assert "accounts cannot be compared" in refusal(verbs.flip, box.machine, about)
    here = generations.load(box.machine, OLD.generation)
    assert "accounts" in activation.deviations(box.machine, here)


def test_one_account_that_cannot_be_mended_keeps_no_other_back_at_boot(box: Box) -> None:
    """The watch starts in any case, and has done what can be done."""
    rolled(box, Recipe(logins=("alice", "bob")))
    for user in ("alice", "bob"):
        box.kernel.run(["usermod", "--shell", "/bin/sh", user])
    box.kernel.refuse = lambda argv: "no" if argv[0] == "usermod" and "alice" in argv else None
    accounts.booted(box.machine)
    assert [what for what, _ in _findings(box)] == ["account alice, shell"]
    _unreadable(box)
    accounts.booted(box.machine)
