"""What a preview shows of a rollout: a line a node, and never more than Linux takes."""

from __future__ import annotations

from difflib import unified_diff
from typing import Any

from backplane.plan import Plan
from backplane.render import notes
from tests.core import example


def _notes(declared: dict[str, Any] | None = None) -> list[str]:
    return notes.rollout(_plan(declared), "tool", "program").splitlines()


def _plan(declared: dict[str, Any] | None = None) -> Plan:
    return example.material(declared).plan


def _changes(before: list[str], after: list[str]) -> list[str]:
    told = unified_diff(before, after, lineterm="", n=0)
    return [line for line in told if line[0] in "+-" and line[:3] not in {"+++", "---"}]


def test_one_line_for_each_that_changes() -> None:
    """A raised epoch, a door and a node's state each change a line, and no other."""
    mesh = example.raw()
    mesh["planes"] = {"storage": {"keys": 2}}
    removed, added = _changes(_notes(), _notes(mesh))
    assert removed.startswith("-# storage: ")
    assert added == removed.replace("-#", "+#").replace("keys 1", "keys 2")
    mesh = example.raw()
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["roles"] = ["prometheus"]
    removed, added = _changes(_notes(), _notes(mesh))
    assert removed.startswith("-# fsn-a ")
    assert "tcp 9090 prometheus" in added
    assert "tcp 9090" not in removed
    mesh = example.raw()
    mesh["sites"]["hel"]["nodes"]["hel-b"]["offline"] = True
    removed, added = _changes(_notes(), _notes(mesh))
    assert added == removed.replace("-#", "+#").replace("console 1;", "console 1, offline;")
    mesh = example.raw()
    mesh["console"] = {"epoch": 2}
    mesh["sites"]["hel"]["nodes"]["hel-b"]["console"] = 3
    changes = _changes(_notes(), _notes(mesh))
    assert [line.partition(";")[0] for line in changes if line[0] == "+"] == [
        "+# console passwords: epoch 2",
        "+# hel-b 2.2, incarnation 1, own keys 1,1,1,1, console 3",
    ]


def test_a_new_node_is_a_line_of_its_own_and_a_member_of_its_planes() -> None:
    """Nobody else's line changes: whom each knows follows from the members."""
    mesh = example.raw()
    mesh["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    changes = _changes(_notes(), _notes(mesh))
    assert len([line for line in changes if line.startswith("+# hel-c 2.3, incarnation 1")]) == 1
    others = [line for line in changes if not line.startswith("+# hel-c ")]
    assert all("# members of " in line for line in others)
    assert all("hel-c" in line for line in others if line.startswith("+"))


def test_a_routed_mesh_says_who_is_a_gateway() -> None:
    """With slot, number of links and what it carries; nobody else's line tells of it."""
    lines = _notes(example.routed())
    assert [line.split("; ")[1] for line in lines if "; gateway " in line] == [
        "gateway 0 of fsn, 4 links, carries nbg by default",
        "gateway 1 of fsn, 4 links, carries hel by default",
        "gateway 0 of hel, 4 links, carries nothing by default",
        "gateway 1 of hel, 4 links, carries fsn, nbg by default",
        "gateway 0 of nbg, 4 links, carries fsn, hel by default",
    ]
    mesh = {**example.routed(), "topology": "mesh"}
    assert not [line for line in _notes(mesh) if "gateway" in line and " links" in line]


def test_nothing_that_only_a_resource_tells() -> None:
    """No public address and no key: either would make the whole text unknown in a preview."""
    made = example.material()
    text = notes.rollout(made.plan, "tool", "program")
    told = [card.endpoint for card in made.cards.values() if card.endpoint]
    told += [key for card in made.cards.values() for key in (card.ssh, *card.wireguard.values())]
    assert not [one for one in told if one in text]


def test_two_hundred_nodes_fit_and_more_are_counted() -> None:
    """The whole text stays under what one argument may be; what does not fit is said to be left."""
    fits = notes.rollout(_plan(example.grown(200)), "tool", "program")
    assert "lines more" not in fits
    assert fits.count("\n# node-") == 200
    assert len(fits.encode()) < notes.LIMIT
    long = notes.rollout(_plan(example.grown(800)), "tool", "program")
    *kept, last = long.splitlines()
    assert len(long.encode()) < 131_072 - 200
    whole = [*notes._mesh(_plan(example.grown(800)), "tool", "program")]
    assert last == f"# and {len(whole) - len(kept)} lines more, which `backplane report` tells of"
