"""The verbs of a rollout. Those that change something need the lease.

Whatever order they are called in, and however often: boot reads a complete generation, and only a
confirmed one; and nothing is changed live before the timer that undoes it runs.
"""

from node import (
    activation,
    console,
    generations,
    hosts,
    identity,
    interfaces,
    lease,
    membership,
    record,
    rekeying,
    timers,
)
from node.errors import Refused
from node.generations import Generation
from node.layout import BIRTH
from node.machine import Machine
from node.request import AGAIN, Answer, Request, ask

_LONGEST_TIMER = 24 * 3600.0
_LONGEST_WAIT = 60.0


def take_lease(machine: Machine, request: Request) -> Answer:
    """Take the node for one rollout."""
    with machine.changing():
        seconds = lease.take(machine, ask(request, "id", str), ask(request, "seconds", float))
        settle(machine)
    return {"id": request["id"], "expires": seconds}


def release(machine: Machine, request: Request) -> Answer:
    """Give the node back."""
    with machine.changing():
        return {"released": lease.release(machine, ask(request, "id", str))}


def arm(machine: Machine, request: Request) -> Answer:
    """Start the timer that undoes an unconfirmed generation, before anything is changed."""
    name, seconds = ask(request, "generation", str), ask(request, "seconds", float)
    if not 1 <= seconds <= _LONGEST_TIMER:
        raise Refused(f"a timer of {seconds:g} s is out of range", "declare `timer: 120`")
    with machine.changing():
        lease.require(machine, ask(request, "lease", str))
        generations.require_whole(machine, name)
        if identity.confirmed_name(machine) == BIRTH:
            raise Refused("this machine is not enrolled yet: it has no way back", AGAIN)
        if "wall" in request:
            wall, at = ask(request, "wall", float), ask(request, "clock", int)
            rekeying.require_clock(machine, name, wall, at)
        timers.arm(machine, name, seconds)
        machine.forget(machine.layout.undone)
        machine.journal.say(f"armed: {name} is undone in {seconds:g} s unless it is confirmed")
    return {"armed": name, "seconds": seconds}


def prepare(machine: Machine, request: Request) -> Answer:
    """Add what is new, carrying nothing yet.

    Returns:
        ``prepared``: what was added; ``waited``: seconds, for new links' handshakes.
    """
    with machine.changing():
        generation = _armed_generation(machine, request)
        links, waited = activation.add_links(machine, generation)
        added = [*links, *activation.add_peers(machine, generation)]
        machine.journal.say(f"prepared {generation.name}: {', '.join(added) or 'nothing new'}")
    return {"prepared": added, "waited": waited}


def flip(machine: Machine, request: Request) -> Answer:
    """Make a generation live, at the moment ``at`` (ns of this node's monotonic clock) if given.

    Returns:
        ``active``; ``touched``: what for people; ``began``: ns of the same clock; ``milliseconds``.
    """
    with machine.changing():
        generation = _armed_generation(machine, request)
        with activation.planned(machine, generation) as steps:
            if request.get("at") is not None:
                _wait_for(machine, ask(request, "at", int))
            start = machine.clock.now_ns()
            try:
                touched = activation.run(machine, generation, steps, whole=True)
            except Refused as error:
                machine.journal.say(f"flip to {generation.name} failed: {error.error}")
                raise
            took = (machine.clock.now_ns() - start) / 1e6
        machine.journal.say(
            f"active {generation.name} in {took:.0f} ms: {', '.join(touched) or 'nothing touched'}"
        )
    return {
        "active": generation.name,
        "touched": touched,
        "began": start,
        "milliseconds": round(took, 3),
    }


