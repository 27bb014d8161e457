"""The lab's control groups: every process of a lab is in one, so that none can be missed.

Works on hosts with the unified hierarchy only, and on those that carry systemd's own tree
beside it. Only the trees that track processes are used, no resource controller.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.layout import LabError

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE = 30.0


def roots() -> tuple[Path, ...]:
    """Return the mounted trees that track processes.

    Raises:
        LabError: This computer has none; nspawn could not work.
    """
    unified = [tree for tree in (_ROOT, _ROOT / "unified") if (tree / "cgroup.procs").is_file()]
    named = [tree for tree in (_ROOT / "systemd",) if (tree / "cgroup.procs").is_file()]
    if not unified:
        message = "the lab needs a mounted cgroup2 tree under /sys/fs/cgroup; mount one"
        raise LabError(message)
    return tuple(unified + ([] if (_ROOT / "cgroup.procs").is_file() else named))


def create(path: str) -> tuple[Path, ...]:
    """Make the group `path` in every tree and return its directories."""
    made = tuple(root / path for root in roots())
    for directory in made:
        directory.mkdir(parents=True, exist_ok=True)
    return made


def groups(path: str = "") -> Iterator[Path]:
    """Yield the group and all below it, in every tree; one that vanishes meanwhile is no error."""
    for root in roots():
        # What vanishes while it is looked at `os.walk` takes for an empty directory.
        for directory, _, _ in os.walk(root / path):
            yield Path(directory)


def members(path: str) -> set[int]:
    """Return the numbers of all processes in the group and below it."""
    found: set[int] = set()
    for group in groups(path):
        with suppress(OSError):
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    return found - {0, os.getpid()}


def remove(path: str) -> None:
    """Kill every process of the group and remove it with all groups below; unknown is fine.

    Raises:
        LabError: Something in it does not die.
    """
    end = time.monotonic() + _PATIENCE
    while alive := members(path):
        _kill(alive)
        if time.monotonic() > end:
            message = f"cgroup {path}: processes {sorted(alive)} do not die; look at them"
            raise LabError(message)
        time.sleep(0.02)
    for root in roots():
        for directory, _, _ in os.walk(root / path, topdown=False):
            _rmdir(Path(directory), end)
    for root in roots():
        with suppress(OSError):
            (root / path).parent.rmdir()


def _kill(pids: set[int]) -> None:
    for pid in pids - {0, os.getpid()}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _rmdir(directory: Path, end: float) -> None:
    """Remove one group; dying processes keep it busy for a moment.

    One that was just being started when its starter was killed may still join: it is killed too.
    """
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > end:
                message = f"cgroup {directory}: cannot be removed: {error}"
                raise LabError(message) from error
            with suppress(OSError):
                _kill({int(pid) for pid in (directory / "cgroup.procs").read_text().split()})
            time.sleep(0.02)
        else:
            return
