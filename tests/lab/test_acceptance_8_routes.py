"""Routes change without a session being reset, and routes that are wrong undo themselves."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.layout import LabError
from tests.lab import mutant
from tests.lab.mesh import Declaration, checkout
from tests.lab.routed import Routed
from tests.lab.running import Running
from tests.lab.sites import DECLARED, GATEWAYS, NODES

ONE_MORE = "ash"
"""A fourth site, of one gateway."""

BACK = DECLARED + len(NODES) + 30
"""Seconds from the end of a bad `up` until all are as before: the timer, and 30 s."""


def _sessions(routed: Routed) -> dict[str, dict[str, tuple[int, int]]]:
    """By gateway and peer, how often its session came up and went down."""
    return {name: routed.established(name) for name in GATEWAYS}


def _running(routed: Routed, gateway: str) -> str:
    return routed.on(gateway).succeed("vtysh -c 'show running-config no-header'")


@pytest.mark.long
def test_loading_unchanged_routes_again_resets_no_session(routed: Routed) -> None:
    """On each gateway, twice: the running configuration and all sessions' counters are as before.

    A session that is cleared by hand is counted, so the look is not blind.
    """
    routed.settled()
    before = _sessions(routed)
    for gateway in GATEWAYS:
        text = _running(routed, gateway)
        for _ in range(2):
            routed.on(gateway).succeed("systemctl restart backplane-frr-config.service")
        assert _running(routed, gateway) == text
    assert _sessions(routed) == before
    gateway = GATEWAYS[0]
    routed.on(gateway).succeed("vtysh -c 'clear bgp *'")
    routed.settled()
    assert all(after > before[gateway][peer] for peer, after in routed.established(gateway).items())


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_fourth_site_resets_no_session_of_the_three(routed: Routed) -> None:
    """Added and taken away again: every other session was up all the time."""
    routed.settled()
    before = _sessions(routed)

    def add(mesh: Declaration) -> None:
        node = {"id": 1, "roles": ["gateway"], "slot": 0}
        site = {"id": 60, "cloud": "hetzner", "location": "fsn1", "type": "cx23"}
        mesh["sites"][ONE_MORE] = {**site, "nodes": {f"{ONE_MORE}-a": node}}
        # frr-reload takes away line by line, on seven machines at once, on two processors.
        mesh["timer"] = 3 * DECLARED

    def remove(mesh: Declaration) -> None:
        del mesh["sites"][ONE_MORE]

    def usual(mesh: Declaration) -> None:
        mesh["timer"] = DECLARED

    routed.mesh.declare(add)
    try:
        routed.mesh.must("up", "--yes", "--skip-preview")
        end = time.monotonic() + 60
        while len(routed.established(f"{ONE_MORE}-a")) != len(GATEWAYS):
            assert time.monotonic() < end, routed.neighbours(f"{ONE_MORE}-a")
            time.sleep(0.5)
        with_it = _sessions(routed)
        assert all(len(with_it[name]) == len(before[name]) + 1 for name in GATEWAYS), with_it
        for name in GATEWAYS:
            assert {peer: with_it[name][peer] for peer in before[name]} == before[name], name
    finally:
        routed.mesh.declare(remove)
        routed.mesh.must("up", "--yes", "--skip-preview")
        routed.mesh.declare(usual)
    assert _sessions(routed) == before


def _at_rest(routed: Routed) -> dict[str, tuple[Any, ...]]:
    """By node: what is active, what is confirmed, and the timer."""
    told = {name: json.loads(routed.mesh.lab.exec(name, "backplane-node status")) for name in NODES}
    return {name: (one["active"], one["confirmed"], one["timer"]) for name, one in told.items()}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("number", "spoiled_by"), [(2, "shut-routes"), (3, "mute-routes")])
def test_routes_that_let_nothing_through_undo_themselves(
    routed: Routed, tmp_path: Path, number: int, spoiled_by: str
) -> None:
    """Route-maps of both of a site's gateways deny everything: `up` fails, and all is as before.

    Those that tell nothing are missed by the other sites alone. A plain `up` afterwards brings the
    change.
    """
    routed.settled()
    before = _at_rest(routed)
    person = {"id": number, "planes": ["storage"]}
    routed.mesh.declare(lambda mesh: mesh["operators"].update({f"bob-{number}": person}))
    spoiled = mutant.project(checkout(tmp_path / "mutant"))
    shutil.copy(routed.mesh.stack_file, spoiled / "stacks")
    mutation = dict.fromkeys(routed.gateways("fsn"), spoiled_by)
    running = Running.up(routed.mesh, project=spoiled, environment=mutant.environment(mutation))
    done = running.end(seconds=400)
    assert done.code != 0, done.out
    assert "BGP brings no way to site" in done.out, done.diagnostics
    end, said = time.monotonic() + BACK, "a machine does not answer"
    while True:
        with suppress(LabError, AssertionError, json.JSONDecodeError):
            now = _at_rest(routed)
            said = routed.unsettled() or str(now)
            if now == before and not routed.unsettled():
                break
        assert time.monotonic() < end, said
        time.sleep(0.5)
    assert routed.flawless(routed.leaf("fsn"), routed.leaf("hel"))
    routed.mesh.must("up", "--yes", "--skip-preview")
    after = _at_rest(routed)
    assert all(after[name][1] != before[name][1] for name in NODES)
    routed.settled()
