"""The soak's own parts: what is drawn is valid and repeats, and a broken invariant is seen."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from backplane import declaration
from backplane.plan import plan
from tests.soak import changes, faults, invariants
from tests.soak.facts import Facts, Peer
from tests.soak.model import PLANES, Model, chance, expected_peers
from tests.soak.moments import Eye, Moment

STACK = Path(__file__).parents[2] / "stacks/Pulumi.lab.yaml"
SEEDS = range(8)
STEPS = 40


def mesh() -> Model:
    """The lab's mesh."""
    declared = yaml.safe_load(STACK.read_text())["config"]["backplane:mesh"]
    changes.without_copies(declared)
    return Model(declared=declared)


def walked(seed: int) -> list[tuple[str, Model]]:
    """What a seed draws: each change in words, with the model after it."""
    model, steps = mesh(), []
    for number in range(STEPS):
        edit = changes.drawn(model, chance(seed, number))
        changes.take(model, edit)
        model.converged()
        steps.append((edit.what, copy.deepcopy(model)))
    return steps


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_is_a_valid_declaration(seed: int) -> None:
    """No drawn change is refused, and the plan's peers are the model's."""
    for what, model in walked(seed):
        made = plan(declaration.parse(model.declared), project="backplane", stack="lab")
        for node in made.nodes:
            for plane in PLANES:
                planned = {peer.address.v4: peer.name for peer in made.peers(node.name, plane)}
                assert expected_peers(model.declared, node.name, plane) == planned, what


def test_a_seed_repeats() -> None:
    """One seed draws the same twice, and another draws something else."""
    words = [[what for what, _ in walked(seed)] for seed in (7, 7, 8)]
    assert words[0] == words[1] != words[2]


def test_every_change_and_fault_is_drawn() -> None:
    """Nothing in the tables is out of reach."""
    drawn = {what.split(" ")[0] for seed in SEEDS for what, _ in walked(seed)}
    assert drawn == {"operator", "timer", "mtu", "ports", "keys", "PSKs", "node"}
    edit = changes.Edit(what="nothing", apply=lambda _: None)
    whats = {
        faults.drawn(mesh(), edit, chance(number), adopts=True).what.split()[0]
        for number in range(300)
    }
    assert whats == {"power", "pulumi", "rollout", "API", "path", "nft", "by"}


def test_where_machines_are_made_nothing_strikes_that_would_leave_one_behind() -> None:
    """Unless there is a verb that deals with such machines."""
    edit = changes.Edit(what="new", apply=lambda _: None, makes=frozenset(("hel-c",)))
    orphaning = ("pulumi", "API")
    whats = [
        [faults.drawn(mesh(), edit, chance(n), adopts=adopts).what for n in range(200)]
        for adopts in (False, True)
    ]
    assert not [what for what in whats[0] if what.startswith(orphaning)]
    assert [what for what in whats[1] if what.startswith(orphaning)]


# Broken invariants are seen


def good(model: Model) -> dict[str, Facts]:
    """Facts of a mesh that is as the model says; keys are words."""
    facts = {}
    for node in model.nodes.values():
        peers: dict[str, tuple[Peer, ...]] = {}
        for index, plane in enumerate(PLANES):
            expected = expected_peers(model.declared, node.name, plane)
            peers[f"wg{index}"] = tuple(
                Peer(
                    public=f"{name} {plane}",
                    psk=f"{sorted((name, node.name))} {plane}",
                    allowed=(address, f"fd00::{address.replace('.', ':')}"),
                )
                for address, name in expected.items()
            )
        status = {"confirmed": "g", "active": "g", "staged": "g", "timer": None, "lease": None}
        facts[node.name] = Facts(
            status=status,
            publics={f"wg{index}": f"{node.name} {plane}" for index, plane in enumerate(PLANES)},
            peers=peers,
            addresses={f"wg{index}": (node.address(index),) for index in range(4)},
            mtus={f"wg{index}": 1420 for index in range(4)},
        )
    return facts


def checked(model: Model, facts: dict[str, Facts]) -> None:
    """Every check of a mesh that has converged."""
    invariants.confirmed(facts, dict.fromkeys(facts, "g"))
    invariants.live(model, facts)
    invariants.keys(model, facts)


def changed(facts: dict[str, Facts], **parts: Any) -> dict[str, Facts]:  # noqa: ANN401
    """The same facts, but for parts of fsn-b's."""
    return {**facts, "fsn-b": replace(facts["fsn-b"], **parts)}


