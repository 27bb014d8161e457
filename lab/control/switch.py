"""Switching a lab on and off. Both may be asked for twice, and after any crash."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab import cgroups
from lab.control import leavings, requirements, services
from lab.control.settings import Settings
from lab.image.build import ensure
from lab.layout import Lab, LabError, states
from lab.lock import locked
from lab.machines.machine import Machine
from lab.network import core, guard
from lab.network.namespace import Namespace, listed
from lab.process import run, wait_until
from lab.setup import toolchain

Say = Callable[[str], None]


def up(lab: Lab, *, paper: bool = False, say: Say = print) -> None:
    """Switch a lab on: its internet, its servers and its Pulumi backend.

    What is there already is left alone; what is half there is made whole.

    Args:
        lab: The lab.
        paper: Answer the API and boot nothing; needs neither Linux nor root.
        say: Is told each step, one line each.

    Raises:
        LabError: A step failed, or this computer cannot do it; the text says which and why.
    """
    if not paper:
        requirements.check()
    with locked(lab.name):
        if paper:
            Settings(lab).create(paper=True)
        else:
            _real(lab, say)
        say(f"lab {lab.name}: starting the cloud API")
        services.start_api(lab)
        if toolchain.ready():
            say(f"lab {lab.name}: {toolchain.announce()}")
            services.select_stack(lab, Settings(lab).environment())
        else:
            say(f"lab {lab.name}: no Pulumi engine is set up yet; `make setup` does")
    say(f"lab {lab.name}: up; the cloud API is {Settings(lab).endpoint}")


def _real(lab: Lab, say: Say) -> None:
    """Make everything that only a lab with real machines has."""
    say(f"lab {lab.name}: guarding this computer's own networks against leaks")
    guard.hold(lab)
    Settings(lab).create(paper=False)
    ensure("debian-12", say)
    if not core.whole(lab):
        say(f"lab {lab.name}: making its internet")
        # Links of machines end at the router; without it they must start afresh.
        _machines_off(lab)
        _namespaces_gone(lab)
        core.create(lab)
    say(f"lab {lab.name}: serving its apt repository and its public DNS")
    services.start_public(lab)


def machines(lab: Lab) -> tuple[Machine, ...]:
    """Return the lab's machines by the servers' ids."""
    directory = lab.state / "machines"
    ids = sorted(int(entry.name) for entry in directory.iterdir()) if directory.is_dir() else []
    return tuple(Machine(lab, server) for server in ids)


def _machines_off(lab: Lab) -> None:
    for machine in machines(lab):
        machine.cut()


def _namespaces_gone(lab: Lab) -> None:
    """Remove the lab's namespaces and every process that still lives in one."""
    own = [Namespace(name) for name in listed() if lab.owns(name)]
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0)):
        end = time.monotonic() + patience
        left = {pid for namespace in own for pid in namespace.processes()} - {os.getpid()}
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while left and time.monotonic() < end:
            left = {pid for pid in left if Path(f"/proc/{pid}/ns/net").exists()}
            time.sleep(0.02)
    core.delete(lab)
    for namespace in own:
        namespace.delete()


def _disks_free(lab: Lab) -> bool:
    """Whether no loop device holds a file of the lab any more."""
    held = run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")
    return not any(line.strip().startswith(f"{lab.state}/") for line in held.splitlines())


def down(lab: Lab, *, say: Say = print) -> None:
    """Switch a lab off and leave nothing of it behind; one that is not there is fine.

    Raises:
        LabError: Something does not go away; the text says what.
    """
    if Settings(lab).paper:
        with locked(lab.name):
            services.stop(lab)
            _files_gone(lab)
        say(f"lab {lab.name}: down")
        return
    requirements.check()
    with locked(lab.name):
        say(f"lab {lab.name}: ending its servers and machines")
        services.stop(lab)
        cgroups.remove(lab.cgroup)
        leavings.clear(lab)
        _namespaces_gone(lab)
        wait_until("the release of the machines' disks", lambda: _disks_free(lab), seconds=30)
        guard.release(lab)
        _files_gone(lab)
    say(f"lab {lab.name}: down, with nothing of it left")


def _files_gone(lab: Lab) -> None:
    for directory in (lab.state, lab.run):
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            message = f"{directory}: cannot be removed; look at what holds it"
            raise LabError(message)
    with suppress(OSError):
        states().rmdir()
