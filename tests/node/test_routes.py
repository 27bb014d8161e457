"""What the routes' daemon reads, says and does to a machine in memory."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import (
    drain,
    forwarding,
    holders,
    probing,
    retiring,
    routed,
    routing,
    standing,
)
from node.commands import Result
from node.errors import Refused
from node.heartbeat import Beat, Claim, pack, parse
from node.lanes import Lanes, Way
from node.owners import Gateway
from node.verdict import STRIKES, Verdict
from tests.node.model import FakeClock, FakeJournal
from tests.node.routed_box import FAR, GENERATION, MESH, OWN, daemon, document, turn


@given(st.binary(max_size=200))
def test_no_datagram_harms(data: bytes) -> None:
    """Whatever comes is read or refused; what is read says the same again."""
    beat = parse(data)
    assert beat is None or parse(pack(beat)) == beat


def test_a_datagram_is_taken_only_whole() -> None:
    """One byte more or less, or any value out of its range, and it is none."""
    claims = {2: Claim(1, 1)}
    beat = Beat(slot=1, stamp=5, drained=True, announced=True, claims=claims, paths=frozenset({2}))
    data = pack(beat)
    assert parse(data) == beat
    for wrong in (data + b"\0", data[:-1], b"x" + data[1:], data[:-1] + b"\x02",
                  data[:4] + b"\x02" + data[5:], b""):  # fmt: skip
        assert parse(wrong) is None


def test_a_leaf_moves_prefixes_in_one_step_and_mends_them(tmp_path: Path) -> None:
    """It follows its gateways, with all families, and does nothing while all is right."""
    made, kernel = daemon(tmp_path, None)
    turn(made, 2)
    assert kernel.log == []
    turn(made, 0.25, Beat(slot=0, stamp=1, claims={2: Claim(2, 0)}))
    (line,) = kernel.log
    assert line.startswith("wg set wg1 peer A allowed-ips ")
    assert kernel.allowed["A"] == OWN["A"] | FAR
    assert kernel.allowed["B"] == OWN["B"]
    kernel.allowed |= {"A": OWN["A"], "B": OWN["B"] | FAR}
    turn(made, 2)
    assert kernel.allowed["A"] == OWN["A"] | FAR
    del kernel.allowed["A"]
    turn(made, 2)
    assert "A" not in kernel.allowed, "a peer that is held out is not made"


def test_prefixes_that_nobody_has_any_more_are_taken_away() -> None:
    """A remote site that is gone from the plan is gone from the peer."""
    want = holders.wanted(routed.parse(json.dumps(document(None))), MESH, {2: 0})
    live = {"wg1": {"A": OWN["A"] | FAR, "B": OWN["B"] | {"10.201.9.0/24"}}}
    (argv,) = holders.moves(live, want)
    assert argv[3:] == ["peer", "B", "allowed-ips", ",".join(sorted(OWN["B"]))]


def test_a_gateway_copies_before_it_delivers_and_hands_over_before_it_stops(tmp_path: Path) -> None:
    """Through a take-over and back: in each step the packet reaches somebody."""
    made, kernel = daemon(tmp_path, 0)
    sibling = Beat(slot=1, stamp=1, claims={2: Claim(1, 1)}, paths=frozenset({2}))
    turn(made, 2, sibling)
    assert kernel.rules["-4"] == {("iif", "wgl2-0"), ("oif", "wgl1-1")}
    assert (
        "10.201.2.0/24 dev wgl1-1 proto 152 metric 3355445200 src 10.201.1.1 table main"
        in (kernel.routes["-4"])
    )
    assert kernel.allowed["B"] == OWN["B"] | FAR
    kernel.log.clear()
    drained = Beat(slot=1, stamp=2, drained=True, claims={2: Claim(1, 1)}, paths=frozenset({2}))
    turn(made, 0.5, drained)
    gone = [f"{family} rule del iif wgl2-0 priority 5183" for family in ("-4", "-6")]
    assert kernel.log == ["nft copies", *gone]
    assert 'ip daddr 10.201.1.0/24 dup to 10.201.1.1 device "wgl1-1"' in kernel.ruleset
    kept = json.loads(standing.owners_file(made.machine).read_text())
    assert kept == {"2": {"term": 2, "owner": 0, "metric": 100}}, "not before it is over"
    turn(made, 3, Beat(slot=1, stamp=3, drained=True, claims={2: Claim(2, 0)}))
    assert "nft none" in kernel.log
    kept = json.loads(standing.owners_file(made.machine).read_text())
    assert kept["2"]["metric"] == 10
    kernel.log.clear()
    turn(made, 3, Beat(slot=1, stamp=4, claims={2: Claim(3, 1)}, paths=frozenset({2})))
    steps = [line for line in kernel.log if "nft" in line or "rule" in line]
    assert steps[0] == "nft copies"
    assert steps[-1] == "nft none"
    assert "rule add iif wgl2-0" in steps[1]


def test_a_gateway_mends_what_somebody_took_away(tmp_path: Path) -> None:
    """A rule, a route and a prefix come back within a second."""
    made, kernel = daemon(tmp_path, 0)
    sibling = Beat(slot=1, stamp=1, claims={2: Claim(1, 1)})
    turn(made, 6, sibling)
    there = {f: set(one) for f, one in kernel.rules.items()}, dict(kernel.routes)
    kernel.rules, kernel.routes = {"-4": set(), "-6": set()}, {"-4": set(), "-6": set()}
    turn(made, 1.25, sibling)
    assert (kernel.rules, kernel.routes) == there


def test_another_generation_is_read_without_a_new_start(tmp_path: Path) -> None:
    """Sites, and all of them FRR's metrics again once it has read its file; the claims stay."""
    made, kernel = daemon(tmp_path, 0)
    sibling = Beat(slot=1, stamp=1, claims={2: Claim(1, 1)}, paths=frozenset({2}))
    turn(made, 2, sibling)
    forgotten: list[float] = []
    made.effects.announcer.forget = lambda: forgotten.append(made.now())  # type: ignore[method-assign]
    layout = made.machine.layout
    new = layout.generation(GENERATION[::-1])
    shutil.copytree(layout.generation(GENERATION), new)
    manifest = (new / "manifest.json").read_text(encoding="ascii").replace(GENERATION, new.name)
    (new / "manifest.json").write_text(manifest, encoding="ascii")
    told = document(0)
    told["sites"]["3"] = {**told["sites"]["2"], "name": "nue", "owner": 0, "links": [], "via": None}
    told["planes"]["wg1"]["far"]["3"] = {"v4": "10.201.3.0/24", "v6": "fd00:0:0:103::/64"}
    (new / routed.FILE).write_text(json.dumps(told), encoding="ascii")
    layout.active.unlink()
    layout.active.symlink_to(new)
    flipped = made.now()
    turn(made, 1, sibling)
    assert made.view is not None
    assert {site: one.claim.slot for site, one in made.view.sites.items()} == {2: 1, 3: 0}
    kernel.rules["-4"] = set()
    turn(made, 0.25, sibling)
    assert kernel.rules["-4"], "a flip may take away what is ours: it is looked at with every tick"
    turn(made, routing.METRICS, sibling)
    assert len(forgotten) == 1
    assert forgotten[0] - flipped >= routing.METRICS


