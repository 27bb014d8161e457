"""The routes that a flip brings to a gateway, before any daemon has looked."""

from pathlib import Path

import pytest

from node import first_routes, forwarding, generations
from node.errors import Refused
from tests.node.routed_box import GENERATION, daemon, turn


def test_a_flip_brings_a_gateways_first_routes_and_leaves_those_that_are_there(
    tmp_path: Path,
) -> None:
    """Both families, the way to the owner's link alone; a leaf, or a second flip, needs none."""
    made, kernel = daemon(tmp_path, 0)
    target = generations.load(made.machine, GENERATION)
    found = list(first_routes.differences(made.machine, target))
    assert [(one.what, one.declared) for one in found] == [
        ("routes to other sites, IPv4", "10.201.2.0/24"),
        ("routes to other sites, IPv6", "fd00:0:0:102::/64"),
    ]
    assert kernel.log == []
    for one in found:
        assert one.mend is not None
        one.mend()
    assert [line.split(" metric ")[0] for line in kernel.log] == [
        "-4 route replace 10.201.2.0/24 dev wgl2-0 proto 152",
        "-6 route replace fd00:0:0:102::/64 dev wgl2-0 proto 152",
    ]
    assert list(first_routes.differences(made.machine, target)) == []
    kernel.log.clear()
    turn(made, 0.25)
    assert not any("dev wgl2-0" in line for line in kernel.log), "the daemon would make the same"
    leaf, _ = daemon(tmp_path / "leaf", None)
    target = generations.load(leaf.machine, GENERATION)
    assert list(first_routes.differences(leaf.machine, target)) == []


def test_a_kernel_that_tells_nothing_keeps_no_undo_from_being_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to do then, and the journal says so."""
    made, _ = daemon(tmp_path, 0)

    def silent(_: object) -> None:
        raise Refused("ip does not answer", "look")

    monkeypatch.setattr(forwarding, "read", silent)
    target = generations.load(made.machine, GENERATION)
    assert list(first_routes.differences(made.machine, target)) == []
