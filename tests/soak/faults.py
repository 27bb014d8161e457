"""The faults that strike an `up`: each is drawn, says whom it hurts, and takes itself back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from random import Random

from lab.faults import api, path, power, processes, programs
from tests.lab.mesh import STACK, Mesh
from tests.soak.changes import Edit
from tests.soak.facts import machines
from tests.soak.invariants import Broken
from tests.soak.model import LASTING, PLANES, Model
from tests.soak.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One drawn fault.

    Attributes:
        what: in words, for the log.
        kind: what it is counted as.
        hurts: nodes that are off or cut off meanwhile.
        deafens: whether it disturbs the lasting nodes' own traffic.
        kills: whether pulumi dies, so that its lock stays.
        halves: whether the rollout itself may die, and with it leave nodes of two minds.
        around: what is broken from before the `up` until it has ended.
        strike: what is done at the drawn moment.
    """

    what: str
    kind: str = ""
    hurts: frozenset[str] = frozenset()
    deafens: bool = False
    kills: bool = False
    halves: bool = False
    around: Callable[[Mesh], AbstractContextManager[object]] = lambda _: nullcontext()
    strike: Callable[[Mesh, Run], None] = lambda _mesh, _run: None


Draw = Callable[[Model, Edit, Random], Fault | None]


def _victim(model: Model, edit: Edit, draw: Random) -> str:
    fit = sorted(set(model.present) - edit.makes - edit.drops)
    return draw.choice(fit)


def power_cut(model: Model, edit: Edit, draw: Random) -> Fault:
    """A node loses its power, and has it again soon."""
    name, seconds = _victim(model, edit, draw), round(draw.uniform(0, 3), 2)

    def strike(mesh: Mesh, _: Run) -> None:
        with power.cut(machines(mesh)[name]):
            time.sleep(seconds)

    return Fault(
        what=f"power of {name} cut for {seconds:g} s",
        hurts=frozenset((name,)),
        deafens=name in LASTING,
        halves=True,
        strike=strike,
    )


def pulumi_killed(_model: Model, _edit: Edit, _draw: Random) -> Fault:
    """SIGKILL to pulumi alone."""

    def strike(_: Mesh, run: Run) -> None:
        if run.process is not None:
            processes.kill(run.process)

    return Fault(what="pulumi killed", kills=True, strike=strike)


def all_killed(_model: Model, _edit: Edit, _draw: Random) -> Fault:
    """SIGKILL to pulumi and all it started, the rollout among it."""

    def strike(_: Mesh, run: Run) -> None:
        if run.process is not None:
            processes.kill_all(run.process)

    return Fault(what="pulumi and all below it killed", kills=True, halves=True, strike=strike)


def rollout_killed(_model: Model, _edit: Edit, _draw: Random) -> Fault:
    """SIGKILL to the rollout alone."""

    def strike(_: Mesh, run: Run) -> None:
        top = run.process
        for one in processes.descendants(top) if top is not None else ():
            if "runner.driver" in processes.command(one):
                processes.kill(one)
                return

    return Fault(what="rollout killed", halves=True, strike=strike)


def api_killed(_model: Model, _edit: Edit, draw: Random) -> Fault:
    """The cloud's API is gone for a while."""
    seconds = round(draw.uniform(0.5, 6), 2)

    def strike(mesh: Mesh, _: Run) -> None:
        with api.killed(mesh.lab.lab):
            time.sleep(seconds)

    return Fault(what=f"API killed for {seconds:g} s", strike=strike)


def runner_cut_off(model: Model, edit: Edit, draw: Random) -> Fault:
    """The runner and a node do not hear each other for a while, or one does not hear the other."""
    name, seconds = _victim(model, edit, draw), round(draw.uniform(1, 15), 1)
    both = draw.random() < 0.6

    def strike(mesh: Mesh, _: Run) -> None:
        with path.blocked(mesh.lab.lab, path.RUNNER, machines(mesh)[name], both=both):
            time.sleep(seconds)

    ways = "both ways" if both else "one way"
    return Fault(
        what=f"path from the runner to {name} blocked {ways} for {seconds:g} s",
        hurts=frozenset((name,)),
        strike=strike,
    )


def pair_cut_off(model: Model, edit: Edit, draw: Random) -> Fault:
    """Two nodes do not hear each other for a while."""
    fit = sorted(set(model.present) - edit.makes - edit.drops)
    one, other = draw.sample(fit, 2)
    seconds = round(draw.uniform(1, 15), 1)

    def strike(mesh: Mesh, _: Run) -> None:
        there = machines(mesh)
        with path.blocked(mesh.lab.lab, there[one], there[other]):
            time.sleep(seconds)

    return Fault(
        what=f"path between {one} and {other} blocked for {seconds:g} s",
        deafens={one, other} == set(LASTING),
        strike=strike,
    )


def refuses_to_stage(model: Model, edit: Edit, draw: Random) -> Fault:
    """A node whose nft refuses everything."""
    name = _victim(model, edit, draw)
    return Fault(
        what=f"nft of {name} fails",
        around=lambda mesh: programs.failing(machines(mesh)[name], "nft"),
    )


def drifted(model: Model, edit: Edit, draw: Random) -> Fault | None:
    """Somebody changes a node by hand; a repair puts it right, or boot after a power cut."""
    fit = sorted(set(model.present) - edit.makes - edit.drops - set(LASTING))
    if not fit:
        return None
    name = draw.choice(fit)
    number = draw.randrange(1, len(PLANES))
    by_hand = draw.choice(
        (
            f"wg set wg{number} peer $(wg show wg{number} peers | head -n 1) remove",
            f"ip link set wg{number} mtu 1300",
            f"ip address flush dev wg{number}",
            "nft delete table inet backplane",
            "systemctl stop wg-quick@wg3",
        )
    )

    repaired = draw.random() < 0.6

    @contextmanager
    def around(mesh: Mesh) -> Iterator[None]:
        mesh.lab.exec(name, by_hand)
        yield
        if repaired:
            done = mesh.backplane("drift", "--repair", "--stack", STACK)
            if done.code != 0:
                raise Broken(f"`backplane drift --repair` after {by_hand!r}: {done.out}{done.err}")
        else:
            with power.cut(machines(mesh)[name]):
                pass

    return Fault(
        what=f"by hand on {name}: {by_hand}, then {'repaired' if repaired else 'its power is cut'}",
        hurts=frozenset((name,)),
        around=around,
    )


TABLE: tuple[tuple[Draw, int], ...] = (
    (power_cut, 5),
    (pulumi_killed, 3),
    (all_killed, 5),
    (rollout_killed, 3),
    (api_killed, 2),
    (runner_cut_off, 4),
    (pair_cut_off, 4),
    (refuses_to_stage, 2),
    (drifted, 2),
)
"""Every fault with its weight; two `up` at once are the driver's own."""

ORPHANING = (pulumi_killed, all_killed, api_killed)
"""What can leave a machine that is in no state, where machines are being made."""


def drawn(model: Model, edit: Edit, draw: Random, *, adopts: bool) -> Fault:
    """One fault that can strike now.

    Args:
        model: the mesh.
        edit: the change it strikes.
        draw: randomness.
        adopts: whether machines that are in no state can be dealt with afterwards.
    """
    while True:
        (make,) = draw.choices([one for one, _ in TABLE], [weight for _, weight in TABLE])
        if make in ORPHANING and edit.makes and not adopts:
            continue
        fault = make(model, edit, draw)
        if fault is not None:
            return replace(fault, kind=make.__name__.replace("_", " "))
