"""The ends of sessions compared: whoever disagrees is named, once, and nobody else is."""

from __future__ import annotations

import pytest

from runner import ends
from runner.failure import Failed

AGREED = {
    "a": {"wg1": {"b": "ab", "c": "ac", "runner": "ra"}},
    "b": {"wg1": {"a": "ab", "c": "bc", "runner": "rb"}},
    "c": {"wg1": {"a": "ac", "b": "bc", "runner": "rc"}},
}
RUNNER = {"wg1": frozenset({"ra", "rb", "rc"})}


def _said(told: dict[str, dict[str, dict[str, str]]], runner: dict[str, frozenset[str]]) -> str:
    return "\n".join(ends.disagreements(told, runner))


def test_a_mesh_that_agrees_is_let_through() -> None:
    """Equal digests everywhere, with and without a tunnel here, say nothing."""
    ends.require(AGREED, RUNNER)
    ends.require(AGREED, {})
    ends.require({}, {})


def test_two_nodes_that_disagree_are_named_once() -> None:
    """One end with another key names the pair and the plane; the third node is not named."""
    spoiled = {**AGREED, "c": {"wg1": {**AGREED["c"]["wg1"], "a": "xx"}}}
    assert _said(spoiled, RUNNER) == "a and c hold different keys for each other on wg1."
    with pytest.raises(Failed, match="a and c hold different keys") as caught:
        ends.require(spoiled, RUNNER)
    assert "psk" in caught.value.fix


def test_a_peer_on_one_side_only_is_named() -> None:
    """A node that lacks another that knows it disagrees, whichever name comes first."""
    for name, other in (("a", "c"), ("c", "a")):
        left = {peer: word for peer, word in AGREED[name]["wg1"].items() if peer != other}
        said = _said({**AGREED, name: {"wg1": left}}, RUNNER)
        assert said == f"{other} and {name} hold different keys for each other on wg1."


def test_a_peer_that_is_no_node_of_the_run_is_left_out() -> None:
    """An operator, or a node that is offline, has no second end to compare with."""
    told = {**AGREED, "a": {"wg1": {**AGREED["a"]["wg1"], "alice": "aa", "offline": "oo"}}}
    assert _said(told, RUNNER) == ""


def test_a_node_that_this_runner_cannot_shake_hands_with_is_named() -> None:
    """A node none of whose digests this runner has would lock it out at the next handshake."""
    told = {**AGREED, "b": {"wg1": {**AGREED["b"]["wg1"], "runner": "xx"}}}
    assert _said(told, RUNNER) == "b and this runner hold different keys for each other on wg1."
