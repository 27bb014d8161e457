"""Root's password on the console: of the confirmed generation, and given back whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node import bundle, console, drift, enroll, generations, giveback, verbs
from node.disk import Disk
from node.errors import Refused
from tests.node.cuts import Cut, CutDisk, Platter, Scissors
from tests.node.model import Box, booted, born
from tests.node.recipe import Recipe
from tests.node.steps import armed, flipped
from tests.node.test_giveback import steps, taken

HASH, NEXT = ("$2b$05$" + letter * 53 for letter in "ab")
WITH, LATER = Recipe(console=f"root:{HASH}\n"), Recipe(console=f"root:{NEXT}\n")
OURS = f"root:{HASH}:::::::"
FORMER = "root:*:19700:0:99999:7:::"
SHADOW = f"daemon:*:19700:0:99999:7:::\n{FORMER}\nalice:$y$j9T$x:19700:0:99999:7:::\n"


@pytest.fixture
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine in memory has no programs for: sockets, failed units, sshd's own reading."""
    monkeypatch.setattr("node.facts.listeners", lambda _: [])
    monkeypatch.setattr("node.facts.failed_units", lambda _: [])
    monkeypatch.setattr("node.drift_sshd.settings", lambda *_: [])


def shadow(box: Box) -> Path:
    """The file."""
    return box.layout.at(console.SHADOW)


def give(box: Box, text: str = SHADOW) -> None:
    """A file as Debian's images have it."""
    shadow(box).write_text(text)
    shadow(box).chmod(0o640)


def rolled(box: Box, new: Recipe) -> None:
    """A whole rollout on this node."""
    about, _ = flipped(box, new)
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": "x"})


@pytest.fixture
def sealed(newborn: Box, _programs: None) -> Box:
    """A machine whose console has a password since its enrollment."""
    give(newborn)
    enroll.enroll(newborn.machine, WITH.encode())
    enroll.finish(newborn.machine, {})
    newborn.kernel.timers.clear()
    newborn.kernel.log.clear()
    return newborn


def test_enrollment_gives_root_the_password(sealed: Box) -> None:
    """Root's line alone changes, and it has no age; who owns and may read the file stays."""
    assert shadow(sealed).read_text() == SHADOW.replace(FORMER, OURS)
    assert shadow(sealed).stat().st_mode & 0o777 == 0o640
    kept = sealed.layout.console
    assert kept.read_text() == f"{FORMER}\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not sealed.layout.at("/etc").joinpath("shadow-").exists()


def test_the_hash_is_no_argument_and_in_no_journal(sealed: Box) -> None:
    """Neither of ours nor of what was there before, over a rotation and its end."""
    rolled(sealed, LATER)
    rolled(sealed, Recipe())
    words = " ".join(word for argv in sealed.kernel.log for word in argv)
    told = words + " ".join(sealed.journal.lines)
    assert "console: root has the password" in told
    assert not [one for one in (HASH, NEXT, FORMER) if one in told]


def test_a_password_changes_at_the_confirm_and_not_before(sealed: Box) -> None:
    """Staged, armed and flipped: the old one holds, so that no boot meets an unconfirmed one."""
    about = armed(sealed, LATER)
    verbs.flip(sealed.machine, about)
    assert HASH in shadow(sealed).read_text()
    verbs.confirm(sealed.machine, about)
    assert NEXT in shadow(sealed).read_text()
    assert HASH not in shadow(sealed).read_text()
    assert sealed.layout.console.read_text() == f"{FORMER}\n"


def test_what_is_undone_leaves_the_old_password(sealed: Box) -> None:
    """A rollback after the flip changes nothing in /etc/shadow."""
    before = shadow(sealed).stat()
    flipped(sealed, LATER)
    verbs.rollback(sealed.machine, {"lease": "x"})
    assert HASH in shadow(sealed).read_text()
    assert shadow(sealed).stat().st_mtime_ns == before.st_mtime_ns


def test_the_same_password_is_not_written_again(sealed: Box) -> None:
    """A rollout that changes something else leaves the file as it is, down to its inode."""
    before = shadow(sealed).stat()
    rolled(sealed, replace(WITH, extra="new"))
    assert shadow(sealed).stat().st_ino == before.st_ino


def test_without_it_root_is_what_it_was(sealed: Box) -> None:
    """A generation without the file gives the former entry back, and forgets it."""
    rolled(sealed, Recipe())
    assert shadow(sealed).read_text() == SHADOW
    assert not sealed.layout.console.exists()
    rolled(sealed, LATER)
    assert NEXT in shadow(sealed).read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [("", f"{OURS}\n"), ("alice:x:::::::\n", f"{OURS}\nalice:x:::::::\n"), (None, f"{OURS}\n")],
    ids=["empty", "without root", "no file"],
)
def test_a_file_without_root_gets_a_line(newborn: Box, before: str | None, after: str) -> None:
    """And loses it again; a new file is nobody's but root's and his group's."""
    if before is not None:
        give(newborn, before)
    enroll.enroll(newborn.machine, WITH.encode())
    enroll.finish(newborn.machine, {})
    assert shadow(newborn).read_text() == after
    assert shadow(newborn).stat().st_mode & 0o777 == 0o640
    assert console.give_back(newborn.machine)
    assert shadow(newborn).read_text() == (before or "")
    assert not console.give_back(newborn.machine)


