"""Attempts to lock everybody out: in each the mesh is back by itself, and the next `up` is plain.

Every attempt is made once with the rollout alive and once with it killed right after the flip, so
that the nodes' timers alone undo it. `make test` makes a few, `make faults` all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

import pytest

from lab.faults import api, disk, path, power, processes, programs
from lab.process import wait_until
from tests.lab.attempts import ATTEMPTS, VICTIM, Attempt
from tests.lab.ward import GRACE, NODES, TIMER, Ward

pytestmark = pytest.mark.timeout(400)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the attempts that were asked for."""
    if "attempt" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every-fault")
        chosen = [one for one in ATTEMPTS if every or one.always]
        metafunc.parametrize("attempt", chosen, ids=str)
    if "weather" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every-fault")
        metafunc.parametrize("weather", list(WEATHER) if every else list(WEATHER)[:1])


# A node that does not stage

REFUSALS = {
    "nft fails": "broken by the lab",
    "the disk is full": "No space left on device",
    "the bundle is cut short": "the bundle is refused: it is cut short",
}
"""What ails one node, and what `up` must say of it."""


@pytest.mark.parametrize("ailment", REFUSALS)
def test_no_node_activates_if_one_does_not_stage(ward: Ward, ailment: str) -> None:
    """Whatever keeps one node from staging: no journal tells of a change, and `up` names it.

    What is staged elsewhere changes nothing.
    """
    before, began = ward.confirmed(), time.time()
    ward.declare_anew()
    machine = ward.machine(VICTIM)
    with {
        "nft fails": programs.failing(machine, "nft"),
        "the disk is full": disk.full(machine),
    }.get(ailment, nullcontext()):
        short = {VICTIM: "truncated"} if ailment == "the bundle is cut short" else {}
        done = ward.up(short).end()
    assert done.code != 0
    assert VICTIM in done.diagnostics
    assert REFUSALS[ailment] in done.diagnostics
    assert ward.confirmed() == before
    ward.sound(swept=False)
    for node in NODES:
        told = ward.journal(node, began)
        assert ("staged" in told) is (node != VICTIM), (node, told)
        assert not any(word in told for word in ("armed", "prepared", "active", "confirmed")), told


def test_after_a_refusal_a_plain_up_goes_through(ward: Ward) -> None:
    """With the node mended, the declaration that could not be staged is taken by every node."""
    ward.corrected(ward.confirmed())


# What must not stop a change


def _lossy(ward: Ward) -> AbstractContextManager[None]:
    lab = ward.mesh.lab.lab
    return path.lossy(lab, path.RUNNER, ward.machine(VICTIM), percent=10)


WEATHER: dict[str, Callable[[Ward], AbstractContextManager[None]]] = {
    "a tenth of the packets is lost": _lossy,
    "the line carries 512 kbit/s": lambda ward: path.slow(ward.machine(VICTIM), rate="512kbit"),
    "the cloud API is dead": lambda ward: api.killed(ward.mesh.lab.lab),
}
"""What one node's line, or the cloud, may suffer without hurting a change of the mesh."""


def test_a_change_goes_through_bad_weather(ward: Ward, weather: str) -> None:
    """An `up` that orders nothing in the cloud goes through whatever the weather is."""
    before = ward.confirmed()
    ward.declare_anew()
    with WEATHER[weather](ward):
        done = ward.up({}).end()
    assert done.code == 0, done.out
    after = ward.confirmed()
    assert all(after[node] != before[node] for node in NODES)
    ward.verified()


# Runs that meet or lose their pulumi


def test_of_two_at_once_one_goes_through(ward: Ward) -> None:
    """Two `up` begun together: one changes the mesh, the other refuses and says why."""
    before = ward.confirmed()
    ward.declare_anew()
    runs = [ward.up({}), ward.up({})]
    codes = {}
    for run in runs:
        done = run.end()
        codes[done.code == 0] = done
    assert set(codes) == {True, False}, [run.text for run in runs]
    assert "the stack is currently locked by 1 lock(s)" in codes[False].out
    after = ward.confirmed()
    assert all(after[node] != before[node] for node in NODES)
    ward.verified()


