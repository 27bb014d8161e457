"""Sessions of people who may come in no more: all that runs in them ends.

sshd tells whoever it starts where they came from and by which key (SSH_CONNECTION and, by
ExposeAuthInfo, SSH_USER_AUTH; sshd(8)). The key tells people apart who came by an entry node, whose
address they have in common. What a person has detached as root from all of that is not found so.
"""

import contextlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.machine import Machine

_CONNECTION, _AUTH = b"SSH_CONNECTION=", b"SSH_USER_AUTH="
_DAEMON = "sshd"
_INIT = 1
# Of logind's own; anybody may call a unit of their own manager so.
_SCOPE = re.compile(r"/user\.slice/user-\d+\.slice/(session-[^/]+\.scope)")
# As sshd makes it (session.c): the word stands in an environment that its owner may write.
_FILE = re.compile(rb"/tmp/(sshauth\.[A-Za-z0-9]+)")
_MOST = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is known of a process that counts here.

    Attributes:
        pid: Its number.
        parent: That of the one that started it.
        name: As the kernel has it.
        scope: Of systemd's, if it is that of a login; empty otherwise.
        source: The address that its login came from; empty without one.
        keys: The public keys by which that one was let in, as type and base64.
    """

    pid: int
    parent: int
    name: str
    scope: str
    source: str
    keys: frozenset[str]


def end(machine: Machine, addresses: Collection[str], keys: Collection[str]) -> int:
    """End every login that came from one of some addresses, or by one of some keys.

    Args:
        machine: The machine.
        addresses: IPv4 and IPv6, without prefix lengths.
        keys: Type and base64 with a blank between, as authorized_keys has them.

    Returns:
        How many processes were ended.
    """
    # One that is being started while others end is found by the second look.
    return sum(_end(machine, set(addresses), set(keys)) for _ in range(2))


def _end(machine: Machine, addresses: set[str], keys: set[str]) -> int:
    pids = doomed(list(processes(machine.layout.at("/proc"))), addresses, keys)
    if pids:
        machine.commands.run(["kill", "-KILL", *map(str, pids)])
    return len(pids)


def doomed(found: Collection[Process], addresses: set[str], keys: set[str]) -> list[int]:
    """Whom to end: those let in so, all that they started or share a login with, and their sshd.

    Args:
        found: every process.
        addresses: where from.
        keys: by what.
    """
    by = {one.pid: one for one in found}
    marked = {one.pid for one in found if one.source in addresses or one.keys & keys}
    scopes = {by[pid].scope for pid in marked} - {""}
    marked |= {one.pid for one in found if one.scope in scopes}
    for pid in list(marked):
        parent = by.get(by[pid].parent)
        # The daemon that listens is started by init, and stays.
        while parent and parent.name.startswith(_DAEMON) and parent.parent > _INIT:
            marked.add(parent.pid)
            parent = by.get(parent.parent)
    grown = True
    while grown:
        below = {one.pid for one in found if one.parent in marked} - marked
        marked |= below
        grown = bool(below)
    return sorted(marked - {os.getpid(), os.getppid(), _INIT})


def processes(proc: Path) -> Iterator[Process]:
    """Every process; one that ends meanwhile is left out.

    Args:
        proc: where proc(5) is.
    """
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            yield _process(folder)


def _process(folder: Path) -> Process:
    # The name stands in brackets and may hold any of them; the state and the parent follow.
    text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    name = text[text.index("(") + 1 : text.rindex(")")]
    parent = int(text[text.rindex(")") + 1 :].split()[1])
    told = (folder / "environ").read_bytes().split(b"\0")
    source = next((line[len(_CONNECTION) :] for line in told if line.startswith(_CONNECTION)), b"")
    auth = next((line[len(_AUTH) :] for line in told if line.startswith(_AUTH)), b"")
    return Process(
        pid=int(folder.name),
        parent=parent,
        name=name,
        scope=_scope(folder),
        source=source.decode("ascii", "replace").partition(" ")[0].partition("%")[0],
        keys=frozenset(_keys(folder, auth)),
    )


def _scope(folder: Path) -> str:
    text = (folder / "cgroup").read_text(encoding="utf-8", errors="replace")
    paths = (line.split(":", 2)[2] for line in text.splitlines())
    return next((found[1] for found in map(_SCOPE.fullmatch, paths) if found), "")


def _keys(folder: Path, auth: bytes) -> Iterable[str]:
    """The keys that sshd has written down for a session, as it sees files itself."""
    named = _FILE.fullmatch(auth)
    if named is None:
        return
    path = folder / "root" / "tmp" / os.fsdecode(named[1])
    with contextlib.suppress(OSError, ValueError):
        for line in _read(path).decode("ascii").splitlines():
            words = line.split()
            if words[:1] == ["publickey"]:
                yield " ".join(words[1:3])


def _read(path: Path) -> bytes:
    """A small plain file; whatever else somebody has put there is neither waited for nor followed.

    Raises:
        OSError: It is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path.name} is no plain file")
        return os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)
