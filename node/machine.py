"""The machine that a verb works on: paths, disk, programs, clock, journal."""

import contextlib
import fcntl
import json
import os
import syslog
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node.clock import Clock
from node.commands import Commands
from node.disk import Disk
from node.errors import Refused, mask
from node.layout import Layout

_LOCK_PATIENCE = 60.0  # seconds; a flip of a large node takes a few
_LOCK_STEP = 0.02
Busy = tuple[str, str]
Take = Callable[[int, int], object]
_BUSY: Busy = (
    "another change has been running on this machine",
    "wait for it to end (journalctl -t backplane-node), then try again",
)


class Journal:
    """One line for every change, in the machine's own journal."""

    def say(self, text: str) -> None:
        """Write one line, without secrets."""
        syslog.openlog("backplane-node", syslog.LOG_PID, syslog.LOG_DAEMON)
        syslog.syslog(syslog.LOG_NOTICE, mask(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What every verb is given.

    Attributes:
        layout: Paths.
        disk: Durable writing.
        commands: Other programs.
        clock: Clocks.
        journal: Where changes are told.
    """

    layout: Layout = field(default_factory=Layout)
    disk: Disk = field(default_factory=Disk)
    commands: Commands = field(default_factory=Commands)
    clock: Clock = field(default_factory=Clock)
    journal: Journal = field(default_factory=Journal)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock that lets one verb change this machine at a time.

        Raises:
            Refused: Another verb held it for a minute.
        """
        with self.alone(self.layout.lock, patience=_LOCK_PATIENCE):
            yield

    @contextlib.contextmanager
    def alone(
        self, lock: Path, *, patience: float, busy: Busy = _BUSY, take: Take = fcntl.flock
    ) -> Iterator[None]:
        """Hold a lock.

        Args:
            lock: The file that stands for it.
            patience: Seconds to wait for it.
            busy: What has held it for too long, and what to do about it.
            take: The kind of lock: flock(2), or lockf(3) where others take it so.

        Raises:
            Refused: Another verb held it for longer than that.
        """
        self.ensure_run()
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = self.clock.seconds() + patience
            while not _try_lock(descriptor, take):
                if self.clock.seconds() > deadline:
                    raise Refused(f"{busy[0]} for {patience:g} s", busy[1])
                self.clock.sleep(_LOCK_STEP)
            yield
        finally:
            os.close(descriptor)

    def ensure_run(self) -> None:
        """Make the directory in /run, which a reboot forgets; tmpfiles usually has made it."""
        self.layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)

    def remember(self, path: Path, record: Mapping[str, object]) -> None:
        """Write a record to /run in one step. /run is memory: nothing to make durable."""
        self.ensure_run()
        new = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(record, file)
        new.rename(path)

    def recall(self, path: Path) -> dict[str, object] | None:
        """Read a record from /run; None when there is none."""
        try:
            record: object = json.loads(path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def forget(self, path: Path) -> None:
        """Remove a record from /run."""
        path.unlink(missing_ok=True)

    def boot_id(self) -> str:
        """The kernel's name for this boot."""
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _try_lock(descriptor: int, take: Take) -> bool:
    try:
        take(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # lockf(3) has either
        return False
    return True
