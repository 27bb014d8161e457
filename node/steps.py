"""What a flip has to do, step by step: everything that differs from a generation, and only that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from node import (
    accounts,
    changes,
    drift_files,
    drift_routes,
    drift_sshd,
    drift_units,
    firewall,
    first_routes,
    floating,
    generations,
    interfaces,
    record,
    roles,
    segments,
    services,
    sessions,
    settings,
    sshd,
    timers,
    traffic,
    wireguard,
)
from node.difference import Difference
from node.generations import Generation
from node.layout import SSH_UNIT
from node.machine import Machine
from node.record import Record

LINK = "active"
LINK_PREFIX = "wgl"
"""What the names of links to other gateways begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        what: For people: what it touches.
        run: Does it.
        blocking: Whether the generation counts as not live before it is done.
    """

    what: str
    run: Callable[[], object]
    blocking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one flip knows of the machine.

    Attributes:
        machine: The machine.
        target: The generation to be live.
        keys: Where keys for ``wg`` are put.
        only: The interfaces to touch, and nothing else of what stands fixed; None: everything.
        units: Whether to ask systemd too when nothing else is being changed. That takes longer
            than all the rest, and says more of the next boot than of what is live.
    """

    machine: Machine
    target: Generation
    keys: interfaces.KeyFiles
    only: frozenset[str] | None
    units: bool = True

    def steps(self) -> Iterator[Step]:
        """Everything to do, in order."""
        machine, target = self.machine, self.target
        wanted = target.wireguard()
        live, links = interfaces.read_all(machine)
        done = record.read(machine)
        # What stood there before tells a roamed endpoint from one that is declared anew.
        last = record.last(machine, done)
        before = last.wireguard() if last else {}
        for name in set(live) & set(wanted):
            names = last.peer_names(name) if last else {}
            there = live[name].interface
            wanted[name] = floating.settled(target, name, wanted[name], there, names)
        touch = set(wanted) if self.only is None else set(wanted) & self.only
        still = self.units and self.only is None and done.generation == target.name
        units = drift_units.read(machine, target) if still else {}
        standing = list(self._standing(units))
        yield from self._departures(live, wanted)
        if _points_elsewhere(machine, target):
            yield Step(what=LINK, run=partial(generations.activate, machine, target.name))
        yield from standing
        yield from self._firewall(done)
        for what, change, blocking in settings.changes(machine, target):
            yield Step(what=what, run=change, blocking=blocking)
        begin: list[tuple[str, sessions.Stages]] = []
        for name in sorted(touch, reverse=True):
            unit = units.get(drift_units.plane(name))
            if name in live and interfaces.is_ahead(machine, name):
                link = partial(interfaces.ensure_link, machine, name)
                yield Step(what=f"{name}: file", run=link, blocking=False)
            if name not in live:
                yield Step(what=f"{name}: up", run=partial(interfaces.bring_up, machine, name))
            elif unit and not unit.runs:
                yield Step(what=f"{name}: anew", run=partial(_renew, machine, name), blocking=False)
            else:
                states = (live[name].interface, wanted[name], before.get(name))
                yield from self._interface(name, states, links[name], begin)
        yield from _steps(first_routes.differences(machine, target) if self.only is None else ())
        yield from self._sessions(begin)
        if self.only is None:
            # What they carried goes another way by now.
            gone = set(live) - set(wanted)
            yield from _down(machine, gone - _planes(gone))
            routes = drift_routes.read(machine)
            ours = set(live) | set(wanted)
            yield from _steps(drift_routes.differences(machine, wanted, links, routes, ours))
        mended = any("/ssh" in step.what for step in standing)
        yield from self._sshd(done, units.get(SSH_UNIT), mended=mended)
        # Behind everything that carries packets: none of it may wait for a daemon.
        yield from self._services(done, units)

    def _departures(
        self, live: Mapping[str, wireguard.Device], wanted: Mapping[str, wireguard.Interface]
    ) -> Iterator[Step]:
        """Planes and peers that go for good, before the firewall forgets their addresses."""
        machine, only = self.machine, self.only
        if only is None:
            yield from _down(machine, _planes(set(live) - set(wanted)))
        for name in sorted(set(wanted) & set(live)):
            change = changes.departures(live[name].interface, wanted[name])
            if change and (only is None or name in only):
                yield self._set(name, change, "peers that leave")

    def _standing(self, units: Mapping[str, drift_units.Unit]) -> Iterator[Step]:
        """What never changes with a generation, and so must be as first boot left it."""
        if self.only is None:
            armed = timers.armed(self.machine)
            name = armed.unit if armed else None
            yield from _steps(drift_units.timers(self.machine, name))
            yield from _steps(drift_files.differences(self.machine, self.target))
            yield from _steps(drift_files.tool(self.machine))
            yield from _steps(drift_units.differences(self.machine, self.target, units))
            if units:
                for part in (services, traffic, segments):
                    yield from _steps(part.differences(self.machine, self.target))

    def _interface(
        self,
        name: str,
        states: tuple[wireguard.Interface, wireguard.Interface, wireguard.Interface | None],
        link: interfaces.Link,
        begin: list[tuple[str, sessions.Stages]],
    ) -> Iterator[Step]:
        live, wanted, before = states
        if change := changes.difference(live, wanted, before):
            gone = changes.departures(live, wanted).removed
            rest = replace(change, removed=tuple(p for p in change.removed if p not in gone))
            staged = sessions.stages(rest, live, wanted, self.target.calls(name))
            begin += [(name, staged)] if staged.call or staged.answer else []
            if left := staged.flip:
                own = [f"{name}: own key or port"] if left.private or left.port else []
                yield self._set(name, left, ", ".join([*own, *name_peers(name, left, self.target)]))
        if astray := changes.astray(live, wanted, change):
            what = ", ".join(f"{text}, endpoint" for text in name_peers(name, astray, self.target))
            yield replace(self._set(name, astray, what), blocking=False)
        for argv in interfaces.address_commands(name, link, wanted):
            what = f"{name}: {argv[1]} {' '.join(argv[2:])}"
            yield Step(what=what, run=partial(interfaces.set_address, self.machine, name, argv))

    def _sessions(self, begin: list[tuple[str, sessions.Stages]]) -> Iterator[Step]:
        """One step for the sessions that begin on all planes: their waits are the same."""
        machine, keys = self.machine, self.keys
        if not begin:
            return
        calls = [(n, interfaces.command(n, one.call, keys)) for n, one in begin if one.call]
        answers = [(n, interfaces.command(n, one.answer, keys)) for n, one in begin if one.answer]

        def run() -> None:
            for wait, commands in ((sessions.CALL, calls), (sessions.ANSWER, answers)):
                machine.clock.sleep(wait)
                for name, argv in commands:
                    interfaces.set_change(machine, name, argv)

        names = [
            text
            for name, one in begin
            for part in (one.call, one.answer)
            for text in name_peers(name, part, self.target)
        ]
        yield Step(what=f"sessions: {', '.join(names)}", run=run)

    def _set(self, name: str, change: changes.Change, what: str) -> Step:
        argv = interfaces.command(name, change, self.keys)
        text = what if what.startswith(name) else f"{name}: {what}"
        return Step(what=text, run=partial(interfaces.set_change, self.machine, name, argv))

    def _firewall(self, done: Record) -> Iterator[Step]:
        file = self.target.file("nftables.nft")
        if not file.exists():
            return
        known = done.parts.get("firewall") == self.target.digest(*record.PARTS["firewall"])
        if not known or (self.only is None and firewall.differs(self.machine, file)):
            yield self._part("firewall", partial(firewall.load, self.machine, file))

    def _sshd(self, done: Record, unit: drift_units.Unit | None, *, mended: bool) -> Iterator[Step]:
        if not self.target.file("sshd.conf").exists():
            return
        doors = drift_sshd.declared(self.target)
        step = self._part("sshd", partial(sshd.reload, self.machine, doors))
        known = done.parts.get("sshd") == self.target.digest(*record.PARTS["sshd"])
        if not known or mended or (unit and not unit.runs):
            yield step
        elif self.only is None:
            pid = unit.pid if unit else 0
            needed, blocking = drift_sshd.needs_reload(self.machine, self.target, pid)
            if needed:
                yield replace(step, blocking=blocking)

    def _services(self, done: Record, units: Mapping[str, drift_units.Unit]) -> Iterator[Step]:
        if self.only is not None:
            return
        machine, known = self.machine, record.services(done)
        yield from _steps(accounts.differences(machine, self.target))
        wanted, sight = roles.services(self.target), roles.sight(self.target)
        # Those that start others first, or they would do so again.
        for unit in sorted(set(known) - set(wanted), key=lambda unit: (".service" in unit, unit)):
            yield Step(what=f"{unit}: ended", run=partial(services.end, machine, unit))
        if done.parts.get(record.SIGHT) != sight:
            load = partial(services.read_anew, machine, self.target)
            yield self._certain(record.SIGHT, sight, load)
        for name, one in wanted.items():
            halted = one.starts and name in units and not units[name].runs
            if halted or known.get(name) != one.digest:
                # Whether it runs is asked when it has had the time to.
                run = partial(services.start, machine, one)
                yield Step(what=f"{name}: anew", run=run, blocking=False)

    def _part(self, part: str, load: Callable[[], None]) -> Step:
        return self._certain(part, self.target.digest(*record.PARTS[part]), load)

    def _certain(self, part: str, digest: str, load: Callable[[], None]) -> Step:
        machine = self.machine

        def change() -> None:
            # Until it is certain what the kernel or the daemon has, the next run does it again.
            for certain in ("", digest):
                state = record.read(machine)
                if certain:
                    load()
                parts = {**state.parts, part: certain}
                record.save(machine, Record(generation=None, parts=parts))

        return Step(what=part, run=change)


