"""Doing something inside a machine, past its network."""

from __future__ import annotations

from lab.layout import LabError
from lab.machines.machine import Machine


def must(machine: Machine, script: str) -> str:
    """Run a shell script in a machine and return what it printed.

    Raises:
        LabError: It failed; the text has its own words.
    """
    done = machine.run("sh", "-c", script)
    if done.returncode != 0:
        message = f"machine {machine.server}: {(done.stdout + done.stderr).strip()[-1000:]}"
        raise LabError(message)
    return done.stdout
