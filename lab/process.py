"""Running programs for the lab: short ones with a clear error, long ones that outlive us.

A long-running process is put into the lab's control group before it starts, so that none can
be missed at the end, and leaves a record (its number and start time) that cannot be mistaken
for a later process with the same number.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.layout import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

POLL = 0.02
"""Seconds between two looks at something that is expected to happen at once."""


def run(*command: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        LabError: It is not installed, or failed; the text has its own words.
    """
    try:
        done = subprocess.run(
            command, input=stdin, env=env, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        message = f"{command[0]}: not installed; run the set-up (make demo) or install it"
        raise LabError(message) from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:]
        message = f"{' '.join(command)}: exit status {done.returncode}: {said}"
        raise LabError(message)
    return done.stdout


def need(programs: Iterable[str]) -> None:
    """Check that programs are installed.

    Raises:
        LabError: Names those that are missing, in one sentence.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        message = (
            f"the lab needs {', '.join(missing)}, which this computer lacks; "
            "`make demo` installs what is in lab/setup/packages.txt"
        )
        raise LabError(message)


def wait_until(what: str, check: Callable[[], bool], *, seconds: float, poll: float = POLL) -> None:
    """Return as soon as `check()` is true.

    Raises:
        LabError: It did not become true within `seconds`; the text names `what`.
    """
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            message = f"{what}: did not happen within {seconds:g} s"
            raise LabError(message)
        time.sleep(poll)


def _stat(pid: int) -> tuple[str, str] | None:
    """Return a process's state letter and start time, or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this computer, told apart from later ones with the same number.

    Attributes:
        pid: Its number.
        started: Its start time as /proc tells it (clock ticks after boot).
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the process that has this number now."""
        found = _stat(pid)
        return None if found is None else cls(pid, found[1])

    @classmethod
    def read(cls, record: Path) -> Process | None:
        """Return the process of a record file, whether it still lives or not."""
        with suppress(OSError, ValueError):
            pid, started = record.read_text().split()
            return cls(int(pid), started)
        return None

    def write(self, record: Path) -> None:
        """Leave a record for `read`, complete or not at all."""
        fresh = record.with_name(record.name + ".new")
        fresh.write_text(f"{self.pid} {self.started}\n")
        fresh.rename(record)

    @property
    def alive(self) -> bool:
        """Whether it runs; one that ended and awaits its parent does not."""
        found = _stat(self.pid)
        return found is not None and found[1] == self.started and found[0] not in "ZX"

    @property
    def children(self) -> tuple[int, ...]:
        """The numbers of its direct children; none once it is gone."""
        found: list[int] = []
        threads: list[Path] = []
        with suppress(OSError):
            threads += Path(f"/proc/{self.pid}/task").iterdir()
        # Each child is told by the thread that made it, and Go programs have many.
        for thread in threads:
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
        return tuple(sorted(found))

    def signal(self, number: int) -> None:
        """Send it a signal, if it still lives."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, *, patience: float = 0.0) -> None:
        """Ask it to end, wait `patience` seconds, then kill it, and wait until it is gone."""
        if patience > 0:
            self.signal(signal.SIGTERM)
            with suppress(LabError):
                wait_until("the end", lambda: not self.alive, seconds=patience)
        self.signal(signal.SIGKILL)
        wait_until(f"the end of process {self.pid}", lambda: not self.alive, seconds=30)


def detach(
    command: tuple[str, ...],
    *,
    record: Path,
    log: Path,
    cgroups: Iterable[Path],
    env: Mapping[str, str] | None = None,
) -> Process:
    """Start a program that goes on when its starter ends.

    Args:
        command: The program and its arguments, not to hold any secret.
        record: The file to write its number into.
        log: The file that gets its output, readable by its owner only.
        cgroups: The control group directories it belongs to from its first instruction.
        env: Its environment; this process's own when None.
    """
    number = record.with_name(record.name + ".number")
    number.unlink(missing_ok=True)
    script = (
        'file=$1; n=$2; shift 2; while [ "$n" -gt 0 ]; do echo $$ >"$1/cgroup.procs" || exit 1; '
        'shift; n=$((n-1)); done; echo $$ >"$file"; exec "$@"'
    )
    groups = tuple(str(group) for group in cgroups)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        subprocess.run(
            (
                "setsid",
                "--fork",
                "sh",
                "-c",
                script,
                "sh",
                str(number),
                str(len(groups)),
                *groups,
                *command,
            ),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            env=env,
            check=True,
        )
    finally:
        os.close(handle)
    wait_until(
        f"the start of {command[0]} (see {log})",
        lambda: number.is_file() and number.read_text().endswith("\n"),
        seconds=20,
    )
    process = Process.of(int(number.read_text()))
    number.unlink()
    if process is None:
        message = f"{command[0]}: ended at once; see {log}"
        raise LabError(message)
    process.write(record)
    return process
