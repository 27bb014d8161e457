"""What another node may ask of this one to keep a copy here: to receive into it, and to look at it.

sshd runs this in place of whatever was asked. The words are compared, whole, with those that
syncoid uses (2.1.0 and 2.2.0, with the options that `backplane.roles.zfs` gives it); no shell ever
reads them, and every dataset that is named to ZFS is the declared one, not the one that was asked.
"""

import fcntl
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.machine import Machine

FILE = "roles/replica/copies.json"
"""In a generation, by replication: {"dataset": the copy, "expand": the program that makes a stream
whole again and its arguments, or nothing}."""

LOCKS = "/run/backplane/receiving"
REFUSED, FAILED = 126, 1
_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_MERGED = "2>&1"
_LONGEST, _SHOWN = 1000, 200

# What syncoid asks of a dataset; `{}` is its name.
_LOOKS = (
    ("zfs", "get", "-H", "name", "{}"),
    ("zfs", "get", "-H", "-p", "used", "{}"),
    ("zfs", "get", "-Hpd", "1", "-t", "snapshot", "guid,creation", "{}"),
)
_RECEIVE = ("zfs", "receive", "-u", "{}")
# A stream may bring properties, and datasets beside and below its own: one that is mounted over
# /etc at the next boot would be the sender's way in. What the copies' dataset says holds for all.
_HELD = ("mountpoint", "readonly", "volmode")


def receive(machine: Machine, name: str) -> int:
    """Serve one session of a replication's source.

    Args:
        machine: The machine.
        name: The replication; sshd gives it, by the key that was shown.

    Returns:
        The exit code of what was run, 126 when nothing of the kind is allowed.
    """
    words = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    copy = _copies(machine).get(name)
    code = _served(machine, copy, words) if copy else None
    if code is not None:
        return code
    asked = words[:_SHOWN].encode("ascii", "backslashreplace").decode()
    machine.journal.say(f"replication {name} may not do this here: {asked or 'a shell'}")
    print(
        "backplane: this key may receive one dataset and look at it, nothing else", file=sys.stderr
    )
    return REFUSED


def _copies(machine: Machine) -> Mapping[str, Mapping[str, Any]]:
    path = machine.layout.active / FILE
    found: Mapping[str, Mapping[str, Any]] = {}
    if path.exists():
        found = json.loads(path.read_text(encoding="ascii"))
    return found


def _served(machine: Machine, copy: Mapping[str, Any], words: str) -> int | None:
    """Do what was asked; None where it is nothing of the kind."""
    asked = understood(words)
    dataset, expand = str(copy["dataset"]), tuple(map(str, copy["expand"]))
    told = _told(asked, expand[:1])
    if told is not None:
        return told
    if asked == ("ps", "-Ao", "args="):
        return _busy(machine, dataset)
    if asked in {_with(look, dataset) for look in _LOOKS}:
        return subprocess.run(asked, stdin=subprocess.DEVNULL, check=False, env=_PATH).returncode
    merged = asked[-1:] == (_MERGED,)
    wanted = (*((*expand, "|") if expand else ()), *_with(_RECEIVE, dataset))
    if asked[: len(asked) - merged] == wanted:
        return _received(machine, dataset, expand, merged=merged)
    return None


def _told(asked: tuple[str, ...], expander: tuple[str, ...]) -> int | None:
    """Answer what needs no program: whether the session works, and which programs are here."""
    if asked in {("exit",), ("echo", "-n")}:
        return 0
    if asked == ("command", "-v", "mbuffer"):
        # It would only stand between the stream and its receiver.
        return FAILED
    if expander and asked == ("command", "-v", *expander):
        print(f"/usr/bin/{expander[0]}")
        return 0
    return None


def understood(words: str) -> tuple[str, ...]:
    """The words that a shell would see; none where no program of ours would write such."""
    if len(words) > _LONGEST or not words.isascii() or not words.isprintable():
        return ()
    try:
        return tuple(shlex.split(words))
    except ValueError:
        return ()


def _with(form: tuple[str, ...], dataset: str) -> tuple[str, ...]:
    return tuple(dataset if word == "{}" else word for word in form)


def _busy(machine: Machine, dataset: str) -> int:
    """Tell, as syncoid reads it, whether the copy is being received; of no other program."""
    with _lock(machine, dataset).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(" ".join(_with(_RECEIVE, dataset)))
    return 0


def _received(machine: Machine, dataset: str, expand: tuple[str, ...], *, merged: bool) -> int:
    """Receive what comes on stdin; one at a time."""
    with _lock(machine, dataset).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"backplane: {dataset} is being received already", file=sys.stderr)
            return FAILED
        code = _piped(_receiver(dataset), expand, merged=merged)
        for setting in _HELD[:2]:
            done = subprocess.run(
                ("zfs", "inherit", "-r", setting, dataset),
                capture_output=True,
                check=False,
                env=_PATH,
            )
            code = code or done.returncode
        return code


def _receiver(dataset: str) -> tuple[str, ...]:
    """The receiver; where ZFS can (OpenZFS 0.8), no property of a stream's is taken that matters.

    zfs-fuse cannot, and has but what is done after each stream.
    """
    program, verb, *rest = _with(_RECEIVE, dataset)
    asked = subprocess.run(("zfs", "version"), capture_output=True, check=False, env=_PATH)
    held = [word for name in _HELD for word in ("-x", name)] if asked.returncode == 0 else []
    return (program, verb, *held, *rest)


def _piped(argv: tuple[str, ...], expand: tuple[str, ...], *, merged: bool) -> int:
    """Run the receiver behind what makes the stream whole; its exit code, or else the other's."""
    told = subprocess.STDOUT if merged else None
    if not expand:
        return subprocess.run(argv, stderr=told, check=False, env=_PATH).returncode
    first = subprocess.Popen(expand, stdout=subprocess.PIPE, env=_PATH)
    done = subprocess.run(argv, stdin=first.stdout, stderr=told, check=False, env=_PATH)
    if first.stdout:
        first.stdout.close()
    return done.returncode or first.wait()


def _lock(machine: Machine, dataset: str) -> Path:
    folder = machine.layout.at(LOCKS)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / dataset.replace("/", "_")