def name_peers(name: str, change: changes.Change, target: Generation) -> list[str]:
    """The peers of a change as people know them."""
    names = target.peer_names(name)
    touched = [*(peer.public for peer in change.peers), *change.removed]
    return [f"{name}: peer {names.get(public, f'{public[:8]}… (old)')}" for public in touched]


def _steps(found: Iterable[Difference]) -> Iterator[Step]:
    for one in found:
        if one.mend is not None:
            yield Step(what=one.what, run=one.mend, blocking=one.blocking)


def _planes(names: set[str]) -> set[str]:
    """Those of some interfaces that are planes: a link's name says that it is none."""
    return {name for name in names if not name.startswith(LINK_PREFIX)}


def _down(machine: Machine, names: Iterable[str]) -> Iterator[Step]:
    for name in sorted(names):
        yield Step(what=f"{name}: down", run=partial(interfaces.take_down, machine, name))


def _renew(machine: Machine, name: str) -> None:
    interfaces.take_down(machine, name)
    interfaces.bring_up(machine, name)


def _points_elsewhere(machine: Machine, target: Generation) -> bool:
    """Whether `active` is not yet a link straight to ``target`` (at boot it leads there by two)."""
    link = machine.layout.active
    return not link.is_symlink() or link.readlink() != machine.layout.generation(target.name)
