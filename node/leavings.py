"""What a person leaves on this machine: processes, jobs, mail, a home; ended, or kept aside.

It is kept beside the homes, `/home/.removed/USER-TIME`, for root alone: on one file system a
directory of any size moves in one step, and back again where the removal is undone.
`change` in it says which change that was: {"before": generation, "lease": id or ""}. It is there
until that is undone, or somebody new has the name: after that nothing is given back.
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from node import generations, lease
from node.errors import Refused
from node.machine import Machine
from node.passwd import FIRST_UID, UIDS

KEPT = "/home/.removed"
HOME, CHANGE = "home", "change"
JOBS = "/var/spool/cron/atjobs"
LINGER = "/var/lib/systemd/linger"
FILES = {"crontab": "/var/spool/cron/crontabs", "mail": "/var/mail"}
"""By the name under which it is kept, the directory in which a file of the user's name lies."""

_STAMP = r"\d{4}-\d{2}-\d{2}T\d{6}Z"
_TRIES = 50
_STEP = 0.1
_OWN = 0o600
_ENDED = {"Z", "X"}
# Who signals is root no more, and nobody whom that user could signal or trace: no process has this
# number (-1 in 16 bits, which is given to nobody: systemd's UIDS-GIDS). A signal to -1 reaches all
# that it may reach in one step, which no fork gets in between: kill(2).
_KILL = """
import contextlib, os, signal, sys
uid = int(sys.argv[1])
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(65535, uid, 65535)
with contextlib.suppress(ProcessLookupError):
    os.kill(-1, signal.SIGKILL)
"""
_LOOK = "look at `ps -eo pid,user,stat,args` on the machine; then run `pulumi up` again"


def owner(path: Path) -> int:
    """The number of whoever a file or directory is."""
    return path.lstat().st_uid


def give(machine: Machine, path: Path, uid: int, gid: int) -> None:
    """Make a file or directory somebody's; what is in it stays as it is."""
    machine.commands.must(
        ["chown", "--no-dereference", f"{uid}:{gid}", str(path)],
        why=f"{path} cannot be given its owner",
        fix="see that its file system can be written; then run `pulumi up` again",
    )


def kill_all(machine: Machine, uid: int) -> None:
    """Kill every process of an account of ours, also one that forks and exits without a pause.

    Raises:
        Refused: It is no number of an account of ours, or nobody can be killed here.
    """
    if not FIRST_UID <= uid < FIRST_UID + UIDS:
        raise Refused(f"{uid} is no number of an account of ours: nothing of it is ended", _LOOK)
    machine.commands.must(
        ["python3", "-I", "-S", "-c", _KILL, str(uid)],
        why=f"the processes of {uid} cannot be killed",
        fix=_LOOK,
    )


def end(machine: Machine, user: str, uid: int) -> None:
    """End every process of a user's, and what root does for them by sudo.

    Raises:
        Refused: One of them does not end.
    """
    machine.disk.remove(machine.layout.at(f"{LINGER}/{user}"))
    for _ in range(_TRIES):
        kill_all(machine, uid)
        pids = sorted(processes(machine, uid))
        if not pids:
            # It was killed, which systemd takes for a failure.
            if machine.layout.at(f"/run/systemd/users/{uid}").exists():
                machine.commands.run(["systemctl", "reset-failed", f"user@{uid}.service"])
            return
        machine.commands.run(["kill", "-KILL", *map(str, pids)])
        machine.clock.sleep(_STEP)
    raise Refused(f"processes of {user} do not end: {', '.join(map(str, pids))}", _LOOK)


def processes(machine: Machine, uid: int) -> Iterator[int]:
    """The processes that act for a user: by their number, their login, their slice, or by sudo."""
    for folder in machine.layout.at("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid():
            # One that ends meanwhile is none.
            with contextlib.suppress(OSError):
                if _acts_for(folder, uid):
                    yield int(folder.name)


def put_aside(machine: Machine, user: str, uid: int, home: Path) -> Path | None:
    """Move away what is a user's: their home, crontab, mail and at jobs.

    Returns:
        Where to; None if there was nothing.
    """
    # What this change has moved before it was cut off.
    before = [*_asides(machine, user)]
    for aside in before:
        _mark(machine, aside)
    stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(machine.clock.wall()))
    aside = machine.layout.at(KEPT) / f"{user}-{stamp}"
    found = [(name, machine.layout.at(f"{folder}/{user}")) for name, folder in FILES.items()]
    found += [(f"at-{one.name}", one) for one in _jobs(machine, uid)]
    moved = []
    for name, path in found:
        if path.is_file() and not path.is_symlink():
            _ensure(machine, aside)
            machine.disk.replace(aside / name, path.read_bytes(), _OWN)
            moved.append(name)
        machine.disk.remove(path)
    if _uncovered(machine, home):
        _ensure(machine, aside)
        if _move(machine, home, aside / HOME):
            moved.append(HOME)
        else:
            # A home that is a file system of its own: it stays, for root alone.
            give(machine, home, 0, 0)
    if moved:
        return aside
    if aside.is_dir() and aside not in before:
        _close(machine, aside)
    return before[-1] if before else None


