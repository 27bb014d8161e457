"""Root's password on the console: a hash of the generation's, in /etc/shadow and nowhere else.

/etc/shadow outlives a reboot, so only a confirmed generation's is written there; what stood there
before is kept, and comes back with a generation that has none or when the machine is given back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from node.difference import Difference
from node.machine import Machine

if TYPE_CHECKING:
    from node.generations import Generation

FILE = "console"
"""The generation's file: ``root:HASH``, one line."""

SHADOW = "/etc/shadow"
# Whoever changes passwords holds this one (lckpwdf(3)), by fcntl.
_LOCK = "/etc/.pwd.lock"
_PATIENCE = 15.0  # seconds, as lckpwdf waits
_BUSY = (
    "another program has been changing passwords",
    "see who holds /etc/.pwd.lock (`lslocks`) on the machine, then try again",
)
_USER = "root:"
_LINE = re.compile(r"root:\$2b\$[0-9]{2}\$[./A-Za-z0-9]{53}\n")
# Nothing about age: a password that has to be changed at the first login would not be ours then.
_REST = ":::::::"
_NEW, _OTHERS = 0o640, 0o027


def mistake(text: str) -> str | None:
    """What is wrong with a bundle's file, without a word of it."""
    return None if _LINE.fullmatch(text) else f"{FILE} is no hash of root's password"


def write(machine: Machine, generation: Generation) -> bool:
    """Give root the password of a confirmed generation; what root had without one.

    Returns:
        Whether anything had to be changed.

    Raises:
        Refused: Somebody else goes on changing passwords.
    """
    wanted = _wanted(generation)
    if wanted is None:
        return give_back(machine)
    if _entry(machine) == wanted and not _mode(machine) & _OTHERS:
        return False
    with _alone(machine):
        kept = machine.layout.console
        if _entry(machine) != wanted and not kept.exists():
            machine.disk.replace(kept, _bytes(f"{_entry(machine)}\n"), 0o600)
        _put(machine, wanted)
    machine.journal.say("console: root has the password of this generation")
    return True


def give_back(machine: Machine) -> bool:
    """Make root's entry what it was before the first password of ours; nothing without one.

    Returns:
        Whether anything had to be changed.

    Raises:
        Refused: Somebody else goes on changing passwords.
    """
    kept = machine.layout.console
    if not kept.exists():
        return False
    with _alone(machine):
        _put(machine, _text(kept).removesuffix("\n"))
        machine.disk.remove(kept)
        machine.disk.sync_directory(kept.parent)
    machine.journal.say("console: root's password is what it was before ours")
    return True


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Root's entry, and who may read the file that it is in."""
    wanted, mend = _wanted(target), partial(write, machine, target)
    if wanted is not None and (live := _entry(machine)) != wanted:
        yield _difference("root's password", "the console's", _shown(live), mend)
    elif wanted is None and machine.layout.console.exists():
        yield _difference("root's password", "as it was before", "the console's", mend)
    if wanted is not None and (mode := _mode(machine)) & _OTHERS:
        yield _difference("its mode", "closed to others", f"mode {mode:04o}", mend)


def _difference(what: str, declared: str, live: str, mend: Callable[[], object]) -> Difference:
    return Difference(
        area="files",
        what=f"{SHADOW}: {what}",
        declared=declared,
        live=live,
        mend=mend,
        blocking=False,
    )


def _shown(entry: str) -> str:
    """An entry in words: no hash leaves the machine."""
    if not entry:
        return ""
    word = entry.split(":")[1]
    if not word:
        return "none: anybody gets in at the console"
    return "another one, or another age" if word.startswith("$") else "locked"


def _wanted(generation: Generation) -> str | None:
    source = generation.file(FILE)
    if not source.exists():
        return None
    return source.read_text(encoding="ascii").removesuffix("\n") + _REST


def _mode(machine: Machine) -> int:
    path = machine.layout.at(SHADOW)
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0


def _lines(machine: Machine) -> list[str]:
    path = machine.layout.at(SHADOW)
    return (
        path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        if path.exists()
        else []
    )


def _text(path: Path) -> str:
    """A file that anybody may have written: what is no UTF-8 comes back as it was."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _entry(machine: Machine) -> str:
    """Root's line; empty when there is none."""
    return next((line for line in _lines(machine) if line.startswith(_USER)), "")


def _put(machine: Machine, entry: str) -> None:
    """Make root's line this one, in one step; an empty one takes it out."""
    path, others = machine.layout.at(SHADOW), _lines(machine)
    at = next((n for n, line in enumerate(others) if line.startswith(_USER)), 0)
    others = [line for line in others if not line.startswith(_USER)]
    text = "".join(
        f"{line}\n" for line in [*others[:at], *([entry] if entry else []), *others[at:]]
    )
    if path.exists():
        there = path.stat()
        mode, owner = _mode(machine) & ~_OTHERS, (there.st_uid, there.st_gid)
    else:
        mode, owner = _NEW, (os.geteuid(), os.getegid())
    machine.disk.replace(path, _bytes(text), mode, owner)


def _alone(machine: Machine) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of those who change passwords."""
    lock = machine.layout.at(_LOCK)
    return machine.alone(lock, patience=_PATIENCE, busy=_BUSY, take=fcntl.lockf)
