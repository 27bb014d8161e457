"""Keeps one machine running: what power and firmware are to a real one.

Runs as the first process of a PID namespace and in a mount namespace of its own, so that its
death, however it comes, ends the machine and everything it had mounted. A machine that
restarts is booted again; one that powers off stays off, and so the supervisor ends.

`python -m lab.machines.supervisor LAB SERVER`; SIGTERM asks the machine to power off, SIGUSR1
to restart (as the buttons of a real one do).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lab.layout import Lab
from lab.machines import disk
from lab.machines.place import Book, Place
from lab.network.firewall import Firewall
from lab.process import Process, run, wait_until

PRIVATE = Path("/run/systemd/backplane-lab")
"""Where a machine's disks are mounted, seen by its supervisor alone."""

_RESTART = 133
"""nspawn's exit status for a machine that restarts (EXIT_FORCE_RESTART in its source)."""

_CARDLESS = ("unshare", "--net", "sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
"""Begins a command in a fresh network namespace, as a fresh kernel has, once it gets a line."""

_PASSED = {signal.SIGTERM: signal.SIGRTMIN + 4, signal.SIGUSR1: signal.SIGRTMIN + 5}
"""Our signals, and systemd's for power-off and restart (systemd(1))."""


def _prepare(place: Place) -> None:
    """Mount what the machine needs, in this mount namespace only."""
    run("mount", "-t", "proc", "proc", "/proc")
    Path("/run/systemd").mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run/systemd")
    for part in ("root", "data"):
        (PRIVATE / part).mkdir(parents=True)
    disk.mounts(place, PRIVATE / "root", PRIVATE / "data")
    # nspawn leaves a directory there when it is killed.
    run("mount", "-t", "tmpfs", "tmpfs", "/tmp")


def _command(book: Book) -> tuple[str, ...]:
    return (
        "systemd-nspawn",
        "--quiet",
        "--settings=no",
        f"--directory={PRIVATE / 'root'}",
        f"--machine=m{book.spec.id}",
        f"--hostname={book.spec.name}",
        f"--uuid={book.machine_id}",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--console=pipe",
        "--capability=all",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--bind=/dev/net/tun",
        "--bind=/dev/fuse",
        f"--bind={PRIVATE / 'data'}:{disk.DATA}",
    )


def _boot(book: Book, firewall: Firewall) -> int:
    """Run the machine once, from power to silence, and return nspawn's exit status."""
    machine = subprocess.Popen(
        (*_CARDLESS, *_command(book)),
        stdin=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
    )
    own = Path("/proc/self/ns/net").readlink()
    wait_until(
        "a network namespace",
        lambda: Path(f"/proc/{machine.pid}/ns/net").readlink() != own,
        seconds=10,
    )
    firewall.plug(machine.pid)
    if machine.stdin is not None:
        machine.stdin.write(b"go\n")
        machine.stdin.close()

    def press(number: int, _frame: object) -> None:
        process = Process.of(machine.pid)
        for leader in process.children if process else ():
            with suppress(ProcessLookupError):
                os.kill(leader, _PASSED[signal.Signals(number)])

    for number in _PASSED:
        signal.signal(number, press)
    while True:
        # As the first process of its namespace it inherits every orphan.
        pid, status = os.waitpid(-1, 0)
        if pid == machine.pid:
            machine.returncode = os.waitstatus_to_exitcode(status)
            return machine.returncode


def main(lab: str, server: str) -> int:
    """Keep the machine running until it powers off; return nspawn's last exit status."""
    place = Place(Lab(lab), int(server))
    book = Book.read(place)
    firewall = book.firewall(place.lab)
    _prepare(place)
    status = _RESTART
    while status == _RESTART:
        status = _boot(book, firewall)
        firewall.unplug()
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
