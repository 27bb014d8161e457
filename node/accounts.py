"""People's own accounts on this machine: made, put right, and taken away without a loss.

`logins/accounts.json` of a generation says who there is: {"accounts": [{"user", "uid"}, …]}. An
account is ours when its number is the one that follows from its name; no other is ever touched.
Who is removed can act no more, and what was theirs is kept aside: an undo gives it back.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from node import generations, leavings
from node.difference import HAND, Difference
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.passwd import Account, groups, live, uid_of, wanted

SUDOERS, RULES = "/etc/sudoers.d/backplane", "secrets/sudo/sudoers"
ABOUT = "Backplane login"
_AREA = "accounts"
_LOOK = "look at `journalctl -b -t backplane-node` and `getent passwd` on the machine"
_PRIVATE = 0o700


def check(machine: Machine, generation: Generation) -> None:
    """Refuse accounts whose name, number or home is somebody else's here; changes nothing.

    Raises:
        Refused: One of them cannot be made.
    """
    there, taken_groups = live(machine), groups(machine)
    numbers = {one.uid: one.user for one in there.values()}
    for user, one in wanted(generation).items():
        taken = [
            f"{kind} {holder}"
            for kind, holder, free in (
                ("the user", user, there.get(user, one).uid == one.uid),
                ("the group", user, taken_groups.get(user, one.gid) == one.gid),
                ("the number of", numbers.get(one.uid, user), one.uid not in numbers
                 or numbers[one.uid] == user),
            )
            if not free
        ]  # fmt: skip
        if user not in there and _holder(machine.layout.at(one.home)) not in {None, 0, one.uid}:
            taken.append(one.home)
        if taken:
            raise Refused(
                f"the account {user} cannot be made here: {', '.join(taken)} is somebody else's",
                "declare another `login.user`, or rename that account on the machine",
            )


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """What of people's accounts is not as a generation says; whoever is gone comes first.

    Where they cannot be compared that is one of the differences: mending it is refused, and all
    else of a flip, or of an undo, can be worked out.
    """
    try:
        yield from _found(machine, target)
    except (Refused, OSError, ValueError) as error:
        machine.journal.say(f"accounts cannot be compared: {error}")
        mend = partial(_refuse, str(error))
        yield Difference(
            area=_AREA, what="accounts", declared="to be looked at", live=str(error), repair=HAND,
            mend=mend,
        )  # fmt: skip


def _found(machine: Machine, target: Generation) -> Iterator[Difference]:
    declared, there, named = wanted(target), live(machine), groups(machine)
    yield from _rules(machine, target)
    ours = {user for user, one in there.items() if one.uid == uid_of(user)}
    for user in sorted(ours - set(declared)):
        yield _difference(user, "", "there", partial(remove, machine, there[user]))
    for user in sorted({*named} - {*there}):
        if named[user] == uid_of(user) and user not in declared:
            mend = partial(_run, machine, "groupdel", user)
            yield _difference(f"{user}'s group", "", "there", mend)
    for user, one in sorted(declared.items()):
        now = there.get(user)
        if now is None:
            yield _difference(user, "there", "", partial(_make, machine, one, target))
        elif now.uid != one.uid:
            mend = partial(check, machine, target)
            yield _difference(user, "an account of ours", "somebody else's", mend)
        else:
            if leavings.undoing(machine, user, target.name):
                mend = partial(_give_back, machine, one, target)
                yield _difference(f"{user}, what was put aside", "in its place", "aside", mend)
            yield from _astray(machine, one, now)


def remove(machine: Machine, one: Account) -> None:
    """End everything of an account, keep aside what it had, and delete it.

    Raises:
        Refused: It cannot be deleted; what could act of it has ended.
    """
    leavings.end(machine, one.user, one.uid)
    aside = leavings.put_aside(machine, one.user, one.uid, machine.layout.at(one.home))
    # What began since then, before its home and its jobs were gone.
    leavings.end(machine, one.user, one.uid)
    # What has ended but is not waited for yet by whoever began it would count as in use.
    _run(machine, "userdel", "--force", one.user)
    if one.user in groups(machine):
        _run(machine, "groupdel", one.user)
    kept = f"; what it had is in {aside}" if aside else ""
    machine.journal.say(f"the account {one.user} is gone{kept}")


def end(machine: Machine) -> None:
    """Take away every account of ours, and the rules for them.

    Raises:
        Refused: One of them stays.
    """
    machine.disk.remove(machine.layout.at(SUDOERS))
    for user, one in sorted(live(machine).items()):
        if one.uid == uid_of(user):
            remove(machine, one)


def booted(machine: Machine) -> None:
    """Make the accounts those of what boot reads, for a flip may have been cut short; never fails.

    Where a change is not confirmed yet they are those of that change. One that cannot be put right
    keeps no other back.
    """
    name = generations.named(machine, machine.layout.active)
    try:
        found = [*differences(machine, generations.load(machine, name or ""))]
    except Refused as error:
        machine.journal.say(f"accounts: {error}")
        return
    for one in found:
        try:
            if one.mend is not None:
                one.mend()
        except (Refused, OSError) as error:
            machine.journal.say(f"accounts: {error}")


def _make(machine: Machine, one: Account, target: Generation) -> None:
    if one.user not in groups(machine):
        _run(machine, "groupadd", "--gid", str(one.gid), one.user)
    home = machine.layout.at(one.home)
    # Nothing but in an undo: somebody new of the same name begins with nothing.
    leavings.give_back(machine, one.user, one.uid, home, target.name)
    words = [] if home.exists() else ["--create-home"]
    _run(
        machine, "useradd", *words, "--uid", str(one.uid), "--gid", str(one.gid),
        "--home-dir", one.home, "--shell", one.shell, "--password", one.password,
        "--comment", ABOUT, "--no-log-init", "--key", "HOME_MODE=0700", one.user,
    )  # fmt: skip
    _own_home(machine, one)
    machine.journal.say(f"the account {one.user} is there")


def _astray(machine: Machine, one: Account, now: Account) -> Iterator[Difference]:
    """What of an account that is there somebody has changed."""
    words = {
        "gid": ("--gid", str(one.gid)),
        "home": ("--home", one.home),
        "shell": ("--shell", one.shell),
        "password": ("--password", one.password),
        "groups": ("--groups", ""),
    }
    for part, argv in words.items():
        declared, present = getattr(one, part), getattr(now, part)
        if declared != present:
            # A hash is a secret.
            sides = ("none", "set") if part == "password" else (_said(declared), _said(present))
            mend = partial(_run, machine, "usermod", *argv, one.user)
            yield _difference(f"{one.user}, {part}", *sides, mend)
    yield from _homes(machine, one)


def _homes(machine: Machine, one: Account) -> Iterator[Difference]:
    """Whether its home is there, for itself alone.

    What its owner can bring about themselves holds no rollout up.
    """
    home, what = machine.layout.at(one.home), f"{one.user}, home directory"
    try:
        if home.is_symlink() or not home.is_dir():
            yield _difference(what, "there", "", partial(_new_home, machine, one))
        elif leavings.owner(home) != one.uid or home.stat().st_mode & 0o777 != _PRIVATE:
            found = _difference(
                what, "its own alone", "others' too", partial(_own_home, machine, one)
            )
            yield replace(found, blocking=False)
    except OSError as error:
        # Such as a file system of its owner's that root has no part in (FUSE).
        found = _difference(what, "its own alone", error.strerror or "cannot be looked at", None)
        yield replace(found, repair=HAND, blocking=False)


def _new_home(machine: Machine, one: Account) -> None:
    home = machine.layout.at(one.home)
    if home.is_symlink() or (home.exists() and not home.is_dir()):
        raise Refused(f"{one.home} is no directory", f"move it away; {_LOOK}")
    machine.disk.ensure_directory(home, _PRIVATE)
    _own_home(machine, one)


def _give_back(machine: Machine, one: Account, target: Generation) -> None:
    leavings.give_back(machine, one.user, one.uid, machine.layout.at(one.home), target.name)


def _own_home(machine: Machine, one: Account) -> None:
    home = machine.layout.at(one.home)
    leavings.give(machine, home, one.uid, one.gid)
    home.chmod(_PRIVATE)


def _rules(machine: Machine, target: Generation) -> Iterator[Difference]:
    """The link by which sudo reads the active generation's rules."""
    link, aim = machine.layout.at(SUDOERS), str(machine.layout.active / RULES)
    there = link.is_symlink() or link.exists()
    if not target.file(RULES).exists():
        if there:
            mend = partial(machine.disk.remove, link)
            yield Difference(area=_AREA, what=SUDOERS, declared="", live="there", mend=mend)
    elif not link.is_symlink() or str(link.readlink()) != aim:

        def point() -> None:
            machine.disk.ensure_directory(link.parent, 0o750)
            machine.disk.point(link, aim)

        live_ = "something else" if there else ""
        yield Difference(
            area=_AREA, what=SUDOERS, declared=f"a link to {aim}", live=live_, mend=point
        )


def _holder(home: Path) -> int | None:
    """Whose a home is; None where there is none, or none that can be looked at."""
    try:
        return leavings.owner(home)
    except OSError:
        return None


def _refuse(error: str) -> None:
    raise Refused(f"accounts cannot be compared: {error}", _LOOK)


def _run(machine: Machine, program: str, *words: str) -> None:
    machine.commands.must([program, *words], why=f"{program} fails", fix=_LOOK, timeout=60)


def _said(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _difference(about: str, declared: str, live_: str, mend: partial[None] | None) -> Difference:
    what = f"account {about}"
    return Difference(area=_AREA, what=what, declared=declared, live=live_, mend=mend)