def undoing(machine: Machine, user: str, target: str) -> list[Path]:
    """Where that lies of a user what is given back on the way to a generation; newest first.

    That is what the change moved which is being undone: the way leads to the generation before it,
    and boot reads that still, or the rollout goes on which had confirmed it here already.
    """
    here = generations.named(machine, machine.layout.confirmed)
    now = lease.holder(machine)
    return [
        aside
        for aside, told in reversed(_asides(machine, user).items())
        if told.get("before") == target
        and (here == target or (now is not None and now[0] == told.get("lease")))
    ]


def give_back(machine: Machine, user: str, uid: int, home: Path, target: str) -> None:
    """Move back what was put aside by the change that is being undone, where nothing is by now.

    Of any other change nothing is given back from now on.
    """
    for aside in undoing(machine, user, target):
        for name, folder in FILES.items():
            kept, place = aside / name, machine.layout.at(f"{folder}/{user}")
            if kept.is_file() and place.parent.is_dir():
                data = kept.read_bytes()
                if not place.exists():
                    machine.disk.replace(place, data, _OWN)
                if place.read_bytes() == data:
                    give(machine, place, uid, place.parent.stat().st_gid)
                    machine.disk.remove(kept)
        if (aside / HOME).is_dir() and not os.path.lexists(home):
            _move(machine, aside / HOME, home)
    for aside in _asides(machine, user):
        _close(machine, aside)


def _jobs(machine: Machine, uid: int) -> Iterator[Path]:
    jobs = machine.layout.at(JOBS)
    for one in jobs.iterdir() if jobs.is_dir() else ():
        # Others come and go: anybody may call `at` and `atrm`.
        with contextlib.suppress(FileNotFoundError):
            if owner(one) == uid:
                yield one


def _asides(machine: Machine, user: str) -> dict[Path, dict[str, object]]:
    """What was put aside of a user by a change that may be undone still, with that; by time."""
    called = re.compile(rf"{re.escape(user)}-{_STAMP}")
    kept = sorted(machine.layout.at(KEPT).glob(f"{user}-*"))
    named = [one for one in kept if called.fullmatch(one.name) and one.is_dir()]
    found = {one: machine.recall(one / CHANGE) for one in named}
    return {one: told for one, told in found.items() if told is not None}


def _ensure(machine: Machine, aside: Path) -> None:
    machine.disk.ensure_directory(aside.parent)
    machine.disk.ensure_directory(aside)
    if not (aside / CHANGE).exists():
        _mark(machine, aside)


def _mark(machine: Machine, aside: Path) -> None:
    held = lease.holder(machine)
    told = {
        "before": generations.named(machine, machine.layout.confirmed) or "",
        "lease": held[0] if held else "",
    }
    machine.disk.replace(aside / CHANGE, json.dumps(told).encode("ascii"), _OWN)


def _close(machine: Machine, aside: Path) -> None:
    machine.disk.remove(aside / CHANGE)
    with contextlib.suppress(OSError):
        aside.rmdir()


def _uncovered(machine: Machine, home: Path) -> bool:
    """Whether a home is there, without what a person mounted over it: nobody serves that now."""
    try:
        home.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        machine.journal.say(f"{home} cannot be looked at: {error.strerror}")
        done = machine.commands.run(["umount", "--lazy", str(home)])
        return done.code == 0 and home.is_dir()
    return home.is_dir() and not home.is_symlink()


def _move(machine: Machine, source: Path, target: Path) -> bool:
    """Move a home in one step; False where it cannot be, which the journal tells."""
    try:
        machine.disk.rename(source, target)
    except OSError as error:
        machine.journal.say(f"{source} stays where it is: {error.strerror}")
        return False
    for folder in (source.parent, target.parent):
        machine.disk.sync_directory(folder)
    return True


def _acts_for(folder: Path, uid: int) -> bool:
    number = str(uid)
    status = (folder / "status").read_text(encoding="ascii", errors="replace")
    told = {line.partition(":")[0]: line.split()[1:] for line in status.splitlines()}
    if set(told.get("State", ())) & _ENDED:
        return False
    if number in told.get("Uid", ()):
        return True
    if (folder / "loginuid").exists() and (folder / "loginuid").read_text().strip() == number:
        return True
    if f"/user-{number}.slice" in (folder / "cgroup").read_text(errors="replace"):
        return True
    return f"SUDO_UID={number}".encode() in (folder / "environ").read_bytes().split(b"\0")
