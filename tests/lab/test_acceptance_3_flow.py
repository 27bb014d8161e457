"""Nothing that others send is lost while the mesh changes, and nothing is touched that stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from lab.faults.clock import skewed
from tests.lab import changes
from tests.lab.flow import PLANES, RATE, Flow
from tests.lab.mesh import Declaration, Mesh

PAIR = ("fsn-a", "hel-a")
"""They ping each other; they are on two sites, and part of every change."""

GAP = 250.0
"""Milliseconds: the longest gap on the plane whose keys change, all clocks being equal."""


@pytest.fixture
def flow(mesh: Mesh) -> Flow:
    """Meters on two nodes, not running yet."""
    return Flow(mesh.lab, PAIR)


def _up(mesh: Mesh, flow: Flow, change: Callable[[Declaration], None]) -> None:
    """Declare a change and bring it about while the meters run."""
    mesh.declare(change)
    with flow.running():
        up = mesh.must("up", "--yes", "--skip-preview")
    sent = min(flow.sent(plane) for plane in PLANES)
    # Two ways, two families; the meters run longer than `up`, and keep their pace under load.
    assert sent > up.seconds * RATE * 4 * 0.9, flow.told()


def _lossless(flow: Flow, planes: tuple[str, ...] = PLANES) -> None:
    assert {plane: flow.lost_on(plane) for plane in planes} == dict.fromkeys(planes, 0), flow.told()


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
    _lossless(flow, tuple(plane for plane in PLANES if plane != "wg2"))


# A node's life, under the eyes of the others


def test_a_node_that_comes_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """Add a fifth node: 0 lost between two others on all planes."""
    _up(mesh, flow, changes.grow)
    _lossless(flow)
    assert mesh.verify()["ok"] is True


def test_a_node_that_is_rebuilt_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """Rebuild the fifth: a new machine, the same addresses, 0 lost between two others."""
    before = mesh.servers()[changes.FRESH]["id"]
    _up(mesh, flow, changes.rebuild)
    _lossless(flow)
    assert mesh.servers()[changes.FRESH]["id"] != before
    assert mesh.verify()["ok"] is True


def test_a_node_that_goes_costs_nobody_a_packet(mesh: Mesh, flow: Flow) -> None:
    """Remove the fifth: 0 lost between two others, and it is nobody's peer any more."""
    _up(mesh, flow, changes.shrink)
    _lossless(flow)
    for name in PAIR:
        assert "10.202.2.3/32" not in mesh.lab.exec(name, "wg show all allowed-ips")
    assert mesh.verify()["ok"] is True


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
        _up(mesh, flow, change)
        _lossless(flow)
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
    _up(mesh, flow, lambda declared: changes.raised(declared, "monitoring", "psk"))
    _lossless(flow)
    assert _differ(psks, _psks(mesh)) == {"wg2"}
    assert _differ(keys, _keys(mesh)) == set()
    assert mesh.verify()["ok"] is True


def test_new_keys_stop_only_their_plane_and_only_for_a_moment(mesh: Mesh, flow: Flow) -> None:
    """New keys on the storage plane: 0 lost elsewhere, at most 250 ms without an answer there."""
    keys = _keys(mesh)
    _up(mesh, flow, lambda declared: changes.raised(declared, "storage", "keys"))
    _lossless(flow, ("wg0", "wg1", "wg2"))
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
    _lossless(flow)
    mesh.must("up", "--yes", "--skip-preview")
    assert _differ(keys, _keys(mesh)) == {"wg2"}
    assert mesh.verify()["ok"] is True
