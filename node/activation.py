"""Making a generation live: reads what is, and touches exactly what differs, in a safe order.

The same code flips to a staged generation and rolls back to the confirmed one. Order of a flip:
planes that vanish go down; peers that leave for good go; daemons' link moves; the firewall (one
transaction) and the kernel settings change; then each interface's peers, in one `wg set`, and its
addresses; new planes come up; new sessions begin; links that vanish go down; sshd reads its files
again. Of the planes, wg0, the second way in, comes last.
"""

import contextlib
from collections.abc import Iterator

from node import changes, generations, interfaces, record
from node.bundle import LINK as LINK_SLOT
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.record import Record
from node.steps import LINK, Plan, Step, name_peers

# Seconds that new links get for their first handshake: WireGuard tries again after 5.
_SHAKEN = 7.0
_LOOK_AGAIN = 0.1


@contextlib.contextmanager
def planned(
    machine: Machine,
    target: Generation,
    *,
    only: frozenset[str] | None = None,
    units: bool = True,
) -> Iterator[list[Step]]:
    """Work out everything that turns the machine into ``target``, so that doing it is quick.

    Args:
        machine: The machine.
        target: The generation to be live.
        only: Touch only these interfaces (enrollment leaves wg0 for later); None: all.
        units: Whether to look at units as well when ``target`` is live as a whole already.

    Yields:
        The steps; run them with :func:`run`.
    """
    with interfaces.key_files(machine) as keys:
        yield list(Plan(machine=machine, target=target, keys=keys, only=only, units=units).steps())


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
        record.save(machine, Record(generation=None, parts=record.read(machine).parts))
    for step in steps:
        try:
            step.run()
        except (Refused, OSError) as error:
            if failures is None:
                raise
            failures.append(str(error))
    if whole and not failures:
        done = record.read(machine)
        if done.generation != target.name:
            record.save(machine, Record(generation=target.name, parts=done.parts))
    return [step.what for step in steps]


def deviations(machine: Machine, target: Generation) -> list[str]:
    """What would have to be touched to make ``target`` live; empty when it is."""
    with planned(machine, target, units=False) as steps:
        # Which link leads to a generation that is live anyway makes no difference.
        return [step.what for step in steps if step.blocking and step.what != LINK]


def add_links(machine: Machine, target: Generation) -> tuple[list[str], float]:
    """Start the links to other gateways that are new in ``target``, and wait for their handshakes.

    No route leads to them yet, and both ends call: if they do so at once each waits for 5 s.

    Returns:
        The links, and the seconds that were waited.
    """
    up = interfaces.live_names(machine)
    links = (name for name, told in target.interfaces.items() if told["slot"] == LINK_SLOT)
    # One that boot starts already is the flip's: a cut before it must not find another key there.
    confirmed = generations.named(machine, machine.layout.confirmed)
    known = generations.load(machine, confirmed).interfaces if confirmed else {}
    new = sorted(set(links) - up - set(known))
    if not new:
        return [], 0.0
    interfaces.bring_up_ahead(machine, new, target.file("wireguard"))
    begun = machine.clock.seconds()
    while (waited := machine.clock.seconds() - begun) < _SHAKEN:
        devices = (interfaces.read(machine, name) for name in new)
        if all(seen.handshake for device in devices for seen in device.seen.values()):
            break
        machine.clock.sleep(_LOOK_AGAIN)
    return new, waited


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
            live = interfaces.read(machine, name).interface
            change = changes.additions(live, wanted, target.calls(name))
            if change:
                added += name_peers(name, change, target)
                argv = interfaces.command(name, change, keys)
                interfaces.set_change(machine, name, argv)
    return added
