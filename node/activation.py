"""Making a generation live: reads what is, and touches exactly what differs, in a safe order.

The same code flips to a staged generation and rolls back to the confirmed one. Order of a flip:
planes that vanish go down; peers that leave for good go; daemons' link moves; the firewall (one
transaction) and the kernel settings change; then each interface's peers, in one `wg set`, and its
addresses; new planes come up; sshd reads its files again. wg0, the second way in, comes last.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from node import changes, firewall, generations, interfaces, sshd, sysctl, wireguard
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine

# What of a generation is put into the kernel or a daemon as a whole, and when it counts as changed.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "firewall": ("nftables.nft",),
    "sshd": sshd.FILES,
}


_LINK = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        what: For people: what it touches.
        run: Does it.
    """

    what: str
    run: Callable[[], None]


@dataclass(slots=True, kw_only=True)
class Record:
    """What has been put into the kernel and the daemons since boot.

    Attributes:
        generation: The last that was applied as a whole; None while one is being applied.
        parts: Hash of each part as it was put there; empty while that is not certain.
    """

    generation: str | None
    parts: dict[str, str] = field(default_factory=dict)


def record(machine: Machine) -> Record:
    """Read the record. Without one nothing has changed since boot put the active one into place."""
    told = machine.recall(machine.layout.applied)
    if told is not None:
        name, parts = told.get("generation"), told.get("parts")
        return Record(
            generation=str(name) if name else None,
            parts={str(k): str(v) for k, v in parts.items()} if isinstance(parts, dict) else {},
        )
    active = generations.named(machine, machine.layout.active)
    if active is None:
        return Record(generation=None)
    booted = generations.load(machine, active)
    return Record(
        generation=active, parts={part: booted.digest(*files) for part, files in _PARTS.items()}
    )


def save(machine: Machine, done: Record) -> None:
    """Write the record."""
    parts = {"generation": done.generation, "parts": done.parts}
    machine.remember(machine.layout.applied, parts)


@contextlib.contextmanager
def planned(
    machine: Machine, target: Generation, *, only: frozenset[str] | None = None
) -> Iterator[list[Step]]:
    """Work out everything that turns the machine into ``target``, so that doing it is quick.

    Args:
        machine: The machine.
        target: The generation to be live.
        only: Touch only these interfaces (enrollment leaves wg0 for later); None: all.

    Yields:
        The steps; run them with :func:`run`.
    """
    with interfaces.key_files(machine) as keys:
        yield list(_steps(machine, target, keys, only))


def apply(machine: Machine, target: Generation, *, only: frozenset[str] | None = None) -> list[str]:
    """Make ``target`` live. Stops at the first step that fails.

    Returns:
        What was touched; nothing for a generation that is live already.
    """
    with planned(machine, target, only=only) as steps:
        return run(machine, target, steps, whole=only is None)


def restore(machine: Machine, target: Generation) -> list[str]:
    """Make ``target`` live whatever happens: a step that fails does not keep the others back.

    Raises:
        Refused: At the end, naming every step that failed.
    """
    failures: list[str] = []
    with planned(machine, target) as steps:
        touched = run(machine, target, steps, whole=True, failures=failures)
    if failures:
        raise Refused(
            f"rolled back to {target.name} but for: {'; '.join(failures)}",
            "a reboot of the machine boots that generation; its journal tells more",
        )
    return touched


def run(
    machine: Machine,
    target: Generation,
    steps: list[Step],
    *,
    whole: bool,
    failures: list[str] | None = None,
) -> list[str]:
    """Run the steps of :func:`planned`.

    Args:
        machine: The machine.
        target: The generation they lead to.
        steps: What to do.
        whole: Whether ``target`` is live as a whole afterwards.
        failures: Collects failures instead of stopping at the first.

    Returns:
        What was touched.
    """
    if steps:
        save(machine, Record(generation=None, parts=record(machine).parts))
    for step in steps:
        try:
            step.run()
        except (Refused, OSError) as error:
            if failures is None:
                raise
            failures.append(str(error))
    if whole and not failures:
        done = record(machine)
        if done.generation != target.name:
            save(machine, Record(generation=target.name, parts=done.parts))
    return [step.what for step in steps]


def deviations(machine: Machine, target: Generation) -> list[str]:
    """What would have to be touched to make ``target`` live; empty when it is."""
    with planned(machine, target) as steps:
        # Which link leads to a generation that is live anyway makes no difference.
        return [step.what for step in steps if step.what != _LINK]