@pytest.mark.parametrize(
    ("harm", "what", "live"),
    [
        (lambda text: text.replace(HASH, NEXT), "root's password", "another one, or another age"),
        (lambda text: text.replace(HASH, "!"), "root's password", "locked"),
        (lambda text: text.replace(HASH, ""), "root's password", "none: anybody gets in"),
        (lambda text: text.replace(":::::::", ":0::::::", 1), "root's password", "another age"),
        (lambda text: text.replace(OURS, ""), "root's password", ""),
    ],
    ids=["another", "locked", "none", "expired", "gone"],
)
def test_drift_is_found_and_put_right(
    sealed: Box, harm: Callable[[str], str], what: str, live: str
) -> None:
    """Another hash, none, a lock, an age, no line: named without the hash, mended by a rollout."""
    assert found(sealed) == []
    shadow(sealed).write_text(harm(shadow(sealed).read_text()))
    (only,) = found(sealed)
    assert what in only["what"]
    assert live in only["live"]
    assert "$2b$" not in str(only)
    rolled(sealed, WITH)
    assert found(sealed) == []
    assert OURS in shadow(sealed).read_text().splitlines()


def test_a_file_that_others_read_is_closed(sealed: Box) -> None:
    """The hash is in it: a mode with a bit for others is a finding, and goes."""
    shadow(sealed).chmod(0o644)
    (only,) = found(sealed)
    assert only["live"] == "mode 0644"
    rolled(sealed, WITH)
    assert shadow(sealed).stat().st_mode & 0o777 == 0o640
    assert found(sealed) == []


def found(box: Box) -> list[dict[str, str]]:
    """What drift says of the file."""
    told: list[dict[str, str]] = drift.drift(box.machine, {})["findings"]
    return [one for one in told if one["what"].startswith(console.SHADOW)]


@pytest.mark.parametrize(
    "text",
    ["root:*\n", "daemon:" + HASH + "\n", f"root:{HASH}", f"root:{HASH}:0\n", f"root:{HASH}\nx:y\n",
     "root:$1$x$y\n"],
)  # fmt: skip
def test_what_is_no_bcrypt_hash_of_roots_is_refused(text: str) -> None:
    """A bundle can lock nobody, name nobody else and add no line; what it says is not repeated."""
    with pytest.raises(Refused) as caught:
        bundle.decode(Recipe(console=text).encode())
    assert "no hash of root's password" in caught.value.error
    assert text.strip() not in caught.value.error
    assert bundle.decode(WITH.encode())


def test_the_file_is_refused_with_a_wider_mode() -> None:
    """It counts as a secret."""
    document = WITH.document()
    next(one for one in document["files"] if one["path"] == console.FILE)["mode"] = "0644"
    document.pop("generation", None)
    from tests.node.recipe import encode  # noqa: PLC0415

    with pytest.raises(Refused, match="holds a secret"):
        bundle.decode(encode(document))


def test_who_changes_passwords_is_waited_for(sealed: Box) -> None:
    """While another program holds the lock nothing is written, and after 15 s it is refused."""
    generations.write(sealed.machine, bundle.decode(LATER.encode()))
    here = generations.load(sealed.machine, LATER.generation)
    lock = sealed.layout.at("/etc/.pwd.lock")
    pid = os.fork()
    if pid == 0:
        held = os.open(lock, os.O_WRONLY)
        fcntl.lockf(held, fcntl.LOCK_EX)
        lock.with_name("held").touch()
        while lock.with_name("held").exists():
            pass
        os._exit(0)
    try:
        while not lock.with_name("held").exists():
            pass
        began = sealed.clock.time
        with pytest.raises(Refused, match="changing passwords"):
            console.write(sealed.machine, here)
        assert 15 <= sealed.clock.time - began < 16
        assert HASH in shadow(sealed).read_text()
    finally:
        lock.with_name("held").unlink()
        os.waitpid(pid, 0)
    assert console.write(sealed.machine, here)


def test_a_machine_that_is_given_back_has_its_owners_password(tmp_path: Path) -> None:
    """Taken over, it has ours; left, root's entry is the owner's, byte for byte."""
    box, _ = taken(tmp_path, recipe=WITH, shadow=SHADOW)
    assert OURS in shadow(box).read_text()
    for step in steps(box.machine):
        step()
    assert shadow(box).read_text() == SHADOW
    giveback.booted(box.machine)
    assert shadow(box).read_text() == SHADOW


@pytest.mark.parametrize("last", [WITH, Recipe()], ids=["given", "taken"])
def test_a_cut_anywhere_leaves_a_whole_file(tmp_path: Path, last: Recipe) -> None:
    """Before each step of writing: one of the two lines, all others, and the next run ends it."""
    for cut in range(200):
        root = tmp_path / str(cut)
        box = born(root)
        give(box)
        first = Recipe() if last is WITH else WITH
        enroll.enroll(box.machine, first.encode())
        enroll.finish(box.machine, {})
        generations.write(box.machine, bundle.decode(last.encode()))
        here = generations.load(box.machine, last.generation)
        platter, scissors = Platter(), Scissors(left=cut)
        platter.sync_all(root)
        disk: Disk = CutDisk(scissors, platter)
        try:
            console.write(box.with_disk(disk), here)
        except Cut:
            platter.restore(root)
            lines = shadow(box).read_text().splitlines()
            assert len(lines) == 3
            assert lines[1] in {OURS, FORMER}
            after = booted(root)
            console.write(after.machine, here)
        else:
            assert cut > 5
            break
        wanted = OURS if last is WITH else FORMER
        assert shadow(box).read_text() == SHADOW.replace(FORMER, wanted)
        assert box.layout.console.exists() is (last is WITH)
    else:
        pytest.fail("never done")