def test_a_rollout_that_lost_its_pulumi_undoes_alone(ward: Ward) -> None:
    """Only the command line is killed: the rollout goes on, and undoes what would lock out."""
    before = ward.confirmed()
    ward.declare_anew()
    run = ward.up(dict.fromkeys(NODES, "shut-ssh"))
    run.seen("flip:")
    processes.kill(run.top)
    assert len(ward.rollouts()) == 1
    run.end()
    wait_until("the rollout's own end", lambda: not ward.rollouts(), seconds=TIMER + GRACE)
    assert ward.confirmed() == before
    ward.unlock()
    ward.corrected(before)


def test_an_up_waits_for_the_lease_of_a_dead_rollout(ward: Ward) -> None:
    """All of a run is killed after the flip: the next `up` says that it waits, and goes through."""
    before = ward.confirmed()
    ward.declare_anew()
    run = ward.up({})
    run.seen("flip:")
    ward.kill(run)
    run.end()
    ward.unlock()
    following = ward.up({})
    following.seen("another rollout is at work, waiting for it")
    assert following.end().code == 0, following.text
    after = ward.confirmed()
    assert all(after[node] != before[node] for node in NODES)
    ward.verified()


def test_a_rollout_that_lost_its_plugin_ends_alone(ward: Ward) -> None:
    """The plugin that started the rollout is killed after the flip: every node still confirms."""
    before = ward.confirmed()
    ward.declare_anew()
    run = ward.up({})
    run.seen("flip:")
    processes.kill(processes.below(run.top, "lab.plugins.command"))
    assert run.end().code != 0
    wait_until("the rollout's own end", lambda: not ward.rollouts(), seconds=TIMER)
    after = ward.confirmed()
    assert all(after[node] != before[node] for node in NODES)
    ward.corrected(before)


# Attempts to lock everybody out


def _suffer(ward: Ward, attempt: Attempt, before: dict[str, str]) -> tuple[float, float, float]:
    """Make the attempt; when the flip began, when all answered, when all was verified."""
    running = ward.up(dict.fromkeys(attempt.nodes, attempt.kind) if attempt.kind else {})
    with ExitStack() as struck, ExitStack() as mended:
        # The flip is ordered when this line is out: the strictest moment to count from.
        begun = running.seen("clock:")
        limit = begun + TIMER + GRACE
        if attempt.strike == "path":
            # All are armed, and the flip's moment, a second off or less, is being told to them.
            running.seen("prepare:")
            mended.enter_context(ward.blocked(VICTIM))
        running.seen("flip:")
        if attempt.killed:
            ward.kill(running)
        if attempt.strike == "power":
            with power.cut(ward.machine(VICTIM)):
                pass
        asking = struck.enter_context(ward.asking(before, limit))
        if attempt.strike == "path":
            ward.until_undone(VICTIM, before[VICTIM], limit)
        mended.close()
        done = running.end()
        if attempt.killed:
            ward.unlock()
        else:
            assert done.code != 0, done.out
            assert "The mesh is as it was before" in done.diagnostics
            assert VICTIM in done.diagnostics
        return begun, ward.answered(asking), ward.verified()


def test_nobody_is_locked_out(ward: Ward, attempt: Attempt) -> None:
    """The mesh answers on the old generation within timer + 30 s; a plain `up` then goes through.

    Nothing is half-written meanwhile, and nothing is left behind afterwards.
    """
    before = ward.confirmed()
    ward.declare_anew()
    begun, answered, verified = _suffer(ward, attempt, before)
    ward.figures[str(attempt)] = {"answers": answered - begun, "verified": verified - begun}
    assert ward.confirmed() == before
    ward.sound(swept=False)
    assert answered - begun <= TIMER + GRACE
    assert verified - begun <= TIMER + GRACE
    ward.corrected(before)
