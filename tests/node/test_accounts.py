"""People's own accounts on a machine in memory: made, put right, taken away, given back."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from node import accounts, drift, leavings, staging, verbs
from node.passwd import FIRST_UID, UIDS, live, uid_of
from tests.node.model import Box
from tests.node.people import OWNERS
from tests.node.recipe import encode
from tests.node.steps import OLD, flipped, refusal
from tests.node.tenants import ALICE, UID, kept, lived_in, processes, rolled, users

BOTH = replace(OLD, logins=("alice", "bob"))
RULE = "/etc/sudoers.d/backplane"


pytestmark = pytest.mark.usefixtures("noted_owners")


@pytest.fixture
def box(enrolled: Box) -> Box:
    """A machine that has the accounts of an installation, and nobody's own."""
    enrolled.kernel.settle_people()
    return enrolled


def test_a_flip_makes_an_account_without_a_password_in_no_group(box: Box) -> None:
    """Its own group, a home for itself alone, bash, and its rule as a link to the active one."""
    rolled(box, ALICE)
    one = live(box.machine)["alice"]
    assert (one.uid, one.gid) == (UID, UID)
    assert (one.home, one.shell, one.password, one.groups) == ("/home/alice", "/bin/bash", "*", ())
    assert box.layout.at("/home/alice").stat().st_mode & 0o777 == 0o700
    assert box.layout.at(RULE).read_text() == "alice ALL=(root) ALL\n"
    assert RULE in [line["what"] for line in drift_after(box, lambda b: b.layout.at(RULE).unlink())]


def drift_after(box: Box, harm: Callable[[Box], object]) -> list[dict[str, str]]:
    """What drift finds of accounts after a harm, nothing before; a rollout puts it right."""
    found = [one for one in drift.drift(box.machine, {})["findings"] if one["area"] == "accounts"]
    assert found == []
    harm(box)
    told: list[dict[str, str]] = drift.drift(box.machine, {})["findings"]
    rolled(box, ALICE)
    after = drift.drift(box.machine, {})["findings"]
    assert [one for one in after if one["area"] == "accounts"] == []
    return [one for one in told if one["area"] == "accounts"]


def _edit(path: str, old: str, new: str) -> Callable[[Box], object]:
    def harm(box: Box) -> object:
        text = box.layout.at(path).read_text()
        assert old in text
        return box.layout.at(path).write_text(text.replace(old, new))

    return harm


def _forged(box: Box) -> None:
    box.layout.at(RULE).unlink()
    box.layout.at(RULE).write_text("alice ALL=ALL\n")


