"""Packages that roles need, put there before anything is changed, and nothing of them started."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from node import archives, sources
from node.errors import Refused
from node.machine import Machine

_NOTHING = "/dev/null"
_FIX = "see that the machine reaches its package mirror, and that no other apt runs; then try again"
# Seconds for all of an install: less than the ten minutes that the runner gives a stage.
_LONGEST = 540.0
_AGAIN = 3.0
_TRIES = 3
_UNANSWERED = ("Could not connect", "Unable to connect", "Temporary failure", "Connection timed")
_QUIETLY = ("env", "DEBIAN_FRONTEND=noninteractive")
# An install that was cut short, by the power or by our own limit, keeps every later one from going.
_GO_ON = (*_QUIETLY, "dpkg", "--force-confold", "--configure", "--pending")
_APT = (*_QUIETLY, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120",
        "-o", "Acquire::Retries=3")  # fmt: skip
_INSTALL = ("-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "install")
_STATE = re.compile(r"^(?P<package>\S+) installed$", re.MULTILINE)


def ensure(
    machine: Machine,
    packages: Iterable[str],
    *,
    shut: Iterable[str],
    ahead: Mapping[str, str],
    others: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Install what is missing; what it brings to run is shut before it is there.

    Args:
        machine: The machine.
        packages: Debian packages.
        shut: Units that they bring and that must not start; of a template, none of its instances.
        ahead: Text by path of what they must find when they are installed.
        others: By role, the archives beside Debian's that some of them are in.

    Returns:
        The packages that were installed.

    Raises:
        Refused: A package cannot be had, or a unit to be shut is in somebody's use.
    """
    still_open = [unit for unit in shut if not is_shut(machine, unit)]
    for unit in still_open:
        _require_unused(machine, unit)
    for unit in still_open:
        _shut(machine, unit)
    for path, text in ahead.items():
        _put(machine, machine.layout.at(path), text.encode())
    wanted = sorted(packages)
    absent = missing(machine, [*wanted, *sources.headers(machine, wanted)])
    until = machine.clock.seconds() + _LONGEST
    archives.ensure(machine, others, seconds=_LONGEST)
    if absent:
        _install(machine, absent, until)
    return absent


def _install(machine: Machine, absent: list[str], until: float) -> None:
    names = ", ".join(absent)
    why = f"{names} cannot be installed"
    machine.commands.run(_GO_ON, timeout=max(1.0, until - machine.clock.seconds()))
    # Debian's own lists of packages may be as old as the image.
    _apt(machine, ("update",), until, why)
    if sources.widen(machine, absent):
        try:
            _apt(machine, ("update",), until, why)
        except Refused:
            sources.narrow(machine)
            raise
    _apt(machine, (*_INSTALL, *absent), until, why)
    if left := missing(machine, absent):
        raise Refused(f"{', '.join(left)} cannot be installed: apt says nothing of why", _FIX)
    machine.journal.say(f"installed {names}")


def _apt(machine: Machine, words: tuple[str, ...], until: float, why: str) -> None:
    """Run apt, again while another one has the lists, and where its mirror did not answer.

    For neither does it wait by itself; a mirror gets `_TRIES` in all.
    """
    silent = 0
    while True:
        left = max(1.0, until - machine.clock.seconds())
        done = machine.commands.run([*_APT, *words], timeout=left)
        if done.code == 0:
            return
        unanswered = any(word in done.err for word in _UNANSWERED)
        silent += unanswered
        again = "lists/lock" in done.err or (unanswered and silent < _TRIES)
        if not again or left <= _AGAIN:
            tail = " / ".join((done.err.strip() or done.out.strip()).splitlines()[-6:])
            raise Refused(f"{why}: {tail}", _FIX)
        machine.clock.sleep(_AGAIN)


def missing(machine: Machine, packages: Iterable[str]) -> list[str]:
    """Which of these packages are not installed."""
    wanted = sorted(packages)
    if not wanted:
        return []
    told = machine.commands.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *wanted]
    )
    return sorted(set(wanted) - set(_STATE.findall(told.out)))


def is_shut(machine: Machine, unit: str) -> bool:
    """Whether systemd can never start a unit."""
    link = _link(machine, unit)
    return link.is_symlink() and str(link.readlink()) == _NOTHING


def shut_again(machine: Machine, unit: str) -> None:
    """Stop a unit that somebody has opened again, for good."""
    machine.disk.point(_link(machine, unit), _NOTHING)
    for words in (["daemon-reload"], ["--no-block", "stop", _instances(unit)]):
        machine.commands.must(
            ["systemctl", *words], why=f"{unit} does not stop", fix=_FIX, timeout=60
        )


def reopen(machine: Machine, unit: str) -> None:
    """Let a unit that was shut start again, when somebody asks it to."""
    if is_shut(machine, unit):
        machine.disk.remove(_link(machine, unit))


def _shut(machine: Machine, unit: str) -> None:
    link = _link(machine, unit)
    machine.disk.ensure_directory(link.parent, 0o755)
    machine.disk.point(link, _NOTHING)


def _require_unused(machine: Machine, unit: str) -> None:
    shown = machine.commands.must(
        ["systemctl", "show", "--property=ActiveState", "--value", _instances(unit)],
        why=f"{unit} cannot be looked at",
        fix=_FIX,
    )
    if _link(machine, unit).exists() or {*shown.split()} & {"active", "reloading", "activating"}:
        ended = (
            f"disable --now {unit}" if _instances(unit) == unit else f"stop '{_instances(unit)}'"
        )
        raise Refused(
            f"{unit} is in use on this machine; the role would run in its place",
            f"`systemctl {ended}` if it may go, or take the role off this node",
        )


def _put(machine: Machine, path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        machine.disk.ensure_directory(path.parent, 0o755)
        machine.disk.replace(path, data, 0o644)


def _instances(unit: str) -> str:
    """A unit as systemctl finds it: a template itself is nothing that runs."""
    return unit.replace("@.", "@*.")


def _link(machine: Machine, unit: str) -> Path:
    return machine.layout.at(f"/etc/systemd/system/{unit}")
