"""One machine: made, switched, entered and removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.driver import MachineSpec, Rule
from lab.image.shelf import stock
from lab.layout import Lab, LabError
from lab.machines import disk, seed
from lab.machines.place import Book, Place
from lab.machines.supervisor import PRIVATE
from lab.process import Process, detach, wait_until

_CHECKOUT = Path(__file__).parents[2]
_ALONE = ("unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SOFT = 90.0
"""Seconds a machine gets to power off by itself, as long as systemd gives a service."""
_AGAIN = 3.0


def _pids_of(pid: int) -> Path:
    """Return what tells a process's PID namespace from others."""
    return Path(f"/proc/{pid}/ns/pid").readlink()


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of a lab by the server's id; it need not exist yet."""

    lab: Lab
    server: int

    @property
    def place(self) -> Place:
        """Where it keeps its things."""
        return Place(self.lab, self.server)

    @property
    def _process(self) -> Process | None:
        process = Process.read(self.place.record)
        return process if process is not None and process.alive else None

    @property
    def running(self) -> bool:
        """Whether its power is on."""
        return self._process is not None

    @property
    def supervisor(self) -> int | None:
        """The number of the process that keeps it running."""
        process = self._process
        return next(iter(process.children), None) if process is not None else None

    @property
    def leader(self) -> int | None:
        """The number of its first process as this computer sees it; None while it is off."""
        process = Process.of(self.supervisor or 0)
        for nspawn in process.children if process is not None else ():
            found = Process.of(nspawn)
            for child in found.children if found is not None else ():
                with suppress(OSError):
                    if _pids_of(child) != _pids_of(nspawn):
                        return child
        return None

    def create(self, spec: MachineSpec) -> None:
        """Make its disks and its firewall; it is off afterwards."""
        self.delete()
        self.lab.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lab.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.place.state.mkdir(mode=0o700, parents=True)
        book = Book.new(spec)
        firewall = book.firewall(self.lab)
        firewall.create(spec.rules)
        disk.make(self.place, spec.image)
        stock(self.lab)
        seed.write(spec, firewall.machine_mac, self.place.upper)
        book.write(self.place)

    def rebuild(self, spec: MachineSpec) -> None:
        """Replace its disks; it is off afterwards."""
        self.cut()
        self.create(spec)

    def start(self) -> None:
        """Switch it on, unless it is."""
        if self.running:
            return
        self._swept()
        book = self.book()
        firewall = book.firewall(self.lab)
        if not firewall.namespace.exists:
            firewall.create(book.spec.rules)
        detach(
            (
                *_ALONE,
                sys.executable,
                "-m",
                "lab.machines.supervisor",
                self.lab.name,
                str(self.server),
            ),
            record=self.place.record,
            log=self.place.console,
            cgroups=cgroups.create(self.place.cgroup),
            env={
                "PATH": os.environ.get("PATH", _PATH),
                "PYTHONPATH": str(_CHECKOUT),
                **{
                    key: value
                    for key, value in os.environ.items()
                    if key in {"BACKPLANE_LAB_DIR", "BACKPLANE_CACHE", "XDG_CACHE_HOME", "HOME"}
                },
            },
        )
        wait_until(
            f"the start of machine {self.server} (see {self.place.console})",
            lambda: self.leader is not None or not self.running,
            seconds=60,
        )
        if not self.running:
            tail = self.place.console.read_text(errors="replace")[-1500:]
            message = f"machine {self.server}: ended at its start; the console's end: {tail}"
            raise LabError(message)

    def _swept(self) -> None:
        """Wait until nothing of the machine's last run is left."""
        cgroups.remove(self.place.cgroup)
        self.place.record.unlink(missing_ok=True)
        disk.detached(self.place)

    def cut(self) -> None:
        """Cut its power: what it had not synced to /var/lib/backplane is lost."""
        process, supervisor = self._process, self.supervisor
        held = None
        if supervisor is not None:
            with suppress(OSError):
                held = disk.hold(Path(f"/proc/{supervisor}/root{PRIVATE}/data"))
        if process is not None:
            process.signal(signal.SIGKILL)
        cgroups.remove(self.place.cgroup)
        if held is not None:
            disk.cut(held)
        if self.place.state.exists():
            self._swept()

    def shutdown(self) -> None:
        """Press the power button and wait until it is off; the power is not cut if it refuses."""
        self._press(signal.SIGTERM, lambda: not self.running, seconds=_SOFT)
        if not self.running:
            self._swept()

    def reboot(self) -> None:
        """Ask it to restart, and wait until the running system has ended; it may refuse."""
        before = self.leader
        self._press(signal.SIGUSR1, lambda: self.leader != before, seconds=_SOFT)

    def _press(self, button: int, done: Callable[[], bool], *, seconds: float) -> None:
        """Press a button, again every few seconds: a machine that just boots does not hear it."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            supervisor = Process.of(self.supervisor or 0)
            if supervisor is not None:
                supervisor.signal(button)
            with suppress(LabError):
                wait_until("the machine's obedience", done, seconds=_AGAIN)

    def set_rules(self, rules: tuple[Rule, ...] | None) -> None:
        """Replace its firewall's rules."""
        book = self.book().with_rules(rules)
        book.write(self.place)
        book.firewall(self.lab).set_rules(rules)

    def set_addresses(self, ipv4: str | None, ipv6: str | None) -> None:
        """Give it other addresses while it is off."""
        self.book().firewall(self.lab).delete()
        book = self.book().with_addresses(ipv4, ipv6)
        book.write(self.place)
        firewall = book.firewall(self.lab)
        firewall.create(book.spec.rules)
        seed.write(book.spec, firewall.machine_mac, self.place.upper)

    def delete(self) -> None:
        """Cut its power and remove everything of it."""
        self.cut()
        if self.place.exists:
            self.book().firewall(self.lab).delete()
        shutil.rmtree(self.place.state, ignore_errors=True)

    def book(self) -> Book:
        """Return what is remembered of it.

        Raises:
            LabError: It does not exist.
        """
        if not self.place.exists:
            message = f"machine {self.server}: no such machine in lab {self.lab.name}"
            raise LabError(message)
        return Book.read(self.place)

    def words(self, *command: str) -> tuple[str, ...]:
        """Return the command that runs a command inside, as root, without its network.

        Raises:
            LabError: The machine is off.
        """
        leader = self.leader
        if leader is None:
            message = f"machine {self.server} of lab {self.lab.name}: is off"
            raise LabError(message)
        return ("nsenter", "--all", "--wd=/", f"--target={leader}", "--", *command)

    def run(
        self, *command: str, stdin: str | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root, without its network; return what came of it.

        Raises:
            LabError: The machine is off, or the command took longer than `seconds`.
        """
        words = self.words(*command)
        try:
            return subprocess.run(
                words,
                input=stdin if stdin is not None else "",
                env={"PATH": _PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            message = f"machine {self.server}: {' '.join(command)}: took over {seconds:g} s"
            raise LabError(message) from error