HARMS: dict[str, tuple[Callable[[Box], object], str]] = {
    "password": (_edit("/etc/shadow", "alice:*", "alice:$y$hash"), "account alice, password"),
    "group": (_edit("/etc/group", "sudo:x:27:", "sudo:x:27:alice"), "account alice, groups"),
    "shell": (_edit("/etc/passwd", ":/home/alice:/bin/bash", ":/home/alice:/bin/sh"),
              "account alice, shell"),
    "gone": (lambda b: b.kernel.run(["userdel", "--force", "alice"]), "account alice"),
    "home open": (lambda b: b.layout.at("/home/alice").chmod(0o755),
                  "account alice, home directory"),
    "no home": (lambda b: shutil.rmtree(b.layout.at("/home/alice")),
                "account alice, home directory"),
    "a file in place of the rule": (_forged, RULE),
    "one too many": (
        lambda b: b.kernel.run(
            ["useradd", "--uid", str(uid_of("eve")), "--gid", "1", "--comment", "x",
             "--home-dir", "/home/eve", "--shell", "/bin/sh", "--password", "*", "eve"]
        ),
        "account eve",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMS)
def test_drift_finds_what_differs_and_a_rollout_puts_it_right(box: Box, name: str) -> None:
    """Each harm is told by name, once, without a password's hash."""
    rolled(box, ALICE)
    harm, what = HARMS[name]
    found = drift_after(box, harm)
    assert [one["what"] for one in found] == [what]
    assert "$y$" not in str(found)


def test_accounts_that_are_not_ours_are_left_alone(box: Box) -> None:
    """One with a number in our range, and one with the name of an operator-to-be."""
    stranger = f"carol:x:{FIRST_UID + 5}:1::/home/carol:/bin/sh\n"
    passwd = box.layout.at("/etc/passwd")
    passwd.write_text(f"{passwd.read_text()}{stranger}bob:x:1000:1000::/home/bob:/bin/sh\n")
    rolled(box, ALICE)
    assert users(box.machine) == {"alice", "bob", "carol"}
    assert "bob cannot be made here: the user bob" in refusal(
        staging.stage, box.machine, BOTH.encode()
    )
    rolled(box, OLD)
    assert users(box.machine) == {"bob", "carol"}


@pytest.mark.parametrize("taken", ["group", "number", "home"])
def test_what_is_somebody_elses_is_refused_before_anything_changes(box: Box, taken: str) -> None:
    """A group of that name, another user of that number, a home of somebody else's."""
    if taken == "group":
        box.kernel.run(["groupadd", "--gid", "1001", "alice"])
    elif taken == "number":
        passwd = box.layout.at("/etc/passwd")
        passwd.write_text(f"{passwd.read_text()}x:x:{UID}:1::/:/bin/sh\n")
    else:
        box.layout.at("/home/alice").mkdir()
        (box.layout.at("/home/alice") / OWNERS).write_text("1000")
    before = users(box.machine)
    assert "the account alice cannot be made" in refusal(staging.stage, box.machine, ALICE.encode())
    assert users(box.machine) == before


def test_a_list_that_names_no_accounts_of_ours_is_refused(box: Box) -> None:
    """Another number for a name, or root itself, is never made into an account."""
    for wrong in ('{"accounts": [{"user": "alice", "uid": 0}]}', "[]",
                  '{"accounts": [{"user": "root", "uid": 0}]}'):  # fmt: skip
        document = ALICE.document()
        for file in document["files"]:
            if file["path"] == "logins/accounts.json":
                file["text"] = wrong
        box.kernel.log.clear()
        assert "names no accounts of ours" in refusal(staging.stage, box.machine, encode(document))
        assert not [argv for argv in box.kernel.log if argv[0] in {"useradd", "groupadd"}]


def test_nothing_that_can_act_is_left_of_who_is_removed(box: Box) -> None:
    """Account, group, rule, processes, crontab, mail, lingering: gone; others' processes are not.

    What was hers is aside, for root alone.
    """
    rolled(box, BOTH)
    lived_in(box)
    rolled(box, replace(OLD, logins=("bob",)))
    assert users(box.machine) == {"bob"}
    assert "alice" not in box.layout.at("/etc/group").read_text()
    assert processes(box) == {"200", "201"}
    for folder in (*leavings.FILES.values(), leavings.LINGER, "/home"):
        assert not (box.layout.at(folder) / "alice").exists(), folder
    (aside,) = kept(box.layout, "alice")
    assert (aside / "home/notes").read_text() == "hers\n"
    assert (aside / "crontab").read_text() == "/var/spool/cron/crontabs\n"
    assert box.layout.at(leavings.KEPT).stat().st_mode & 0o777 == 0o700
    rolled(box, OLD)
    assert not box.layout.at(RULE).is_symlink()


def test_a_process_that_does_not_end_keeps_the_account_from_being_deleted(box: Box) -> None:
    """It is named; the next flip tries again."""
    rolled(box, ALICE)
    box.kernel.run_as(100, 0, loginuid=str(UID))
    box.kernel.refuse = lambda argv: "no" if argv[0] == "kill" else None
    assert "processes of alice do not end: 100" in refusal(flipped, box, OLD)
    assert users(box.machine) == {"alice"}


def test_what_has_ended_and_is_not_waited_for_keeps_nothing_from_ending(box: Box) -> None:
    """A zombie acts for nobody: the account goes, and no signal is sent for it."""
    rolled(box, ALICE)
    folder = box.kernel.run_as(100, UID)
    status = (folder / "status").read_text()
    (folder / "status").write_text(status.replace("S (sleeping)", "Z (zombie)"))
    rolled(box, OLD)
    assert users(box.machine) == set()
    assert processes(box) == {"100"}


def test_an_undo_gives_everything_back(box: Box) -> None:
    """A removal that is not confirmed: account, home, crontab and mail are there as before."""
    rolled(box, ALICE)
    lived_in(box)
    flipped(box, OLD)
    assert users(box.machine) == set()
    verbs.rollback(box.machine, {"lease": "x"})
    assert users(box.machine) == {"alice"}
    assert box.layout.at("/home/alice/notes").read_text() == "hers\n"
    for folder in leavings.FILES.values():
        assert (box.layout.at(folder) / "alice").read_text() == f"{folder}\n"
    assert kept(box.layout, "alice") == []


def test_an_undo_takes_a_new_account_away(box: Box) -> None:
    """Who was added by what is undone is gone again, with the rule."""
    flipped(box, ALICE)
    assert users(box.machine) == {"alice"}
    verbs.rollback(box.machine, {"lease": "x"})
    assert users(box.machine) == set()
    assert not box.layout.at(RULE).is_symlink()


def test_somebody_new_of_the_same_name_gets_nothing_of_the_old_one(box: Box) -> None:
    """After a confirmed removal the home stays aside; nor is `alice-2` taken for `alice`."""
    rolled(box, replace(OLD, logins=("alice", "alice-2")))
    lived_in(box)
    rolled(box, OLD)
    rolled(box, ALICE)
    assert not (box.layout.at("/home/alice") / "notes").exists()
    shutil.rmtree(kept(box.layout, "alice")[-1])
    shutil.rmtree(box.layout.at("/home/alice"))
    before = [path.name for path in kept(box.layout, "alice")]
    rolled(box, ALICE)
    assert [path.name for path in kept(box.layout, "alice")] == before


def test_boot_puts_right_what_a_cut_left(box: Box) -> None:
    """The power goes between a flip and its confirm: the watch makes the accounts boot's own."""
    rolled(box, ALICE)
    lived_in(box)
    flipped(box, replace(OLD, logins=("bob",)))
    box.kernel.boot()
    accounts.booted(box.machine)
    assert users(box.machine) == {"alice"}
    assert box.layout.at("/home/alice/notes").read_text() == "hers\n"


def test_the_watch_of_an_unconfirmed_change_leaves_its_accounts(box: Box) -> None:
    """A watch that starts anew between flip and confirm takes nobody away."""
    flipped(box, ALICE)
    accounts.booted(box.machine)
    assert users(box.machine) == {"alice"}


def test_a_machine_that_is_given_back_has_no_account_of_ours(box: Box) -> None:
    """Accounts and rules go; homes stay aside, outside of what is forgotten."""
    rolled(box, BOTH)
    lived_in(box)
    accounts.end(box.machine)
    assert users(box.machine) == set()
    assert not box.layout.at(RULE).is_symlink()
    assert [path.name[:5] for path in kept(box.layout, "alice")] == ["alice"]
    assert not str(leavings.KEPT).startswith("/var/lib/backplane")


def test_numbers_are_in_a_range_that_nobody_gives_away() -> None:
    """65536 to 99999: above Debian's and systemd's, below the subordinate ids."""
    for user in ("alice", "bob", "a0"):
        assert FIRST_UID == 65536
        assert FIRST_UID <= uid_of(user) < FIRST_UID + UIDS == 100_000
