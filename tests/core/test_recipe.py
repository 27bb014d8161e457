"""The recipe: it makes the bundles that the mesh's keys and cards make, and any change shows."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from backplane import holders, keys
from backplane.recipe import Recipe, push_key
from backplane.render import bundle
from runner.order import ordered
from tests.core import example

MADE = example.material()
PUSH = b64encode(example.seed("push")).decode()


def recipe(mesh: dict[str, Any] | None = None, **more: object) -> Recipe:
    """The example's, as a stack would make it."""
    planned = example.material(mesh).plan
    told: dict[str, Any] = {
        "project": planned.project,
        "stack": planned.stack,
        "program": "a b",
        "mesh": mesh or example.raw(),
        "absent": [],
        "push_seed": PUSH,
        "seeds": {
            one.name: b64encode(example.seed("node", one.key)).decode() for one in planned.everyone
        },
        "salts": {
            slot: b64encode(example.seed("salt", slot)).decode()
            for slot in (*planned.slots, keys.CONSOLE)
        },
        "roots": {slot: b64encode(example.seed("root", slot)).decode() for slot in planned.slots},
        "endpoints": {name: str(card.endpoint) for name, card in MADE.cards.items()},
        "secrets": {},
    }
    return Recipe(**{**told, **more})


def test_it_makes_the_bundles_of_the_mesh() -> None:
    """Through its text and back: every node's bundle is the one of its keys and everybody's cards.

    Runners log in with the key that pushes, whatever their own seeds make.
    """
    read = Recipe.decode(recipe().encode())
    cards = dict(MADE.cards)
    for person in MADE.plan.runners:
        own = MADE.identities[person.name]
        cards[person.name] = keys.card(own, key=person.key, ssh=push_key(PUSH).public)
    assert read.directory == cards
    expected = [
        bundle.bundle(MADE.plan, node.name, MADE.identities[node.name], cards, MADE.roots)
        for node in MADE.plan.nodes
    ]
    assert list(read.bundles()) == expected


def test_who_brings_keys_keeps_them() -> None:
    """What an operator brings is on their card; a runner's own SSH key goes before the push key."""
    mesh = example.raw()
    brought = keys.public_key(keys.Secret(keys.clamp(example.seed("brought"))))
    mesh["operators"]["alice"]["public_keys"] = {"management": brought}
    read = recipe(mesh)
    alice = read.directory["alice"].wireguard
    assert alice["management"] == brought != alice["monitoring"]
    person = read.plan.person("alice")
    own = holders.of_person(person, example.seed("x"), {s: example.seed(s) for s in read.salts})
    assert holders.card_of(person, own, "ssh-ed25519 PUSH").ssh == own.ssh.public


def test_the_same_content_is_the_same_text() -> None:
    """The order in which anything was written is not in it."""
    mesh = example.raw()
    turned = dict(reversed(mesh.items()))
    assert recipe(mesh).encode() == recipe(turned).encode()
    assert recipe(mesh).encode().count("\n") == 1


@pytest.mark.parametrize("field", ["program", "absent", "secrets", "endpoints"])
def test_any_other_content_is_another_text(field: str) -> None:
    """Another program, absence, secret or address each make the rollout run."""
    other: dict[str, Any] = {
        "program": "a c",
        "absent": ["hel-b"],
        "secrets": {"hook": "word"},
        "endpoints": {**recipe().endpoints, "fsn-a": "198.51.100.99"},
    }
    changed = recipe(**{field: other[field]})
    assert changed.encode() != recipe().encode()
    assert changed.digest() != recipe().digest()


def test_who_is_away_has_a_generation_and_no_part_in_the_rollout() -> None:
    """Absent, offline and retired nodes: named or left out, and what they must take is known."""
    mesh = example.raw()
    mesh["sites"]["hel"]["nodes"]["hel-a"]["offline"] = True
    mesh["sites"]["hel"]["nodes"]["hel-b"]["retire"] = True
    read = recipe(mesh, absent=["fsn-b"])
    order, generations = ordered(read), {one.node: one.generation for one in read.bundles()}
    assert [one.name for one in order.targets] == ["fsn-a"]
    assert (order.absent, order.offline) == (("fsn-b",), ("hel-a",))
    assert [*generations] == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    (target,) = order.targets
    assert bundle.decode(target.bundle).generation == target.generation == generations["fsn-a"]
    assert (target.wg1, target.wg0) == ("10.201.1.1", "10.200.1.1")
    assert target.host_key == MADE.cards["fsn-a"].ssh
    assert order.push_key == push_key(PUSH).private.text()


def test_it_grows_with_the_number_of_nodes_and_no_faster() -> None:
    """200 nodes: less than 40 kB, and no more than 2.1 times what 100 take. The state keeps it."""
    hundred, more = (len(_grown(count).encode()) for count in (100, 200))
    assert 10_000 < more < 40_000
    assert more < 2.1 * hundred


def _grown(count: int) -> Recipe:
    mesh = example.grown(count)
    nodes = [node.name for node in example.material(mesh).plan.nodes]
    return recipe(mesh, endpoints=dict.fromkeys(nodes, "2001:db8:1:2::17"))


def test_nothing_secret_shows() -> None:
    """Neither its own text for people nor an error about it tells what is random."""
    whole = recipe(secrets={"hook": "a-hidden-word"})
    order = ordered(whole)
    told = repr(whole) + repr(order) + str(whole)
    hidden = [PUSH, *whole.seeds.values(), *whole.salts.values(), *whole.roots.values()]
    assert not [one for one in (*hidden, "a-hidden-word", "PRIVATE KEY") if one in told]
    broken = json.loads(whole.encode())
    broken["seeds"] = {"a-hidden-word": 17}
    broken["a-hidden-word"] = "x"
    with pytest.raises(ValueError, match=r"no recipe: seeds$") as caught:
        Recipe.decode(json.dumps(broken))
    assert "a-hidden-word" not in str(caught.value)
    assert caught.value.__cause__ is None
