"""From routed to mesh and back by `pulumi up`, under ping, and the runner's way in stays."""

from __future__ import annotations

import sys

import pytest

from tests.lab.flow import Flow
from tests.lab.routed import Routed
from tests.lab.sites import NODES, declared

BETWEEN = 2000.0
"""Milliseconds that a flow between sites may be without an answer."""


GENTLE = 10
"""Packets a second of each of 32 ways: 50 leave two processors too little for the change."""


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_topologies_are_switched_under_ping(
    routed: Routed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each way: 0 lost inside a site, at most 2 s without an answer between sites, all planes."""
    routed.settled()
    near, far = routed.leaf("fsn"), routed.leaf("hel")
    figures = []
    try:
        for topology in ("mesh", "routed"):
            inside = Flow(routed.mesh.lab, (near, routed.gateways("fsn")[0]), rate=GENTLE)
            between = Flow(routed.mesh.lab, (near, far), rate=GENTLE)
            routed.mesh.declare(declared(topology))
            with inside.running(), between.running():
                up = routed.mesh.must("up", "--yes", "--skip-preview")
            assert min(inside.sent(plane) for plane in inside.planes) > 0
            assert inside.lost() == {}, inside.told()
            gap = max(between.gap(plane) for plane in between.planes)
            lost = sum(between.lost().values())
            figures.append(f"to {topology}: {gap:.0f} ms, {lost} lost, {up.seconds:.0f} s")
            assert gap <= BETWEEN, between.told()
            verdict = routed.mesh.verify()
            assert verdict["ok"] is True, verdict
            assert routed.flawless(near, far)
    finally:
        routed.mesh.declare(declared("routed"))
        routed.mesh.must("up", "--yes", "--skip-preview")
    routed.settled(120)
    assert all(routed.on(name).succeed("wg show interfaces") for name in NODES)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(figures) + "\n")
