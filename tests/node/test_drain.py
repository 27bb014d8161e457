"""`drain` and `undrain` on a gateway: what is refused, what is waited for, what is undone."""

import json
from collections.abc import Callable

import pytest

from node import drain, routed, standing
from node.errors import Refused
from tests.node.model import Box
from tests.node.test_routing_sight import ROUTES, SHOWN

Told = dict[str, object]
OWNED = {"2": {"name": "hel", "owner": "fsn-a", "slot": 0, "term": 3}}
GIVEN = {"2": {"name": "hel", "owner": "fsn-b", "slot": 1, "term": 4}}


def _gateway(box: Box, shown: Told, **routes: object) -> None:
    file = box.layout.active / routed.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**ROUTES, **routes}), encoding="utf-8")
    standing.show(box.machine, {"at": box.machine.clock.wall(), **SHOWN, **shown})


def _later(box: Box, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Told]) -> list[float]:
    """With each wait the daemon shows something else."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        box.clock.time += seconds
        waits.append(seconds)
        standing.show(box.machine, {"at": box.machine.clock.wall(), **SHOWN, **change()})

    monkeypatch.setattr(box.clock, "sleep", sleep)
    return waits


def _drained(box: Box) -> bool:
    return standing.drained_file(box.machine).exists()


@pytest.mark.parametrize(
    ("shown", "routes", "error"),
    [
        ({}, {"slot": None}, "no gateway"),
        ({}, {"gateways": ROUTES["gateways"][:1], "sibling": None}, "only one"),
        ({"sibling": {"name": "fsn-b", "alive": False, "drained": False}}, {}, "does not answer"),
        ({"sibling": {"name": "fsn-b", "alive": True, "drained": True}}, {}, "drained itself"),
        ({"at": 0}, {}, "does not run"),
    ],
)
def test_nobody_to_take_over_is_a_refusal(
    enrolled: Box, shown: Told, routes: Told, error: str
) -> None:
    """A leaf, a lone gateway, a sibling that is dead or drained, no daemon: nothing is changed."""
    _gateway(enrolled, {**shown, "sites": OWNED}, **routes)
    with pytest.raises(Refused) as caught:
        drain.drain(enrolled.machine, {})
    assert error in caught.value.error
    assert caught.value.fix
    assert not _drained(enrolled)


def test_a_drain_ends_when_the_sibling_has_all(
    enrolled: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while it owns something, while both still carry, or while FRR of either is silent."""
    _gateway(enrolled, {"sites": OWNED})
    quiet = {"name": "fsn-b", "alive": True, "drained": False, "announced": False}
    heard = {**quiet, "announced": True}
    steps: list[Told] = [
        {"sites": OWNED, "drained": True},
        {"sites": GIVEN, "drained": True, "overlap": True},
        {"sites": GIVEN, "drained": True},
        {"sites": GIVEN, "drained": True, "announced": False},
        {"sites": GIVEN, "drained": True, "announced": True, "sibling": quiet},
        {"sites": GIVEN, "drained": True, "announced": True, "sibling": heard},
    ]
    waits = _later(enrolled, monkeypatch, lambda: steps[len(waits) - 1])
    assert drain.drain(enrolled.machine, {}) == {"owner": {"hel": "fsn-b"}}
    assert len(waits) == len(steps)
    assert _drained(enrolled)


def test_a_drain_that_nobody_takes_undoes_itself(
    enrolled: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its patience; one that was drained before stays so."""
    _gateway(enrolled, {"sites": OWNED})
    _later(enrolled, monkeypatch, lambda: {"sites": OWNED, "drained": True})
    with pytest.raises(Refused, match="has not taken over hel"):
        drain.drain(enrolled.machine, {})
    assert not _drained(enrolled)
    file = standing.drained_file(enrolled.machine)
    enrolled.machine.disk.replace(file, b"", 0o600)
    with pytest.raises(Refused, match="has not taken over hel"):
        drain.drain(enrolled.machine, {})
    assert _drained(enrolled)


def test_a_daemon_that_dies_meanwhile_undoes_it(
    enrolled: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could say that the sibling has taken over."""
    _gateway(enrolled, {"sites": OWNED})
    _later(enrolled, monkeypatch, lambda: {"at": 0})
    with pytest.raises(Refused, match="does not run"):
        drain.drain(enrolled.machine, {})
    assert not _drained(enrolled)


def test_force_waits_for_nobody(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a sibling that lives."""
    _gateway(
        enrolled,
        {"sites": OWNED, "sibling": {"name": "fsn-b", "alive": False, "drained": False}},
    )
    waits = _later(enrolled, monkeypatch, dict)
    assert drain.drain(enrolled.machine, {"force": True}) == {"owner": {"hel": "fsn-a"}}
    assert (waits, _drained(enrolled)) == ([], True)


@pytest.mark.parametrize(
    ("shown", "routes", "owner"),
    [
        ({}, {}, {"hel": "fsn-b"}),
        ({"at": 0}, {}, {}),
        ({}, {"gateways": ROUTES["gateways"][:1], "sibling": None}, {"hel": "fsn-b"}),
    ],
)
def test_an_undrain_needs_nobody(
    enrolled: Box, shown: Told, routes: Told, owner: dict[str, str]
) -> None:
    """Neither a daemon that runs nor a sibling; a second one does no harm."""
    _gateway(enrolled, shown, **routes)
    enrolled.machine.disk.replace(standing.drained_file(enrolled.machine), b"", 0o600)
    assert drain.undrain(enrolled.machine, {}) == {"owner": owner}
    assert not _drained(enrolled)
    assert drain.undrain(enrolled.machine, {}) == {"owner": owner}


def test_a_leaf_cannot_be_undrained(enrolled: Box) -> None:
    """It never was drained."""
    _gateway(enrolled, {}, slot=None, sibling=None)
    with pytest.raises(Refused, match="no gateway"):
        drain.undrain(enrolled.machine, {})
