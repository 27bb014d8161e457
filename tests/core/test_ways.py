"""Which of the two ways in a change touches."""

from dataclasses import replace
from typing import Any

import pytest

from backplane import ways
from backplane.check import checked_plan
from backplane.plan import Plan
from tests.core import example


@pytest.fixture(name="mesh")
def _mesh() -> Plan:
    return checked_plan(example.raw(), project="backplane", stack="lab")


def _told(mesh: Plan) -> list[dict[str, object]]:
    return [{"slot": p.slot, "keys": p.keys, "psk": p.psk} for p in mesh.planes]


def _with(mesh: Plan, **epochs: Any) -> Plan:  # noqa: ANN401 - numbers by slot
    planes = tuple(replace(plane, **epochs.get(plane.slot, {})) for plane in mesh.planes)
    return replace(mesh, planes=planes)


def test_what_is_as_before_is_no_change(mesh: Plan) -> None:
    """The same epochs, or nothing to compare with: no way in changes."""
    assert ways.renewed(mesh, _told(mesh)) == []
    assert ways.renewed(mesh, []) == []


def test_each_way_in_is_named_with_what_changes(mesh: Plan) -> None:
    """Keys and PSKs both count, up and down; other planes do not."""
    new = _with(mesh, enrollment={"keys": 2}, management={"psk": 3}, storage={"keys": 9})
    assert ways.renewed(new, _told(mesh)) == ["enrollment: keys 1 -> 2", "management: psk 1 -> 3"]
    assert ways.renewed(mesh, _told(new)) == ["enrollment: keys 2 -> 1", "management: psk 3 -> 1"]
    assert ways.renewed(_with(mesh, management={"keys": 2}), _told(mesh)) == [
        "management: keys 1 -> 2"
    ]