def test_a_mesh_as_declared_passes() -> None:
    """The checks find nothing where nothing is wrong, also when asked again."""
    model = mesh()
    facts = good(model)
    checked(model, facts)
    checked(model, facts)
    assert invariants.settled(facts) == []


def test_a_node_that_is_not_confirmed_is_seen() -> None:
    """Another generation, an armed timer, a lease that stayed, or no answer at all."""
    facts = good(mesh())
    for wrong in ({"confirmed": "h"}, {"active": "h"}, {"timer": 3.0}, {"lease": {"id": "x"}}):
        status = {**facts["fsn-b"].status, **wrong}
        with pytest.raises(invariants.Broken, match="fsn-b"):
            invariants.confirmed(changed(facts, status=status), dict.fromkeys(facts, "g"))
    with pytest.raises(invariants.Broken, match="fsn-b does not answer"):
        invariants.confirmed({**facts, "fsn-b": None}, dict.fromkeys(facts, "g"))
    halfway = changed(facts, status={**facts["fsn-b"].status, "active": "h"})
    assert [line.partition(":")[0] for line in invariants.settled(halfway)] == ["fsn-b"]
    assert invariants.mixed(dict.fromkeys(facts, "f"), facts) is False
    assert invariants.mixed({**dict.fromkeys(facts, "f"), "fsn-b": "g"}, facts) is True


def test_a_live_plane_that_differs_is_seen() -> None:
    """A peer too many or too few, without a PSK, with a wrong address or MTU."""
    model = mesh()
    facts = good(model)
    peers = facts["fsn-b"].peers
    stray = Peer(public="mallory", psk="p", allowed=("10.202.255.99", "fd00::99"))
    for wrong in (
        {"peers": {**peers, "wg2": (*peers["wg2"], stray)}},
        {"peers": {**peers, "wg2": peers["wg2"][1:]}},
        {"peers": {**peers, "wg2": (replace(peers["wg2"][0], psk=None), *peers["wg2"][1:])}},
        {"addresses": {**facts["fsn-b"].addresses, "wg1": ("10.201.9.9",)}},
        {"mtus": {**facts["fsn-b"].mtus, "wg3": 1300}},
    ):
        with pytest.raises(invariants.Broken, match="fsn-b"):
            invariants.live(model, changed(facts, **wrong))


def test_old_keys_are_seen() -> None:
    """A key that stays after a rotation or a rebuild, and a new one where none was asked for."""
    for key, value in (("keys", 2), ("psk", 2)):
        model = mesh()
        checked(model, good(model))
        model.declared["planes"] = {"storage": {key: value}}
        with pytest.raises(invariants.Broken):
            checked(model, good(model))
    model = mesh()
    checked(model, good(model))
    model.declared["sites"]["fsn"]["nodes"]["fsn-b"]["incarnation"] = 2
    with pytest.raises(invariants.Broken, match="fsn-b"):
        checked(model, good(model))
    model = mesh()
    facts = good(model)
    checked(model, facts)
    with pytest.raises(invariants.Broken):
        checked(model, changed(facts, publics=dict.fromkeys(facts["fsn-b"].publics, "new")))


def test_lost_packets_are_seen() -> None:
    """None may be lost; half a second on a plane whose keys are rotated."""
    invariants.undisturbed({}, frozenset(), 0.1)
    invariants.undisturbed({"storage": 5}, frozenset({"storage"}), 0.1)
    for lost in ({"storage": 6}, {"storage": 1, "management": 1}):
        with pytest.raises(invariants.Broken):
            invariants.undisturbed(lost, frozenset({"storage"}), 0.1)
    invariants.dark({"received_total": 0, "received": []})
    with pytest.raises(invariants.Broken):
        invariants.dark({"received_total": 1, "received": ["x"]})


def test_a_moment_comes_with_the_phase_of_any_node(tmp_path: Path) -> None:
    """It waits for the phase, and is missed when the `up` ends before."""
    run = tmp_path / "run/backplane"
    run.mkdir(parents=True)
    eye = Eye(roots={"fsn-a": tmp_path})
    armed = Moment(phase="armed", after=0)
    assert armed.wait(eye, lambda: True) is False
    (run / "armed.json").touch()
    assert armed.wait(eye, lambda: False) is True
    assert eye.reached("flipped") is False
    (run / "active").symlink_to("generations/new")
    assert eye.reached("flipped") is True
    assert eye.reached("confirmed") is False
