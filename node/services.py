"""The units of a generation's roles: put into systemd's sight, started anew, ended, judged."""

from collections.abc import Iterator
from functools import partial

from node import drift_sshd, drift_units, generations, packages, record, roles, sshd
from node.difference import PUSH, Difference
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.record import Record

_FIX = "look at `systemctl status` and `journalctl -b` on the machine"
# How long a unit must have run to count as one that does: RestartSec of ours is 2 s.
_STEADY = 1.0
_STEP = 0.2
_SHOWN = "Id,ActiveState,SubState,Result,ActiveEnterTimestampMonotonic"


def read_anew(machine: Machine, target: Generation) -> None:
    """Have systemd read its units, those of the active generation among them."""
    machine.commands.must(
        ["systemctl", "daemon-reload"], why="systemd does not read its units", fix=_FIX, timeout=60
    )
    if target.file("sshd.conf").exists():
        sshd.adopt(machine, drift_sshd.declared(target))


def start(machine: Machine, service: roles.Service) -> None:
    """Have systemd start a unit anew, and go on meanwhile.

    It never fails, for it must keep neither a flip nor an undo from being done: `failing` tells
    what does not run. A unit that somebody has masked is unmasked.
    """
    # What a timer or a socket starts is started anew only while it runs.
    words = ["restart" if service.starts else "try-restart", service.unit]
    _note(machine, service.unit, None)
    machine.commands.run(["systemctl", "reset-failed", service.unit])
    done = _told(machine, words)
    if not done:
        machine.commands.run(["systemctl", "unmask", "--quiet", service.unit])
        machine.commands.run(["systemctl", "unmask", "--quiet", "--runtime", service.unit])
        done = _told(machine, words)
    if done:
        _note(machine, service.unit, service.digest)
    else:
        machine.journal.say(f"{service.unit} cannot be started")


def end(machine: Machine, unit: str) -> None:
    """Have systemd end a unit that is no more, while it still knows it; never fails."""
    if not _told(machine, ["stop", unit]):
        machine.journal.say(f"{unit} was gone already")
    _note(machine, unit, None)


def failing(machine: Machine, target: Generation, seconds: float) -> list[str]:
    """Which units that ``target`` brings or changes do not run, with why; waits for them to start.

    A unit that is the same in the confirmed generation is left out: what did not run before must
    not keep a change from being made.

    Args:
        machine: The machine.
        target: The generation that is active.
        seconds: How long they get.
    """
    here = generations.named(machine, machine.layout.confirmed)
    before = roles.services(generations.load(machine, here)) if here else {}
    changed = [one for one in roles.services(target).values() if before.get(one.unit) != one]
    begun = record.services(record.read(machine))
    if refused := [one.unit for one in changed if begun.get(one.unit) != one.digest]:
        return [f"{unit} does not run (systemd refuses to start it)" for unit in refused]
    new = [one.unit for one in changed if one.starts]
    until = machine.clock.seconds() + seconds
    while new and (left := _not_steady(machine, new)):
        if machine.clock.seconds() >= until:
            return [f"{unit} does not run ({why})" for unit, why in sorted(left.items())]
        machine.clock.sleep(_STEP)
    return []


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Packages that are gone, and units of theirs that may start again."""
    for name in packages.missing(machine, roles.packages(target.roles)):
        yield Difference(
            area="packages", what=name, declared="installed", live="", repair=PUSH, blocking=False
        )
    for unit in roles.shut(target.roles):
        if not packages.is_shut(machine, unit):
            yield Difference(
                area="units",
                what=unit,
                declared="shut, its role's own unit runs in its place",
                live="may start",
                mend=partial(packages.shut_again, machine, unit),
                blocking=False,
            )


def _not_steady(machine: Machine, units: list[str]) -> dict[str, str]:
    left = dict.fromkeys(units, "systemd does not know it")
    for name, told in drift_units.shown(machine, _SHOWN, units).items():
        since = int(told.get("ActiveEnterTimestampMonotonic") or 0) * 1000
        runs = told.get("ActiveState") == "active"
        if runs and machine.clock.now_ns() - since >= _STEADY * 1e9:
            left.pop(name, None)
        elif name in left:
            left[name] = f"{told.get('ActiveState')}, {told.get('Result')}"
    return left


def _told(machine: Machine, words: list[str]) -> bool:
    try:
        return machine.commands.run(["systemctl", "--no-block", *words]).code == 0
    except Refused:
        return False


def _note(machine: Machine, unit: str, digest: str | None) -> None:
    """Record which text a unit runs with; None while that is not certain."""
    state = record.read(machine)
    parts = {name: text for name, text in state.parts.items() if name != record.SERVICE + unit}
    if digest is not None:
        parts[record.SERVICE + unit] = digest
    record.save(machine, Record(generation=None, parts=parts))
