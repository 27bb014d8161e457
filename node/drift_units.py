"""What systemd has of our units: loaded anew, enabled, running, and nothing of others in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from node import drift_sshd, roles, sshd
from node.difference import HAND, Difference
from node.fixed import FIRST_BOOT_UNIT
from node.generations import Generation
from node.layout import FIREWALL_UNIT, MEMBERS_UNIT, SSH_SOCKET, SSH_UNIT
from node.machine import Machine

_ALWAYS = (FIREWALL_UNIT, MEMBERS_UNIT, SSH_UNIT)
# sshd, the interfaces and the units of roles have steps of their own.
_RESTARTED = {FIREWALL_UNIT, MEMBERS_UNIT}
_FIX = "look at `systemctl status` and `journalctl -b` on the machine"
_RUNS = {"active", "reloading"}
_ENABLED = {"enabled", "enabled-runtime", "alias", "generated"}
_PROPERTIES = "Id,ActiveState,UnitFileState,NeedDaemonReload,DropInPaths,MainPID,FragmentPath"
# What systemd prefers to a generator's (systemd.unit(5)), and somebody may have written.
_PREFERRED = ("/etc/systemd/system/", "/run/systemd/system/")
_TRANSIENT, _TIMER = "/run/systemd/transient", "backplane-rollback-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit as systemd knows it.

    Attributes:
        active: ``active``, ``inactive``, ``failed``, …
        file: ``enabled``, ``disabled``, ``masked``, …
        stale: Whether its files have changed since systemd read them.
        dropins: Files that add to it.
        pid: Its main process; 0 without one.
        path: The file that it is read from.
    """

    active: str
    file: str
    stale: bool
    dropins: tuple[str, ...]
    pid: int
    path: str

    @property
    def runs(self) -> bool:
        """Whether it does its work."""
        return self.active in _RUNS


def plane(interface: str) -> str:
    """The unit that keeps an interface."""
    return f"wg-quick@{interface}.service"


def read(machine: Machine, target: Generation) -> dict[str, Unit]:
    """Ask systemd once for all our units."""
    names = [
        *_ALWAYS,
        *(SSH_SOCKET, FIRST_BOOT_UNIT),
        *map(plane, target.planes()),
        *_services(target),
    ]
    return {
        name: Unit(
            active=told.get("ActiveState", ""),
            file=told.get("UnitFileState", ""),
            stale=told.get("NeedDaemonReload") == "yes",
            dropins=tuple(told.get("DropInPaths", "").split()),
            pid=int(told.get("MainPID") or 0),
            path=told.get("FragmentPath", ""),
        )
        for name, told in shown(machine, _PROPERTIES, names).items()
    }


def shown(machine: Machine, properties: str, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """What `systemctl show` tells of units, by their `Id`, which must be one of the properties."""
    text = machine.commands.must(
        ["systemctl", "show", f"--property={properties}", *names],
        why="units cannot be read",
        fix=_FIX,
    )
    blocks = (
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in text.split("\n\n")
    )
    return {told["Id"]: told for told in blocks if "Id" in told}


def differences(
    machine: Machine, target: Generation, units: Mapping[str, Unit]
) -> Iterator[Difference]:
    """What of our units must be put right before interfaces and daemons are."""
    services, rests = _services(target), resting(target)
    wanted = [*_ALWAYS, *map(plane, target.planes()), *services]
    known = {name: units[name] for name in wanted if name in units}
    if stale := sorted(name for name, unit in known.items() if unit.stale):
        yield _difference(
            ", ".join(stale), "read from its files", "files changed since", machine, "daemon-reload"
        )
    for name, unit in known.items():
        if unit.file.startswith("masked"):
            runtime = ["--runtime"] if unit.file == "masked-runtime" else []
            yield _difference(name, "enabled", unit.file, machine, "unmask", *runtime, name)
        elif unit.file not in _ENABLED and name not in services:
            live = unit.file or "not enabled"
            found = _difference(name, "enabled", live, machine, "enable", name)
            if name == SSH_UNIT:
                yield replace(found, mend=partial(_enable_sshd, machine, target))
            else:
                # A plane's is enabled when its generation is confirmed, and at every lease.
                yield found if name in _ALWAYS else replace(found, mend=None)
        if name in services and unit.path.startswith(_PREFERRED):
            ours = partial(_take_back, machine, unit.path)
            yield Difference(
                area="units", what=name, declared="the generation's", live=unit.path, mend=ours
            )
        if not unit.runs and name not in rests:
            verb: tuple[str, ...] = ("restart", name) if name in _RESTARTED else ()
            yield _difference(name, "active", unit.active, machine, *verb)
        yield from _dropins(name, unit)
    yield from _unwanted(machine, units)


def _services(target: Generation) -> list[str]:
    return [*roles.services(target)]


def resting(target: Generation) -> set[str]:
    """What a timer or a socket starts: it need not run, and must be the generation's."""
    return {one.unit for one in roles.services(target).values() if not one.starts}


def timers(machine: Machine, armed: str | None) -> Iterator[Difference]:
    """Timers of ours that run although nobody armed them, or no longer."""
    folder = machine.layout.at(_TRANSIENT)
    for path in sorted(folder.glob(f"{_TIMER}*.timer")) if folder.is_dir() else ():
        if path.stem != armed:
            yield _difference(path.name, "", "waiting", machine, "stop", path.name)


def _unwanted(machine: Machine, units: Mapping[str, Unit]) -> Iterator[Difference]:
    socket, first = units.get(SSH_SOCKET), units.get(FIRST_BOOT_UNIT)
    if socket and (socket.runs or socket.file == "enabled"):
        live = f"{socket.file}, {socket.active}"
        words = ["disable", "--now", "--quiet", SSH_SOCKET]
        yield _difference(SSH_SOCKET, "disabled", live, machine, *words)
    if first and first.file == "enabled":
        words = ["disable", "--quiet", FIRST_BOOT_UNIT]
        yield _difference(FIRST_BOOT_UNIT, "disabled", first.file, machine, *words)


def _dropins(name: str, unit: Unit) -> Iterator[Difference]:
    # sshd's own unit is the distribution's, and people may add to it.
    for path in () if name == SSH_UNIT else unit.dropins:
        if path.startswith(("/etc/", "/run/")) and not path.endswith("/backplane.conf"):
            yield Difference(area="units", what=name, declared="", live=path, repair=HAND)


def _difference(what: str, declared: str, live: str, machine: Machine, *words: str) -> Difference:
    mend = partial(_systemctl, machine, words) if words else None
    return Difference(
        area="units", what=what, declared=declared, live=live, mend=mend, blocking=False
    )


def _take_back(machine: Machine, path: str) -> None:
    """Remove a file that stands before the generation's; whoever wrote it did so under our name."""
    machine.disk.remove(machine.layout.at(path))
    _systemctl(machine, ["daemon-reload"])


def _enable_sshd(machine: Machine, target: Generation) -> None:
    _systemctl(machine, ["enable", SSH_UNIT])
    sshd.adopt(machine, drift_sshd.declared(target))


def _systemctl(machine: Machine, words: Iterable[str]) -> None:
    argv = ["systemctl", *words]
    machine.commands.must(argv, why=f"`{' '.join(argv)}` fails", fix=_FIX, timeout=60)
