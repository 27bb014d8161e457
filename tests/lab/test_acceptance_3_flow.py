"""Nothing that others send is lost while the mesh changes, and nothing is touched that stays."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from lab.faults.clock import skewed
from tests.lab import changes
from tests.lab.flow import PAIR, PLANES, Flow, lossless, through
from tests.lab.mesh import Mesh

GAP = 250.0
"""Milliseconds: the longest gap on the plane whose keys change, all clocks being equal."""


def test_a_plane_that_is_cut_is_counted(mesh: Mesh, flow: Flow) -> None:
    """The meter itself: what a node drops on one plane is lost there, each way, and only there."""
    node = mesh.lab.on(PAIR[0])
    with flow.running():
        began = time.time()
        node.succeed(
            "nft 'table inet test_cut { chain in { type filter hook input priority -10;"
            ' iifname "wg2" drop; }; }\''
        )
        node.succeed("sleep 0.5")
        node.succeed("nft delete table inet test_cut")
        ended = time.time()
        node.wait_until_succeeds("ping -n -q -c 1 -W 1 10.202.2.1")
    cut = {way: count for way, count in flow.counts.items() if way.plane == "wg2"}
    assert len(cut) == 4
    for count in cut.values():
        assert 0 < count.lost < count.sent, flow.told()
        assert count.gap_ms >= 500, flow.told()
        # What was under way at the cut may have left a little before it.
        assert all(began - 0.5 < left < ended for left in count.lost_at), flow.told()
    lossless(flow, tuple(plane for plane in PLANES if plane != "wg2"))


# Ports, PSKs, keys


def _door(mesh: Mesh) -> str:
    """What the port says to a peer; `refused` is an open port on which nobody listens."""
    ask = f"bash -c 'timeout 2 bash -c \"</dev/tcp/10.203.2.1/{changes.PORT}\" 2>&1; echo $?'"
    said = mesh.lab.exec(PAIR[0], ask)
    return "refused" if "refused" in said else "silent" if said.endswith("124\n") else said


@pytest.fixture
def closed_again(mesh: Mesh) -> Iterator[None]:
    """Whatever happens, the next `up` finds no service declared."""
    yield
    mesh.declare(changes.shut_port)


@pytest.mark.usefixtures("closed_again")
def test_a_port_opens_and_shuts_without_a_lost_packet(mesh: Mesh, flow: Flow) -> None:
    """One more open port on every node, then one less: 0 lost; it is open, then silent again."""
    assert _door(mesh) == "silent"
    for change, door in ((changes.open_port, "refused"), (changes.shut_port, "silent")):
        through(mesh, flow, change)
        lossless(flow)
        assert _door(mesh) == door


def _psks(mesh: Mesh) -> dict[str, str]:
    """One node's PSKs by plane, as digests."""
    return {
        plane: mesh.lab.exec(PAIR[0], f"wg show {plane} preshared-keys | sort | sha256sum")
        for plane in PLANES
    }


def _keys(mesh: Mesh) -> dict[str, str]:
    return {plane: mesh.lab.exec(PAIR[0], f"wg show {plane} public-key") for plane in PLANES}


def _differ(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {plane for plane in PLANES if before[plane] != after[plane]}


def test_new_psks_cost_no_packet(mesh: Mesh, flow: Flow) -> None:
    """New PSKs on the monitoring plane: 0 lost on all planes, and only that plane's are new."""
    psks, keys = _psks(mesh), _keys(mesh)
    through(mesh, flow, lambda declared: changes.raised(declared, "monitoring", "psk"))
    lossless(flow)
    assert _differ(psks, _psks(mesh)) == {"wg2"}
    assert _differ(keys, _keys(mesh)) == set()
    assert mesh.verify()["ok"] is True


def test_new_keys_stop_only_their_plane_and_only_for_a_moment(mesh: Mesh, flow: Flow) -> None:
    """New keys on the storage plane: 0 lost elsewhere, at most 250 ms without an answer there."""
    keys = _keys(mesh)
    through(mesh, flow, lambda declared: changes.raised(declared, "storage", "keys"))
    lossless(flow, ("wg0", "wg1", "wg2"))
    assert flow.gap("wg3") <= GAP, flow.told()
    assert _differ(keys, _keys(mesh)) == {"wg3"}
    assert mesh.verify()["ok"] is True


def test_a_clock_that_is_off_is_named_before_keys_change(mesh: Mesh, flow: Flow) -> None:
    """One node tool's clock 5 s ahead: `up` fails and says so, no key is new, no packet is lost.

    With the clock right again a plain `up` brings the new keys.
    """
    keys = _keys(mesh)
    mesh.declare(lambda declared: changes.raised(declared, "monitoring", "keys"))
    with skewed(mesh.lab.machine(PAIR[1]), 5.0), flow.running():
        up = mesh.pulumi("up", "--yes", "--skip-preview")
    assert up.code != 0
    assert re.search(rf"{PAIR[1]}: arm refused: its clock is \d\.\d s ahead", up.diagnostics), (
        up.diagnostics
    )
    assert _keys(mesh) == keys
    lossless(flow)
    mesh.must("up", "--yes", "--skip-preview")
    assert _differ(keys, _keys(mesh)) == {"wg2"}
    assert mesh.verify()["ok"] is True
