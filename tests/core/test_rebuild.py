"""A mesh that has gone on since its backup: what the old keys still open, and what is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from backplane import keys
from backplane.declaration import parse
from backplane.planes import REQUIRED
from backplane.rebuild import Since, since
from tests.core import example


def changed(**planes: dict[str, int]) -> dict[str, Any]:
    """The example with other numbers for some planes."""
    return {**example.raw(), "planes": planes}


def gone_on(now: dict[str, Any]) -> Since:
    """What the example's backup does not know of it."""
    return since(parse(example.raw()), parse(now))


def test_nothing_is_told_where_nothing_was_changed() -> None:
    """Nor where only a name or a port is another one."""
    assert gone_on(example.raw()).lines == []
    renamed = example.raw()
    nodes = renamed["sites"]["hel"]["nodes"]
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b"}
    assert gone_on(renamed).lines == []


@pytest.mark.parametrize("what", ["keys", "psk"])
@pytest.mark.parametrize("slot", REQUIRED)
def test_one_way_in_is_enough(slot: str, what: str) -> None:
    """New keys or PSKs of one of the two shut that one on every node, and cut nobody off."""
    found = gone_on(changed(**{slot: {what: 2}}))
    assert set(found.shut.values()) == {(slot,)}
    assert len(found.shut) == 4
    assert found.cut_off == ()
    assert [line for line in found.lines if "by the other way in" in line]


def test_with_both_drawn_anew_nothing_is_reached() -> None:
    """That is said first, by node; a node's own epochs count like the plane's."""
    both = {"keys": 2}
    found = gone_on(changed(enrollment=both, management={"psk": 2}))
    assert len(found.cut_off) == 4
    assert found.lines[0].startswith("no way in is left to fsn-a")
    one = changed(enrollment=both)
    one["sites"]["hel"]["nodes"]["hel-a"]["epochs"] = {"management": 2}
    assert gone_on(one).cut_off == ("hel-a",)
    one["sites"]["hel"]["nodes"]["hel-a"]["epochs"] = {"storage": 2}
    assert gone_on(one).cut_off == ()


def test_other_planes_cut_nobody_off() -> None:
    """They are drawn anew once more."""
    found = gone_on(changed(storage={"keys": 2}, monitoring={"psk": 5}))
    assert found.shut == {}
    assert found.lines == [
        "`pulumi up` draws the keys or PSKs of monitoring, storage anew once more"
    ]


def test_machines_that_came_since_are_made_anew() -> None:
    """A node that was added or rebuilt is in no state; one that was removed is in it still."""
    now = example.raw()
    nodes = now["sites"]["hel"]["nodes"]
    nodes["hel-c"] = {"id": 9}
    nodes["hel-a"]["incarnation"] = 2
    del nodes["hel-b"]
    found = gone_on(now)
    assert (found.added, found.rebuilt, found.removed) == (("hel-c",), ("hel-a",), ("hel-b",))
    assert found.shut == {}
    assert "hel-c, hel-a are in no state" in found.lines[0]


def test_people_who_came_and_went_are_named() -> None:
    """Who came gets other keys; who went must stay out."""
    now = example.raw()
    now["operators"] = {"bob": {"id": 2, "planes": ["management"]}}
    found = gone_on(now)
    assert (found.joined, found.left) == (("bob",), ("alice",))
    assert found.lines == [
        "bob get new files, with other keys",
        "alice came out since, and must stay out",
    ]


def test_a_plane_drawn_anew_leaves_the_others_keys() -> None:
    """Why an old state still opens the other way in: each plane's keys have a salt of their own.

    With another salt for management the same seed gives the same key of enrollment, and another
    one of management; so with PSKs and their roots.
    """
    seed, old, new = (bytes([n]) * 32 for n in (1, 2, 3))

    def identity(management: bytes) -> keys.Identity:
        salts = {"enrollment": old, "management": management}
        return keys.identity(seed, salts, slots=REQUIRED, epochs={}, purpose="host")

    before, after = identity(old), identity(new)
    assert before.wireguard["enrollment"].base64() == after.wireguard["enrollment"].base64()
    assert before.wireguard["management"].base64() != after.wireguard["management"].base64()
    assert before.ssh.public == after.ssh.public