def test_what_goes_wrong_ends_nothing(tmp_path: Path) -> None:
    """A program that fails is told of once, and everything goes on."""
    made, kernel = daemon(tmp_path, 0)
    run = kernel.run
    kernel.run = lambda *_, **__: Result(code=1, out="", err="no")  # type: ignore[method-assign]
    turn(made, 5)
    journal = made.machine.journal
    assert isinstance(journal, FakeJournal)
    assert len(journal.lines) == len(set(journal.lines)) < 5
    kernel.run = run  # type: ignore[method-assign]
    turn(made, 2)
    assert ("oif", "wgl1-1") in kernel.rules["-4"]


def test_the_end_removes_all_unless_it_is_a_restart(tmp_path: Path) -> None:
    """Rules, routes, copies and records go when the active generation has no routes."""
    made, kernel = daemon(tmp_path, 0)
    turn(made, 6, Beat(slot=1, stamp=1, claims={2: Claim(1, 1)}))
    assert retiring.end(made.machine, {}) == {"removed": False}
    assert kernel.rules["-4"]
    (made.machine.layout.generation(GENERATION) / routed.FILE).unlink()
    assert retiring.end(made.machine, {}) == {"removed": True}
    assert not any([*kernel.rules.values(), *kernel.routes.values()])
    assert not standing.owners_file(made.machine).exists()
    assert standing.claims(made.machine) == {}


def test_rounds_that_only_the_sibling_loses_count() -> None:
    """Four on one lane and none that came; where the far end is silent for both it says nothing."""
    verdict, lane = Verdict(), (2, "wg1", "v4")
    for _ in range(STRIKES * 2):
        verdict.round({lane}, set(), set())
    assert verdict.broken() == set()
    for _ in range(STRIKES - 1):
        verdict.round({lane}, set(), {lane})
    assert verdict.broken() == set()
    verdict.round({lane}, {lane}, {lane})
    for _ in range(STRIKES):
        assert verdict.broken() == set()
        verdict.round({lane}, set(), set())
        verdict.round({lane}, set(), {lane})
    assert verdict.broken() == {2}
    verdict.round(set(), set(), set())
    assert verdict.broken() == set()


