"""Which changes would shut both ways in at once, and on which nodes."""

from __future__ import annotations

from typing import Any

import pytest

from backplane.declaration import parse
from backplane.plan import plan
from backplane.ways import renewed
from tests.core import example

NODES = {"fsn-a", "fsn-b", "hel-a", "hel-b"}
Raw = dict[str, Any]


def _before(raw: Raw) -> Raw:
    """Output `plan`, as far as it counts here."""
    made = plan(parse(raw), project="x", stack="y")
    planes = [{"slot": one.slot, "keys": one.keys, "psk": one.psk} for one in made.planes]
    return {"planes": planes, "epochs": {one.name: dict(one.epochs) for one in made.nodes}}


def _renewed(raw: Raw, before: Raw | None = None) -> dict[str, list[str]]:
    made = plan(parse(raw), project="x", stack="y")
    return renewed(made, _before(example.raw()) if before is None else before)


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
    assert _renewed(example.raw(), {}) == {}


@pytest.mark.parametrize("older", [False, True])
def test_up_and_down_both_count(older: bool) -> None:  # noqa: FBT001 - a case of the test
    """Taking both numbers back shuts out like raising both; so it does behind an older version.

    Its outputs tell of no node's own epochs. Other planes are not named.
    """
    raw = example.raw()
    raw["planes"] = {"enrollment": {"keys": 2}, "management": {"psk": 3}, "storage": {"keys": 9}}
    low, high = _before(example.raw()), _before(raw)
    if older:
        del low["epochs"], high["epochs"]
    up, down = _renewed(raw, low), _renewed(example.raw(), high)
    assert set(up) == set(down) == NODES
    assert up["hel-a"] == ["enrollment: keys 1 -> 2", "management: psk 1 -> 3"]
    assert down["hel-a"] == ["enrollment: keys 2 -> 1", "management: psk 3 -> 1"]
    del raw["planes"]["enrollment"]
    assert _renewed(raw, low) == {}


def test_a_new_node_is_born_with_what_is_declared() -> None:
    """Nobody has to tell it anything; nor anybody before the first `up`."""
    raw, before = example.raw(), _before(example.raw())
    del before["epochs"]["hel-b"]
    raw["sites"]["hel"]["nodes"]["hel-b"]["epochs"] = {"enrollment": 2, "management": 2}
    assert _renewed(raw, before) == {}
    raw["planes"] = {"enrollment": {"keys": 2}, "management": {"psk": 3}}
    assert _renewed(raw, {}) == {}


def test_a_node_that_is_renamed_is_known_by_its_old_name() -> None:
    """A new name with both ways in new would shut it out like any other."""
    raw = example.raw()
    nodes = raw["sites"]["hel"]["nodes"]
    epochs = {"enrollment": 2, "management": 2}
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b", "epochs": epochs}
    assert set(_renewed(raw)) == {"hel-z"}
    assert _renewed(raw)["hel-z"][0] == "enrollment: own epoch 1 -> 2"
