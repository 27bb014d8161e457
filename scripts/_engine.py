"""What a dead pulumi leaves: the backend's locks, the state's pending operations, processes."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scripts._stack import project, pulumi

Json = dict[str, Any]

DRIVER = "runner.driver"
"""The module that carries a rollout out; it goes on alone and ends by itself."""

_PLUGINS = ("pulumi-resource-", "pulumi-language-")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock of a file backend, as pulumi wrote it.

    Attributes:
        pid: process number of the pulumi that took it.
        user: who ran it.
        host: on which machine.
        since: when, as text.
    """

    pid: int
    user: str
    host: str
    since: str

    @property
    def dead(self) -> bool:
        """Whether its pulumi ran here and does not any more; of another machine nothing is said."""
        return self.host == socket.gethostname() and not alive(self.pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A process that a pulumi started and left behind.

    Attributes:
        pid: its number.
        what: `rollout`, or the plugin's name.
    """

    pid: int
    what: str


@dataclass(frozen=True, slots=True)
class State:
    """A stack's state, as exported; secrets in it are encrypted.

    Attributes:
        deployment: the export's `deployment`.
    """

    deployment: Json

    @property
    def pending(self) -> list[Json]:
        """The operations that were cut, each with `type` and `resource`."""
        found: list[Json] = self.deployment.get("pending_operations") or []
        return found

    @property
    def ids(self) -> set[tuple[str, str]]:
        """(type, id) of everything that is in the state, whatever is to become of it."""
        return {
            (str(one["type"]), str(one["id"]))
            for one in self.deployment.get("resources") or []
            if one.get("id")
        }

    @property
    def cut(self) -> set[tuple[str, str]]:
        """(type, name at the cloud) of everything that was being created when it was cut."""
        return {
            (str(one["resource"]["type"]), _called(one["resource"].get("inputs", {})))
            for one in self.pending
            if one["type"] == "creating"
        }

    @property
    def places(self) -> set[tuple[str, str]]:
        """Cloud and region, if it has such, of every access to a cloud that the state tells of."""
        found: set[tuple[str, str]] = set()
        resources = [*(self.deployment.get("resources") or [])]
        for one in [*resources, *(operation["resource"] for operation in self.pending)]:
            kind = str(one["type"])
            if kind.startswith("hcloud:"):
                found.add(("hetzner", ""))
            if kind == "pulumi:providers:aws":
                found.add(("aws", str(one["inputs"]["region"])))
        return found


def _called(inputs: Json) -> str:
    """What a resource is called at its cloud: Hetzner's have a name, AWS's a tag of that name."""
    tags = inputs.get("tags")
    named = tags.get("Name") if isinstance(tags, dict) else None
    return str(named or inputs.get("name"))


def alive(pid: int) -> bool:
    """Whether a process of this number runs pulumi: numbers are given again."""
    return _words(pid)[:1] == ["pulumi"]


def locks(stack: str, name: str) -> list[Lock] | None:
    """The locks on a stack; None where the backend keeps none that can be looked at.

    Args:
        stack: the stack's name.
        name: the project's name.
    """
    told = json.loads(pulumi("whoami", "--json", "--verbose", where=stack, what="no backend"))
    url = urlsplit(str(told.get("url", "")))
    if url.scheme != "file":
        return None
    root = Path(unquote(url.netloc + url.path)).expanduser()
    folder = root / ".pulumi" / "locks" / "organization" / name / stack
    found = []
    for path in sorted(folder.glob("*.json")):
        lock = json.loads(path.read_text(encoding="utf-8"))
        found.append(
            Lock(
                pid=int(lock["pid"]),
                user=str(lock["username"]),
                host=str(lock["hostname"]),
                since=str(lock["timestamp"]),
            )
        )
    return found


def unlock(stack: str) -> None:
    """Clear the locks on a stack."""
    pulumi("cancel", stack, "--yes", where=f"stack {stack}", what="its lock cannot be cleared")


def state(stack: str) -> State:
    """Read the state of a stack."""
    words = ("stack", "export", "--stack", stack)
    text = pulumi(*words, where=f"stack {stack}", what="its state cannot be read")
    return State(json.loads(text).get("deployment") or {})


def clear(stack: str) -> None:
    """Forget the operations that were cut; what they were about must have been looked after.

    Only the stack's own entry is refreshed: nothing is asked of any provider.
    """
    where = f"stack {stack}"
    listed = pulumi("stack", "--stack", stack, "--show-urns", where=where, what="no state")
    root = next(
        (
            word
            for word in listed.split()
            if word.startswith("urn:") and "::pulumi:pulumi:Stack::" in word
        ),
        None,
    )
    pulumi(
        *("refresh", "--clear-pending-creates", "--yes", "--skip-preview", "--stack", stack),
        *(("--target", root) if root else ()),
        where=where,
        what="its cut operations cannot be cleared",
    )


def orphans(folder: Path | None = None) -> list[Orphan]:
    """Plugins and rollouts of this project whose pulumi is dead.

    Args:
        folder: the project's directory; the present one's by default.
    """
    home = (folder or project()).resolve()
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        what = _kind(_words(pid))
        if what and _cwd(pid) == home and not any(alive(parent) for parent in _parents(pid)):
            found.append(Orphan(pid=pid, what=what))
    return sorted(found, key=lambda one: one.pid)


def _kind(words: Iterable[str]) -> str:
    names = [Path(word).name for word in words]
    if DRIVER in names:
        return "rollout"
    return next((name for name in names[:3] if name.startswith(_PLUGINS)), "")


def _words(pid: int) -> list[str]:
    """A process's arguments, the first without its directory; empty when it is gone."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
    return [Path(words[0]).name, *words[1:]]


def _cwd(pid: int) -> Path | None:
    try:
        return (_PROC / str(pid) / "cwd").resolve(strict=True)
    except OSError:
        return None


def _parents(pid: int) -> Iterable[int]:
    while pid > 1:
        try:
            text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        pid = int(text.rpartition(")")[2].split()[1])
        yield pid


def shown(operation: Mapping[str, Any]) -> str:
    """A cut operation in a few words."""
    return f"{operation['type']} {operation['resource']['urn'].rpartition('::')[2]}"
