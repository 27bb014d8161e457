"""The timer that undoes an unconfirmed generation: systemd's own, so it outlives the runner."""

import secrets
from dataclasses import dataclass

from node.machine import Machine

_PREFIX = "backplane-rollback-"
_FIX = "look at `systemctl status` on the machine; nothing has been changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A timer that runs.

    Attributes:
        unit: Name of the transient unit, without its suffix.
        generation: What it undoes unless that is confirmed.
        left: Seconds until it fires; negative when it is firing.
    """

    unit: str
    generation: str
    left: float


def armed(machine: Machine) -> Armed | None:
    """The armed timer, if any."""
    record = machine.recall(machine.layout.armed)
    if record is None:
        return None
    return Armed(
        unit=str(record["unit"]),
        generation=str(record["generation"]),
        left=float(str(record["deadline"])) - machine.clock.seconds(),
    )


def fired(machine: Machine, unit: str) -> Armed | None:
    """The timer by its unit, if it is still the armed one: one that was replaced does nothing."""
    timer = armed(machine)
    return timer if timer is not None and timer.unit == unit else None


def arm(machine: Machine, generation: str, seconds: float, *, verb: str = "expire") -> None:
    """Start the timer. A new one runs before an older one is stopped.

    Args:
        machine: The machine.
        generation: What is undone unless it is confirmed.
        seconds: When.
        verb: What the timer runs, with its own name as the argument.

    Raises:
        Refused: systemd did not start it.
    """
    before = armed(machine)
    unit = f"{_PREFIX}{secrets.token_hex(4)}"
    deadline = machine.clock.seconds() + seconds
    machine.remember(
        machine.layout.armed, {"unit": unit, "generation": generation, "deadline": deadline}
    )
    try:
        detach(machine, unit, [verb, unit], seconds)
    except Exception:
        if before:
            left = {"unit": before.unit, "generation": before.generation}
            deadline = machine.clock.seconds() + before.left
            machine.remember(machine.layout.armed, {**left, "deadline": deadline})
        else:
            machine.forget(machine.layout.armed)
        raise
    if before:
        _stop(machine, before.unit)


def disarm(machine: Machine) -> None:
    """Stop the timer, if any. One that has just fired finds no record and does nothing."""
    timer = armed(machine)
    machine.forget(machine.layout.armed)
    if timer:
        _stop(machine, timer.unit)


def detach(machine: Machine, unit: str, arguments: list[str], seconds: float) -> None:
    """Start this tool with ``arguments`` after ``seconds``, apart from this session.

    It is tried again every few seconds until it succeeds: it may be the last way back.
    """
    machine.commands.must(
        [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={unit}",
            f"--on-startup={_since_startup(machine) + seconds:.3f}s",
            "--timer-property=AccuracySec=50ms",
            "--property=Type=oneshot",
            "--property=Restart=on-failure",
            "--property=RestartSec=3s",
            "--property=StartLimitIntervalSec=0",
            str(machine.layout.tool),
            *arguments,
        ],
        why="systemd does not start the timer",
        fix=_FIX,
    )


def _since_startup(machine: Machine) -> float:
    """Seconds since systemd started: what a time is counted from that no reload moves.

    systemd 252 counts a timer's `OnActiveSec` from the last daemon-reload (mended in 254); every
    reload, a package manager's too, would put off the undo.
    """
    told = machine.commands.must(
        ["systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"],
        why="systemd does not say when it started",
        fix=_FIX,
    )
    return machine.clock.now_ns() / 1e9 - int(told.strip() or 0) / 1e6


def _stop(machine: Machine, unit: str) -> None:
    machine.commands.run(["systemctl", "stop", f"{unit}.timer"])
