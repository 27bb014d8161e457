"""Which changes would shut both ways in at once, and on which nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from backplane import ways
from backplane.declaration import parse
from backplane.plan import plan
from backplane.ways import EPOCHS, Standing, numbers, renewed, standing
from tests.core import example

NODES = {"fsn-a", "fsn-b", "hel-a", "hel-b"}
Raw = dict[str, Any]


def _before(raw: Raw) -> Standing:
    """What nodes know after a rollout of this declaration."""
    made = plan(parse(raw), project="x", stack="y")
    planes = {one.slot: {"keys": one.keys, "psk": one.psk} for one in made.planes}
    return Standing(planes=planes, late={}, epochs=numbers(made))


def _renewed(raw: Raw, before: Standing | None = None) -> dict[str, list[str]]:
    made = plan(parse(raw), project="x", stack="y")
    return renewed(made, before or _before(example.raw()))


NOBODY = Standing(planes={}, late={}, epochs=None)


def test_both_planes_shut_out_every_node() -> None:
    """Keys of the one, PSKs of the other: all four, with both numbers."""
    raw = example.raw()
    raw["planes"] = {"enrollment": {"keys": 2}, "management": {"psk": 3}}
    found = _renewed(raw)
    assert set(found) == NODES
    assert found["fsn-a"] == ["enrollment: keys 1 -> 2", "management: psk 1 -> 3"]


@pytest.mark.parametrize(
    ("planes", "epochs"),
    [
        ({}, {"enrollment": 2, "management": 2}),
        ({"enrollment": {"keys": 2}}, {"management": 2}),
        ({"management": {"psk": 2}}, {"enrollment": 2}),
    ],
)
def test_a_nodes_own_epochs_count_with_the_planes(planes: Raw, epochs: Raw) -> None:
    """Only that node is shut out."""
    raw = example.raw()
    raw["planes"] = planes
    raw["sites"]["hel"]["nodes"]["hel-b"]["epochs"] = epochs
    assert set(_renewed(raw)) == {"hel-b"}


@pytest.mark.parametrize(
    ("planes", "epochs"),
    [
        ({}, {}),
        ({"enrollment": {"keys": 2, "psk": 2}}, {"enrollment": 2}),
        ({"management": {"keys": 2}, "storage": {"keys": 2}}, {"storage": 2}),
    ],
)
def test_one_way_in_is_enough(planes: Raw, epochs: Raw) -> None:
    """Whatever changes on one of them, and on planes that are no way in."""
    raw = example.raw()
    raw["planes"] = planes
    raw["sites"]["hel"]["nodes"]["hel-b"]["epochs"] = epochs
    assert _renewed(raw) == {}


def test_what_is_as_before_is_no_change() -> None:
    """The same numbers, or nothing to compare with: no way in changes."""
    assert _renewed(example.raw()) == {}
    assert _renewed(example.raw(), NOBODY) == {}


@pytest.mark.parametrize("older", [False, True])
def test_up_and_down_both_count(older: bool) -> None:  # noqa: FBT001 - a case of the test
    """Taking both numbers back shuts out like raising both; so it does behind an older version.

    Its state tells of no node's own epochs. Other planes are not named.
    """
    raw = example.raw()
    raw["planes"] = {"enrollment": {"keys": 2}, "management": {"psk": 3}, "storage": {"keys": 9}}
    low, high = _before(example.raw()), _before(raw)
    if older:
        low, high = (replace(one, epochs=None) for one in (low, high))
    up, down = _renewed(raw, low), _renewed(example.raw(), high)
    assert set(up) == set(down) == NODES
    assert up["hel-a"] == ["enrollment: keys 1 -> 2", "management: psk 1 -> 3"]
    assert down["hel-a"] == ["enrollment: keys 2 -> 1", "management: psk 3 -> 1"]
    del raw["planes"]["enrollment"]
    assert _renewed(raw, low) == {}


def test_a_new_node_is_born_with_what_is_declared() -> None:
    """Nobody has to tell it anything; nor anybody before the first `up`."""
    raw, before = example.raw(), _before(example.raw())
    assert before.epochs
    epochs = {name: told for name, told in before.epochs.items() if name != "hel-b"}
    before = replace(before, epochs=epochs)
    raw["sites"]["hel"]["nodes"]["hel-b"]["epochs"] = {"enrollment": 2, "management": 2}
    assert _renewed(raw, before) == {}
    raw["planes"] = {"enrollment": {"keys": 2}, "management": {"psk": 3}}
    assert _renewed(raw, NOBODY) == {}


def test_a_node_that_is_renamed_is_known_by_its_old_name() -> None:
    """A new name with both ways in new would shut it out like any other."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    epochs = {"enrollment": 2, "management": 2}
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b", "epochs": epochs}
    assert set(_renewed(raw)) == {"hel-z"}
    assert _renewed(raw)["hel-z"][0] == "enrollment: own epoch 1 -> 2"


