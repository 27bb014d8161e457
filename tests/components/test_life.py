"""What a node's life leaves in its resources: names, rotations, epochs of its own."""

from __future__ import annotations

from typing import Any

from tests.components.recorder import Recorder, declaration, run


def renamed() -> dict[str, Any]:
    """The lab's declaration with hel-b called hel-z."""
    mesh = declaration()
    nodes = mesh["sites"]["hel"]["nodes"]
    nodes["hel-z"] = {**nodes.pop("hel-b"), "was": "hel-b"}
    return mesh


def test_a_renamed_node_is_followed_by_one_alias(lab: Recorder) -> None:
    """Only the node's component names its old name; its children's aliases follow from it.

    The keys it has are those it had, since they follow from ids; nobody else has an alias.
    """
    recorded = run(renamed())
    aliased = {
        one.what: [alias.spec.name for alias in one.request.aliases]
        for one in recorded.registered
        if one.request.aliases
    }
    assert aliased == {"backplane:index:Node hel-z": ["hel-b"]}
    assert not [one for one in lab.registered if one.request.aliases]
    children = {one.name for one in recorded.registered if one.parent.endswith("::hel-z")}
    assert children == {
        f"hel-z-{suffix}" for suffix in ("seed", "ipv4", "ipv6", "server", "enroll")
    }


def test_dates_of_rotations_are_told(lab: Recorder) -> None:
    """`plan.planes[*].rotated` has each plane's dates, null where there was no rotation."""
    mesh = declaration()
    mesh["planes"] = {"storage": {"keys": 2, "rotated": {"keys": "2026-03-01"}}}
    told = {plane["slot"]: plane["rotated"] for plane in run(mesh).outputs["plan"]["planes"]}
    never = {"keys": None, "psk": None}
    assert told.pop("storage") == {"keys": "2026-03-01", "psk": None}
    assert set(told) == {"enrollment", "management", "monitoring"}
    assert all(dates == never for dates in told.values())
    assert all(plane["rotated"] == never for plane in lab.outputs["plan"]["planes"])


def test_a_node_s_own_epoch_moves_one_key_on_one_plane(lab: Recorder) -> None:
    """Its key on that plane is new, its others and everybody else's are as before."""
    mesh = declaration()
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["epochs"] = {"monitoring": 2}
    before, after = lab.outputs["nodes"], run(mesh).outputs["nodes"]
    moved = {
        (name, slot)
        for name, node in after.items()
        for slot, key in node["public_keys"].items()
        if key != before[name]["public_keys"][slot]
    }
    assert moved == {("fsn-a", "monitoring")}
