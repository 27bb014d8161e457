"""What a person leaves on this machine: processes, jobs, mail, a home; ended, or kept aside.

It is kept beside the homes, `/home/.removed/USER-TIME`, for root alone: on one file system a
directory of any size moves in one step, and back again where the removal is undone.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from node.errors import Refused
from node.machine import Machine

KEPT = "/home/.removed"
HOME = "home"
JOBS = "/var/spool/cron/atjobs"
LINGER = "/var/lib/systemd/linger"
FILES = {"crontab": "/var/spool/cron/crontabs", "mail": "/var/mail"}
"""By the name under which it is kept, the directory in which a file of the user's name lies."""

_STAMP = r"\d{4}-\d{2}-\d{2}T\d{6}Z"
_TRIES = 50
_STEP = 0.1
_OWN = 0o600
_ENDED = {"Z", "X"}
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


def end(machine: Machine, user: str, uid: int) -> None:
    """End every process of a user's, and what root does for them by sudo.

    Raises:
        Refused: One of them does not end.
    """
    machine.disk.remove(machine.layout.at(f"{LINGER}/{user}"))
    for _ in range(_TRIES):
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
    stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(machine.clock.wall()))
    kept = machine.layout.at(KEPT)
    aside = kept / f"{user}-{stamp}"
    found = [(name, machine.layout.at(f"{folder}/{user}")) for name, folder in FILES.items()]
    jobs = machine.layout.at(JOBS)
    if jobs.is_dir():
        found += [(f"at-{one.name}", one) for one in jobs.iterdir() if owner(one) == uid]
    moved = []
    for name, path in found:
        if path.is_file() and not path.is_symlink():
            _ensure(machine, kept, aside)
            machine.disk.replace(aside / name, path.read_bytes(), _OWN)
            moved.append(name)
        machine.disk.remove(path)
    if home.is_dir() and not home.is_symlink():
        _ensure(machine, kept, aside)
        _move(machine, home, aside / HOME)
        moved.append(HOME)
    return aside if moved else None


def give_back(machine: Machine, user: str, uid: int, home: Path) -> None:
    """Move back what was put aside last, if there is no home by now."""
    kept = machine.layout.at(KEPT)
    called = re.compile(rf"{re.escape(user)}-{_STAMP}")
    asides = sorted(
        one for one in kept.glob("*") if called.fullmatch(one.name) and (one / HOME).is_dir()
    )
    if home.exists() or not asides:
        return
    aside = asides[-1]
    for name, folder in FILES.items():
        place = machine.layout.at(f"{folder}/{user}")
        if (aside / name).is_file() and place.parent.is_dir() and not place.exists():
            machine.disk.replace(place, (aside / name).read_bytes(), _OWN)
            give(machine, place, uid, place.parent.stat().st_gid)
            machine.disk.remove(aside / name)
    # Last, since it is what this is known by.
    _move(machine, aside / HOME, home)
    with contextlib.suppress(OSError):
        aside.rmdir()


def _ensure(machine: Machine, *folders: Path) -> None:
    for folder in folders:
        machine.disk.ensure_directory(folder)


def _move(machine: Machine, source: Path, target: Path) -> None:
    try:
        machine.disk.rename(source, target)
    except OSError as error:
        # A home that is a file system of its own: it stays, for root alone.
        machine.journal.say(f"{source} stays where it is: {error.strerror}")
        give(machine, source, 0, 0)
        return
    for folder in (source.parent, target.parent):
        machine.disk.sync_directory(folder)


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
