"""Things done by hand to four machines and the cloud: each found, named, and put right."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hcloud import Client
from hcloud.firewalls.domain import FirewallResource, FirewallRule

from tests.lab.drifts import BY_HAND, LOCAL, Drift
from tests.lab.mesh import STACK, Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
ANYWHERE = ["0.0.0.0/0"]
CLOUD = (
    ("site fsn", "firewall", "in tcp 22 from 0.0.0.0/0"),
    ("hel-a", "firewall by-hand", "in icmp from 0.0.0.0/0"),
    ("hel-b", "the site's firewall", ""),
)
Finding = dict[str, Any]


def _drift(mesh: Mesh, *words: str) -> dict[str, Any]:
    done = mesh.backplane("drift", "--stack", STACK, "--json", *words)
    assert done.out, done.err
    verdict: dict[str, Any] = json.loads(done.out)
    assert done.code == (0 if verdict["ok"] else 1)
    return verdict


def _make(mesh: Mesh, drifts: Iterable[Drift]) -> None:
    todo = list(drifts)
    # The last node first: what it does not say any more cannot put an endpoint right at the first.
    for node in reversed(NODES):
        mesh.lab.exec(node, "\n".join(["set -e", *(d.does for d in todo if d.node == node)]))


def _matches(drift: Drift, found: Finding) -> bool:
    return (
        (found["node"], found["area"]) == (drift.node, drift.area)
        and drift.what in found["what"]
        and drift.live in found["live"]
    )


def _open(client: Client) -> None:
    """Let ssh in at one site, lay a second firewall on one server, take another's away."""
    firewalls, servers = client.firewalls, client.servers
    fsn, hel = (firewalls.get_by_name(f"{STACK}-{site}") for site in ("fsn", "hel"))
    assert fsn is not None
    assert hel is not None
    ssh = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=ANYWHERE)
    ping = FirewallRule(direction="in", protocol="icmp", source_ips=ANYWHERE)
    other = firewalls.create(name="by-hand", rules=[ping]).firewall
    on = [FirewallResource(type="server", server=servers.get_by_name("hel-a"))]
    off = [FirewallResource(type="server", server=servers.get_by_name("hel-b"))]
    for action in (
        *firewalls.set_rules(fsn, [*(fsn.rules or ()), ssh]),
        *firewalls.apply_to_resources(other, on),
        *firewalls.remove_from_resources(hel, off),
    ):
        action.wait_until_finished()


def _shut(client: Client) -> None:
    other = client.firewalls.get_by_name("by-hand")
    if other is not None:
        assert not other.applied_to
        other.delete()


@pytest.fixture(scope="module")
def found(mesh: Mesh) -> Iterator[list[Finding]]:
    """What is found once everything has been done by hand."""
    assert _drift(mesh)["findings"] == []
    mesh.lab.cloud(_open)
    _make(mesh, LOCAL)
    _make(mesh, (drift for drift, _ in BY_HAND))
    verdict = _drift(mesh)
    assert verdict["asked"] == len(NODES)
    yield verdict["findings"]
    mesh.lab.cloud(_shut)


def test_every_drift_is_found_and_named(found: list[Finding]) -> None:
    """Nothing before; then each of them, with its node, its area, its name, and what is live.

    What a rollout cannot put right says so, and how; no finding shows a whole key.
    """
    missing = [drift for drift in LOCAL if not any(_matches(drift, one) for one in found)]
    assert missing == []
    repairs = [(one["node"], one["what"]) for one in found if one["repair"] == "rollout"]
    assert all(
        any(node == drift.node and drift.what in what for node, what in repairs) for drift in LOCAL
    )
    for drift, _ in BY_HAND:
        (one,) = [one for one in found if _matches(drift, one)]
        assert one["repair"] == "by hand"
    cloud = {(one["node"], one["what"], one["live"]) for one in found if one["area"] == "cloud"}
    assert cloud == set(CLOUD)
    assert {one["fix"] for one in found if one["area"] == "cloud"} == {"pulumi up --refresh"}
    keys = [word for one in found for word in f"{one['declared']} {one['live']}".split()]
    assert not [word for word in keys if len(word) == 44 and word.endswith("=")]


def test_one_repair_puts_right_all_that_a_rollout_can(mesh: Mesh, found: list[Finding]) -> None:
    """Left is what was said to be for a person or for `pulumi up`; the state is not touched."""
    words = ("pulumi", "stack", "history", "--json", "--stack", STACK)
    before = len(json.loads(mesh.run(*words).out))
    verdict = _drift(mesh, "--repair")
    assert "trouble" not in verdict, verdict["trouble"]
    left = {(one["node"], one["area"], one["repair"]) for one in verdict["findings"]}
    by_hand = {(drift.node, drift.area, "by hand") for drift, _ in BY_HAND}
    assert left == by_hand | {(node, "cloud", "pulumi up") for node, _, _ in CLOUD}
    repaired = {(one["node"], one["area"], one["what"]) for one in verdict["repaired"]}
    wanted = {
        (one["node"], one["area"], one["what"]) for one in found if one["repair"] == "rollout"
    }
    assert wanted <= repaired
    assert len(json.loads(mesh.run(*words).out)) == before
    for node in NODES:
        assert "is undone in" in mesh.lab.exec(node, "journalctl -t backplane-node -n 20 -o cat")


def test_the_rest_goes_as_it_was_said(mesh: Mesh, found: list[Finding]) -> None:
    """A person undoes what was done by hand, `pulumi up --refresh` the cloud; then none is left."""
    assert found
    for drift, undo in BY_HAND:
        mesh.lab.exec(drift.node, undo)
    mesh.must("up", "--refresh", "--yes", "--skip-preview")
    done = mesh.backplane("drift", "--stack", STACK)
    assert (done.code, done.out) == (0, "no drift: 0 findings, 4 nodes asked\n"), done.out


def test_a_damaged_generation_names_the_push_that_writes_it_anew(mesh: Mesh) -> None:
    """Lost content is on no other disk: what the finding tells to run puts it there again.

    No other node is staged anything, and none flips.
    """
    file, began = "/var/lib/backplane/confirmed/hosts", time.time()
    whole = mesh.lab.exec("hel-a", f"cat {file}")
    mesh.lab.exec("hel-a", f"truncate -s -1 {file}")
    (one,) = _drift(mesh)["findings"]
    assert (one["node"], one["repair"]) == ("hel-a", "pulumi up")
    program, *words = shlex.split(one["fix"])
    assert (program, *words[:2]) == ("pulumi", "up", "--replace")
    mesh.must(*words, "--yes", "--skip-preview")
    assert mesh.lab.exec("hel-a", f"cat {file}") == whole
    assert _drift(mesh)["ok"] is True
    for name in NODES:
        told = mesh.lab.exec(name, f"journalctl -q -t backplane-node -o cat --since @{began:.3f}")
        assert ("staged" in told) is (name == "hel-a"), told
        assert "armed" not in told