def add_peers(machine: Machine, target: Generation) -> list[str]:
    """Add what is new in ``target`` so that it can shake hands and carry nothing yet.

    Returns:
        The peers that were added.
    """
    added = []
    up = interfaces.live_names(machine)
    with interfaces.key_files(machine) as keys:
        for name, wanted in target.wireguard().items():
            if name not in up:
                continue
            change = changes.additions(interfaces.read(machine, name).interface, wanted)
            if change:
                added += _name_peers(name, change, target)
                argv = interfaces.command(name, change, keys)
                interfaces.set_change(machine, name, argv)
    return added


def _steps(
    machine: Machine, target: Generation, keys: interfaces.KeyFiles, only: frozenset[str] | None
) -> Iterator[Step]:
    wanted = target.wireguard()
    up = interfaces.live_names(machine)
    done = record(machine)
    before = _before(machine, done)
    live = {name: interfaces.read(machine, name).interface for name in sorted(up & set(wanted))}
    touch = set(wanted) if only is None else set(wanted) & only

    if only is None:
        for name in sorted(up - set(wanted)):
            yield Step(what=f"{name}: down", run=partial(interfaces.take_down, machine, name))
    for name in sorted(touch & set(live)):
        if change := changes.departures(live[name], wanted[name]):
            yield _set(machine, name, change, keys, "peers that leave")
    if _points_elsewhere(machine, target):
        yield Step(what=_LINK, run=partial(generations.activate, machine, target.name))
    load = partial(firewall.load, machine, target.file("nftables.nft"))
    yield from _part(machine, target, "firewall", load, done)
    for setting, value in sysctl.differences(machine, target.file("sysctl.conf")):
        run_one = partial(sysctl.write, machine, setting, value)
        yield Step(what=f"sysctl {setting}", run=run_one)
    for name in sorted(touch, reverse=True):
        if name not in live:
            yield Step(what=f"{name}: up", run=partial(interfaces.bring_up, machine, name))
            continue
        yield from _interface_steps(
            machine, target, name, (live[name], wanted[name], before.get(name)), keys
        )
    yield from _part(machine, target, "sshd", partial(sshd.reload, machine), done)


def _interface_steps(
    machine: Machine,
    target: Generation,
    name: str,
    states: tuple[wireguard.Interface, wireguard.Interface, wireguard.Interface | None],
    keys: interfaces.KeyFiles,
) -> Iterator[Step]:
    live, wanted, before = states
    if change := changes.difference(live, wanted, before):
        gone = changes.departures(live, wanted).removed
        left = replace(change, removed=tuple(p for p in change.removed if p not in gone))
        if left:
            own = [f"{name}: own key or port"] if left.private or left.port else []
            what = ", ".join([*own, *_name_peers(name, left, target)])
            yield _set(machine, name, left, keys, what)
    address = interfaces.read_address(machine, name)
    for argv in interfaces.address_commands(name, address, wanted):
        what = f"{name}: {argv[1]} {' '.join(argv[2:])}"
        yield Step(what=what, run=partial(interfaces.set_address, machine, name, argv))


def _set(
    machine: Machine, name: str, change: changes.Change, keys: interfaces.KeyFiles, what: str
) -> Step:
    argv = interfaces.command(name, change, keys)
    text = what if what.startswith(name) else f"{name}: {what}"
    return Step(what=text, run=partial(interfaces.set_change, machine, name, argv))


def _part(
    machine: Machine, target: Generation, part: str, load: Callable[[], None], done: Record
) -> Iterator[Step]:
    if not target.file(_PARTS[part][0]).exists():
        return
    digest = target.digest(*_PARTS[part])
    if done.parts.get(part) == digest:
        return

    def change() -> None:
        # Until it is certain what the kernel or the daemon has, the next run does it again.
        for certain in ("", digest):
            state = record(machine)
            if certain:
                load()
            save(machine, Record(generation=None, parts={**state.parts, part: certain}))

    yield Step(what=part, run=change)


def _before(machine: Machine, done: Record) -> dict[str, wireguard.Interface]:
    if done.generation is None:
        return {}
    try:
        return generations.load(machine, done.generation).wireguard()
    except Refused:
        return {}


def _points_elsewhere(machine: Machine, target: Generation) -> bool:
    """Whether `active` is not yet a link straight to ``target`` (at boot it leads there by two)."""
    link = machine.layout.active
    return not link.is_symlink() or link.readlink() != machine.layout.generation(target.name)


def _name_peers(name: str, change: changes.Change, target: Generation) -> list[str]:
    names = target.peer_names(name)
    touched = [*(peer.public for peer in change.peers), *change.removed]
    return [f"{name}: peer {names.get(public, f'{public[:8]}… (old)')}" for public in touched]