def confirm(machine: Machine, request: Request) -> Answer:
    """Make boot read the active generation. Done when it is on disk for good."""
    name = ask(request, "generation", str)
    with machine.changing():
        lease.require(machine, ask(request, "lease", str))
        _require_confirmable(machine, name)
        generation = generations.require_whole(machine, name)
        # Before the commit, so that boot never finds a plane that it is not told to start.
        interfaces.set_boot(machine, set(generation.wireguard()), enabled=True)
        if generations.named(machine, machine.layout.confirmed) != name:
            generations.confirm(machine, name)
            machine.journal.say(f"confirmed {name}")
        timers.disarm(machine)
        machine.forget(machine.layout.undone)
        settle(machine)
        if "members" in request:
            # Behind the commit: boot must not take an old generation for one that missed nothing.
            membership.confirmed(machine, generation, ask(request, "members", str))
        generations.prune(machine)
    return {"confirmed": name}


def rollback(machine: Machine, request: Request) -> Answer:
    """Go back to the confirmed generation; whoever holds no lease may do so while nobody does."""
    with machine.changing():
        if "lease" in request or lease.holder(machine):
            lease.require(machine, ask(request, "lease", str))
        return _go_back(machine, str(request.get("reason", "the rollout asked for it")))


def expire(machine: Machine, request: Request) -> Answer:
    """What the timer runs: go back, unless that timer is no longer the armed one."""
    with machine.changing():
        confirmed = identity.confirmed_name(machine)
        timer = timers.fired(machine, ask(request, "unit", str))
        if timer is None:
            return {"confirmed": confirmed}
        if timer.generation == confirmed:
            timers.disarm(machine)
            return {"confirmed": confirmed}
        return _go_back(machine, "the timer ran out before the generation was confirmed")


def settle(machine: Machine) -> None:
    """Finish what a cut left undone behind the last commit: all of it is cheap and harmless."""
    generation = identity.confirmed(machine)
    if generation.name == BIRTH:
        return
    hosts.write(machine, generation)
    # What is committed stays so, whoever holds the lock of passwords: drift names it, and mends it.
    try:
        console.write(machine, generation)
    except (Refused, OSError, ValueError) as error:
        machine.journal.say(f"console: root's password is not written: {error}")
    wanted = set(generation.wireguard())
    interfaces.set_boot(machine, wanted, enabled=True)
    if generations.named(machine, machine.layout.active) == generation.name:
        interfaces.set_boot(machine, interfaces.booted(machine) - wanted, enabled=False)
        if record.read(machine).generation == generation.name:
            # Whole and live, so wg0 has its lasting key: the one-time ones serve nobody.
            generations.remove(machine, BIRTH)


def _go_back(machine: Machine, reason: str) -> Answer:
    confirmed = identity.confirmed_name(machine)
    active = generations.named(machine, machine.layout.active)
    touched = activation.restore(machine, generations.load(machine, confirmed))
    timers.disarm(machine)
    if active != confirmed or touched:
        machine.remember(
            machine.layout.undone,
            {"at": int(machine.clock.wall()), "reason": reason, "generation": active},
        )
        machine.journal.say(f"rolled back from {active} to {confirmed}: {reason}")
    return {"confirmed": confirmed, "active": confirmed, "touched": touched}


def _armed_generation(machine: Machine, request: Request) -> Generation:
    name = ask(request, "generation", str)
    lease.require(machine, ask(request, "lease", str))
    timer = timers.armed(machine)
    if timer is None or timer.generation != name:
        raise Refused(f"no timer is armed for generation {name}: nothing may be changed", AGAIN)
    return generations.require_whole(machine, name)


def _require_confirmable(machine: Machine, name: str) -> None:
    if generations.named(machine, machine.layout.active) == name:
        if record.read(machine).generation == name:
            return
        raise Refused(f"generation {name} is only partly live", AGAIN)
    undone = machine.recall(machine.layout.undone)
    because = f": it was rolled back, {undone['reason']}" if undone else ""
    raise Refused(f"generation {name} is not active{because}", AGAIN)


def _wait_for(machine: Machine, moment: int) -> None:
    left = (moment - machine.clock.now_ns()) / 1e9
    if left > _LONGEST_WAIT:
        raise Refused(f"the moment of the flip is {left:.0f} s away", AGAIN)
    machine.clock.sleep(left)
