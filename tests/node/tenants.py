"""A person who lives on a machine in memory: what she has there, and what is left of it."""

import itertools
from dataclasses import replace
from pathlib import Path

from node import leavings, verbs
from node.layout import Layout
from node.machine import Machine
from node.passwd import live, uid_of
from tests.node.model import Box
from tests.node.people import OWNERS
from tests.node.recipe import Recipe
from tests.node.steps import OLD, flipped

ALICE = replace(OLD, logins=("alice",))
UID = uid_of("alice")
_LEASES = itertools.count()


def rolled(box: Box, new: Recipe) -> None:
    """A whole rollout, by a lease that no other has."""
    lease = f"rollout {next(_LEASES)}"
    about, _ = flipped(box, new, lease)
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": lease})


def owner(path: Path) -> int:
    """Whose a directory is, as it was noted; root's without a note."""
    return int((path / OWNERS).read_text()) if (path / OWNERS).exists() else 0


def users(machine: Machine) -> set[str]:
    """Every account but those of the installation."""
    return set(live(machine)) - {"root", "daemon"}


def kept(layout: Layout, user: str) -> list[Path]:
    """What was put aside of a user."""
    return sorted(layout.at(leavings.KEPT).glob(f"{user}-*"))


def lived_in(box: Box) -> None:
    """Have Alice's notes, crontab, mail and processes there, and two of others."""
    home = box.layout.at("/home/alice")
    (home / "notes").write_text("hers\n")
    for folder in (*leavings.FILES.values(), leavings.LINGER):
        box.layout.at(folder).mkdir(parents=True, exist_ok=True)
        (box.layout.at(folder) / "alice").write_text(f"{folder}\n")
    jobs = box.layout.at(leavings.JOBS)
    jobs.mkdir(parents=True, exist_ok=True)
    (jobs / "a1").mkdir()
    (jobs / "a1" / OWNERS).write_text("4711")
    box.kernel.run_as(100, UID)
    box.kernel.run_as(101, 0, loginuid=str(UID))
    box.kernel.run_as(102, 0, cgroup=f"0::/user.slice/user-{UID}.slice/session-1.scope\n")
    box.kernel.run_as(103, 0, environ=f"PATH=/\0SUDO_UID={UID}\0")
    box.kernel.run_as(200, 0, loginuid="0", environ=f"X=SUDO_UID={UID}\0")
    box.kernel.run_as(201, 4711, cgroup=f"0::/user.slice/user-{UID}1.slice\n")


def processes(box: Box) -> set[str]:
    """The numbers of all processes."""
    return {path.name for path in box.layout.at("/proc").glob("[0-9]*")}