def test_peers_stay_as_a_flip_made_them(tmp_path: Path) -> None:
    """What another generation has otherwise is not put back by one that has read the last."""
    made, kernel = daemon(tmp_path, 0)
    turn(made, 6, Beat(slot=1, stamp=1, claims={2: Claim(1, 1)}))
    before = dict(kernel.allowed)
    kernel.allowed["B"] = OWN["B"]
    flipped = dict(kernel.allowed)
    assert made.routes is not None
    made.effects.hold(made.routes, made.mesh, {2: 1}, "another")
    assert kernel.allowed == flipped != before
    made.effects.hold(made.routes, made.mesh, {2: 1}, GENERATION)
    assert kernel.allowed == before


def test_echoes_past_the_sibling_come_back_past_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an own link, from its address on that; through the sibling by the plane, from its own."""
    sent: list[tuple[Way, str, probing.Key]] = []
    monkeypatch.setattr(Lanes, "send", lambda _, *one: sent.append(one))
    made, _ = daemon(tmp_path, 0)
    turn(made, 6, Beat(slot=1, stamp=1, claims={2: Claim(1, 1)}))
    assert made.routes is not None
    assert isinstance(made.view, Gateway)
    probing.Probing().turn(made.routes, made.view, made.now())
    found = {(key, way.device, way.source, target) for way, target, key in sent}
    four, six = "10.201.2.1", "fd00::102:0:0:1"
    assert found == {
        (((2, "wg1", "v4"), False), "wgl2-0", "10.254.0.1", four),
        (((2, "wg1", "v6"), False), "wgl2-0", "fd00::1", six),
        (((2, "wg1", "v4"), True), "wg1", "10.201.1.1", four),
        (((2, "wg1", "v6"), True), "wg1", "fd00:0:0:101::1", six),
    }


def test_a_drain_waits_until_the_sibling_has_all(tmp_path: Path) -> None:
    """It answers who owns what; and is taken back when nobody took over."""
    made, _ = daemon(tmp_path, 0)
    machine = made.machine
    mine = {2: Claim(1, 0)}
    turn(made, 2, Beat(slot=1, stamp=1, claims=mine))

    def passes(seconds: float, claims: dict[int, Claim]) -> None:
        FakeClock.sleep(machine.clock, seconds)  # type: ignore[arg-type]
        made._beats = lambda: [Beat(slot=1, stamp=2, announced=True, claims=claims)]  # type: ignore[method-assign]
        made.guard(set())

    machine.clock.sleep = lambda seconds: passes(seconds, {2: Claim(2, 1)})  # type: ignore[method-assign]
    assert drain.drain(machine, {}) == {"owner": {"hel": "b"}}
    assert standing.drained_file(machine).exists()
    assert drain.undrain(machine, {}) == {"owner": {"hel": "b"}}
    assert not standing.drained_file(machine).exists()
    assert drain.routing(machine, {})["sites"]["2"]["owner"] == "b"
    assert isinstance(made.view, Gateway)
    made.view.sites[2].claim = Claim(5, 0)
    machine.clock.sleep = lambda seconds: passes(seconds, mine)  # type: ignore[method-assign]
    machine.clock.sleep(0.3)
    with pytest.raises(Refused, match="has not taken over hel"):
        drain.drain(machine, {})
    assert not standing.drained_file(machine).exists()


def test_a_drain_is_refused_where_nobody_takes_over(tmp_path: Path) -> None:
    """No gateway, a dead sibling, a drained one, a dead daemon; force does it all the same."""
    leaf, _ = daemon(tmp_path / "leaf", None)
    with pytest.raises(Refused, match="is no gateway"):
        drain.drain(leaf.machine, {})
    made, _ = daemon(tmp_path / "gateway", 0)
    with pytest.raises(Refused, match="does not run"):
        drain.drain(made.machine, {})
    turn(made, 2, Beat(slot=1, stamp=1, drained=True, claims={2: Claim(1, 1)}))
    with pytest.raises(Refused, match="drained itself"):
        drain.drain(made.machine, {})
    turn(made, 6)
    with pytest.raises(Refused, match="does not answer"):
        drain.drain(made.machine, {})
    assert not standing.drained_file(made.machine).exists()
    drain.drain(made.machine, {"force": True})
    assert standing.drained_file(made.machine).exists()


def test_where_the_mesh_is_not_routed_nothing_is_done(tmp_path: Path) -> None:
    """The daemon idles, and says so."""
    made, kernel = daemon(tmp_path, 0)
    (made.machine.layout.generation(GENERATION) / routed.FILE).unlink()
    turn(made, 2)
    assert kernel.log == []
    assert drain.routing(made.machine, {}) == {"routed": False}
    assert forwarding.copies(routed.parse(json.dumps(document(0))), ()) == forwarding.no_copies()
