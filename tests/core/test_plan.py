"""The plan: who is whose peer, where, and what is open."""

from dataclasses import replace

import pytest

from backplane.check import checked_plan
from backplane.plan import Plan
from backplane.roles import Opening
from tests.core import example


@pytest.fixture(name="mesh")
def _mesh() -> Plan:
    return checked_plan(example.raw(), project="backplane", stack="lab")


def _names(mesh: Plan, name: str, slot: str) -> list[str]:
    return [peer.name for peer in mesh.peers(name, slot)]


def test_every_node_is_a_peer_of_every_node_on_every_plane(mesh: Plan) -> None:
    """Four nodes on four planes: 48 ordered pairs, none of them with itself."""
    nodes = {node.name for node in mesh.nodes}
    pairs = {
        (slot, node.name, peer.name)
        for slot in mesh.slots
        for node in mesh.nodes
        for peer in mesh.peers(node.name, slot)
        if peer.kind == "node"
    }
    assert len(pairs) == 48
    assert pairs == {(s, a, b) for s in mesh.slots for a in nodes for b in nodes if a != b}


def test_people_are_peers_of_nodes_on_their_planes_only(mesh: Plan) -> None:
    """Alice is on management and monitoring, the runner on the two ways in, nobody on storage."""
    assert _names(mesh, "fsn-a", "enrollment") == ["fsn-b", "hel-a", "hel-b", "runner"]
    assert _names(mesh, "fsn-a", "management") == ["alice", "fsn-b", "hel-a", "hel-b", "runner"]
    assert _names(mesh, "fsn-a", "monitoring") == ["alice", "fsn-b", "hel-a", "hel-b"]
    assert _names(mesh, "fsn-a", "storage") == ["fsn-b", "hel-a", "hel-b"]
    assert _names(mesh, "alice", "management") == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert _names(mesh, "alice", "storage") == []


def test_a_retired_node_is_nobodys_peer() -> None:
    """`retire: true` drops it everywhere but from the plan; `offline` drops it nowhere."""
    raw = example.raw()
    raw["sites"]["fsn"]["nodes"]["fsn-b"]["retire"] = True
    raw["sites"]["hel"]["nodes"]["hel-b"]["offline"] = True
    mesh = checked_plan(raw, project="backplane", stack="lab")
    assert _names(mesh, "fsn-a", "storage") == ["hel-a", "hel-b"]
    assert _names(mesh, "fsn-b", "storage") == []
    assert mesh.node("fsn-b").retire


def test_openings_follow_from_roles_and_nothing_else(mesh: Plan) -> None:
    """A node with no role of its own opens SSH on the two ways in, and what all are watched by."""
    assert mesh.openings("fsn-a") == (
        Opening(slot="enrollment", proto="tcp", port=22, role="ssh"),
        Opening(slot="management", proto="tcp", port=22, role="ssh"),
        Opening(slot="monitoring", proto="tcp", port=9100, role="node_exporter"),
    )


def test_a_plane_left_out_is_nowhere() -> None:
    """Without storage there is no plane, address or peer of it; the others stay as they were."""
    raw = {**example.raw(), "planes": {"storage": {"use": False}}}
    mesh = checked_plan(raw, project="backplane", stack="lab")
    assert mesh.slots == ("enrollment", "management", "monitoring")
    assert "storage" not in mesh.node("fsn-a").addresses
    assert _names(mesh, "fsn-a", "storage") == []
    with pytest.raises(KeyError):
        mesh.plane("storage")


def test_a_plane_goes_by_its_new_name_too() -> None:
    """An operator may list a renamed plane by name or by slot; addresses do not change."""
    raw = {**example.raw(), "planes": {"monitoring": {"name": "metrics"}}}
    raw["operators"] = {
        "alice": {"id": 1, "planes": ["metrics"]},
        "bob": {"id": 2, "planes": ["monitoring"]},
    }
    mesh = checked_plan(raw, project="backplane", stack="lab")
    assert mesh.plane("monitoring").name == "metrics"
    assert mesh.person("alice").slots == mesh.person("bob").slots == ("monitoring",)
    assert mesh.person("alice").addresses["monitoring"].v4 == "10.202.255.1"


def test_what_a_node_leaves_open_comes_from_its_site() -> None:
    """Type, image, endpoint and IPv6 are the node's own, else the site's, else the default."""
    raw = example.raw()
    raw["sites"]["hel"] |= {"type": "cpx22", "image": "debian-13"}
    mesh = checked_plan(raw, project="backplane", stack="lab")
    assert (mesh.node("fsn-a").type, mesh.node("fsn-a").image) == ("cx23", "debian-12")
    assert mesh.node("fsn-b").image == "debian-13"
    assert (mesh.node("hel-b").type, mesh.node("hel-b").image) == ("cpx22", "debian-13")
    assert mesh.node("hel-a").endpoint_family == "ipv6"
    assert mesh.node("hel-b").endpoint_family == "ipv4"


def test_the_order_in_the_file_does_not_matter(mesh: Plan) -> None:
    """Sites the other way round give the same plan; another timer does not."""
    raw = example.raw()
    raw["sites"] = dict(reversed(raw["sites"].items()))
    again = checked_plan(raw, project="backplane", stack="lab")
    assert again == mesh
    assert replace(again, timer=60) != mesh


def test_unknown_names_are_errors(mesh: Plan) -> None:
    """Asking for a node or person that is not there raises, and never gives another."""
    for ask in (mesh.node, mesh.person):
        with pytest.raises(KeyError):
            ask("nobody")


def test_a_run_without_a_node_changes_nothing_but_its_mark(mesh: Plan) -> None:
    """It is away for this run, still everybody's peer; an unknown name is an error."""
    without = mesh.without(["hel-b"])
    assert [node.name for node in without.nodes if node.away] == ["hel-b"]
    assert without.members == mesh.members
    assert mesh.without([]) == mesh
    with pytest.raises(KeyError):
        mesh.without(["nobody"])