@pytest.mark.parametrize("what", ["keys", "psk"])
def test_what_a_failed_run_drew_is_new_whatever_its_number(what: str) -> None:
    """Enrollment was drawn for 2, nobody was told, and it was taken back: drawn once more.

    All numbers are as the nodes know them, and still no node knows that plane's way in. One of the
    others may change with it then; management may not.
    """
    before = replace(_before(example.raw()), late={"enrollment": (what,)})
    raw = example.raw()
    raw["planes"] = {"storage": {"keys": 2}}
    assert _renewed(raw, before) == {}
    raw["planes"] = {"management": {"keys": 2}}
    found = _renewed(raw, before)
    assert set(found) == NODES
    assert found["hel-a"] == [
        f"enrollment: {what} drawn anew by a run that failed",
        "management: keys 1 -> 2",
    ]


def _state(rollout: str | None, **drawn: str) -> Raw:
    """A state whose rollout came through at an hour, and whose randoms are as old as told."""

    def one(name: str, hour: str, inputs: Mapping[str, Any]) -> Raw:
        at = f"2026-11-26T{hour}:00:00.123456789Z"
        return {"urn": f"urn:a::b::c::{name}", "created": at, "modified": at, "inputs": inputs}

    resources = [one("fsn-a-enroll", "10", {})]
    for slot in ("enrollment", "management"):
        for which in ("keys", "psk"):
            name = f"{slot}-{which}"
            hour = drawn.get(name.replace("-", "_"), "09")
            resources.append(one(name, hour, {"keepers": {"epoch": "1"}}))
    if rollout:
        told = json.dumps(numbers(plan(parse(example.raw()), project="x", stack="y")))
        resources.append(one("mesh-command", rollout, {"environment": {EPOCHS: told}}))
    return {"deployment": {"resources": resources}}


def test_a_state_tells_what_nodes_know() -> None:
    """Epochs are the rollout's that came through; late is what was drawn after it, and no other."""
    known = standing(_state("12", enrollment_keys="13", management_psk="11"))
    assert known.late == {"enrollment": ("keys",), "management": ()}
    assert known.planes["management"] == {"keys": 1, "psk": 1}
    assert known.epochs == _before(example.raw()).epochs
    ordered = ["", "12:00:00Z", "12:00:00.19Z", "12:00:00.2Z"]
    assert _times(*reversed(ordered)) == ordered
    born = standing(_state(None, enrollment_psk="11"))
    assert born.late == {"enrollment": ("psk",), "management": ()}
    assert born.epochs is None


def _times(*told: str) -> list[str]:
    return sorted(told, key=lambda one: ways._time({"created": one}, "created"))


def test_where_nobody_was_told_nothing_can_change() -> None:
    """No state, an empty one, and one whose first run failed before any machine was enrolled."""
    unborn = _state(None)
    unborn["deployment"]["resources"] = unborn["deployment"]["resources"][1:]
    empty: list[Raw] = [{}, {"deployment": None}, {"deployment": {}}]
    for told in (*empty, unborn):
        assert standing(told) == NOBODY
