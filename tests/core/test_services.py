"""A service of the user's own opens its ports on the nodes that run it, and nowhere else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import nftables
from backplane.roles import Opening
from tests.core import example


def _plan(services: dict[str, Any], roles: dict[str, list[str]]) -> Plan:
    raw = example.raw()
    raw["services"] = services
    for site in raw["sites"].values():
        for name, node in site["nodes"].items():
            node["roles"] = roles.get(name, [])
    return plan(parse(raw), project="x", stack="y")


def _rules(mesh: Plan, name: str) -> str:
    peers = {slot: mesh.peers(name, slot) for slot in mesh.slots}
    return nftables.ruleset(mesh, mesh.node(name), slots=mesh.slots, peers=peers)


def test_its_ports_are_open_on_its_plane_of_its_nodes() -> None:
    """TCP and UDP, under the service's name; the other nodes' rules are as without it."""
    wiki = {"plane": "monitoring", "tcp": [8000], "udp": [8001]}
    mesh = _plan({"wiki": wiki}, {"fsn-a": ["wiki"]})
    assert {
        Opening(slot="monitoring", proto="tcp", port=8000, role="wiki"),
        Opening(slot="monitoring", proto="udp", port=8001, role="wiki"),
    } == set(mesh.openings("fsn-a")) - set(mesh.openings("fsn-b"))
    bare = _plan({}, {})
    assert "tcp dport { 8000, 9100 }" in _rules(mesh, "fsn-a")
    assert "udp dport { 8001 }" in _rules(mesh, "fsn-a")
    assert _rules(mesh, "fsn-b") == _rules(bare, "fsn-b")


def test_a_plane_goes_by_its_own_name_too() -> None:
    """As everywhere in a declaration."""
    raw = example.raw()
    raw["planes"] = {"monitoring": {"name": "sight"}}
    raw["services"] = {"wiki": {"plane": "sight", "tcp": [8000]}}
    raw["sites"]["fsn"]["nodes"]["fsn-a"]["roles"] = ["wiki"]
    mesh = plan(parse(raw), project="x", stack="y")
    assert ("monitoring", 8000) in {(one.slot, one.port) for one in mesh.openings("fsn-a")}


@given(
    st.dictionaries(
        st.sampled_from(["files", "git", "wiki"]),
        st.sampled_from(["management", "monitoring", "storage"]),
    )
)
def test_who_runs_nothing_opens_nothing(where: dict[str, str]) -> None:
    """Declaring a service opens no port anywhere; naming it on one node opens it there alone."""
    services = {
        name: {"plane": slot, "tcp": [8000 + number]}
        for number, (name, slot) in enumerate(where.items())
    }
    bare, idle = _plan({}, {}), _plan(services, {})
    used = _plan(services, {"hel-a": list(services)})
    for node in bare.nodes:
        assert idle.openings(node.name) == bare.openings(node.name)
        more = len(services) if node.name == "hel-a" else 0
        assert len(used.openings(node.name)) == len(bare.openings(node.name)) + more
