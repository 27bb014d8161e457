"""Traffic classes follow from the planes and from what a node's line carries."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.roles import Parts, traffic
from tests.core import example


def _mesh(**settings: int | bool) -> Plan:
    raw = {**example.raw(), "traffic": settings}
    return plan(parse(raw), project="x", stack="y")


def _parts(mesh: Plan, name: str = "fsn-a") -> Parts:
    assert traffic.ROLE.parts is not None
    return traffic.ROLE.parts(mesh, mesh.node(name))


def _told(mesh: Plan, name: str = "fsn-a") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_parts(mesh, name).files[traffic.FILE])
    return told


@given(uplink=st.integers(min_value=1, max_value=100_000))
def test_a_node_sends_less_than_its_line_carries(uplink: int) -> None:
    """For all nodes, or for one, which goes before; undeclared it is more than there can be."""
    raw = {**example.raw(), "traffic": {"uplink": 7}}
    raw["sites"]["fsn"]["nodes"]["fsn-a"]["uplink"] = uplink
    mesh = plan(parse(raw), project="x", stack="y")
    assert _told(mesh)["kbit"] == round(uplink * 950)
    assert _told(mesh, "hel-a")["kbit"] == 6650
    assert _told(_mesh())["kbit"] == 40_000_000


def test_each_plane_in_use_is_in_one_class_and_no_class_starves() -> None:
    """Enrollment and management first, monitoring, all else, storage last; shares make the line."""
    classes = _told(_mesh())["classes"]
    assert [ports for _, ports in classes] == [[51820, 51821], [51822], [], [51823]]
    assert sum(share for share, _ in classes) == 100
    assert all(share > 0 for share, _ in classes)
    raw = {**example.raw(), "planes": {"monitoring": {"use": False}}, "operators": {}}
    classes = _told(plan(parse(raw), project="x", stack="y"))["classes"]
    assert [ports for _, ports in classes] == [[51820, 51821], [], [], [51823]]


def test_switched_off_a_node_gets_nothing() -> None:
    """No file and no unit: what runs is ended, and the interface is the kernel's own again."""
    assert _parts(_mesh(classes=False)) == Parts()
