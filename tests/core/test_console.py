"""Console passwords: long enough, typeable anywhere, one for each machine, only hashed on nodes."""

from __future__ import annotations

import math
import re
from itertools import combinations

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane import console, keys
from backplane.declaration import DeclarationError, parse
from backplane.keys import Secret
from backplane.render import bundle
from tests.core import example

SEED, SALT = example.seed("seed"), example.seed("salt")
LAYOUTS = {
    "QWERTY": "qwertyuiop asdfghjkl; zxcvbnm,.",
    "QWERTZ": "qwertzuiop asdfghjklö yxcvbnm,.",
    "AZERTY": "azertyuiop qsdfghjklm wxcvbn,;:",
}
"""The three rows of letters of each layout, key by key."""


def key(*, seed: bytes = SEED, salt: bytes = SALT, epoch: int = 1, incarnation: int = 1) -> Secret:
    """A console key; one thing at a time is another."""
    return keys.console_key(seed, salt, epoch=epoch, incarnation=incarnation)


def bundles(raw: dict[str, object]) -> dict[str, bundle.Bundle]:
    """The bundle of every node of a declaration."""
    made = example.material(raw)
    return {
        node.name: bundle.bundle(
            made.plan, node.name, made.identities[node.name], made.cards, made.roots
        )
        for node in made.plan.nodes
    }


def test_a_password_has_more_than_100_bits() -> None:
    """25 letters out of 20, all different; 23 of them would still do, and 10 would not."""
    assert len({*console.ALPHABET}) == len(console.ALPHABET)
    assert console.LETTERS * math.log2(len(console.ALPHABET)) >= 100
    assert 10 * math.log2(len(console.ALPHABET)) < 100


@pytest.mark.parametrize("other", ["QWERTZ", "AZERTY"])
def test_every_letter_is_on_one_key_of_each_layout(other: str) -> None:
    """The console believes in QWERTY: what is typed is what it takes; with y or a it would not."""

    def typed(letter: str) -> str:
        return LAYOUTS["QWERTY"][LAYOUTS[other].index(letter)]

    assert [letter for letter in f"{console.ALPHABET} " if typed(letter) != letter] == []
    assert typed("y" if other == "QWERTZ" else "a") != ("y" if other == "QWERTZ" else "a")


@given(raw=st.binary(min_size=32, max_size=32))
def test_a_password_is_five_groups_of_five(raw: bytes) -> None:
    """Whatever it is made from; and its key does not print it."""
    made = Secret(raw)
    group = f"[{console.ALPHABET}]{{5}}"
    assert re.fullmatch(rf"{group}( {group}){{4}}", console.password(made))
    assert console.password(made) not in repr(made)


def test_all_letters_come_equally_often() -> None:
    """Over 400 passwords each letter's share is a twentieth: within six standard deviations."""
    text = "".join(console.password(key(epoch=n)) for n in range(1, 401)).replace(" ", "")
    each = len(text) / len(console.ALPHABET)
    spread = math.sqrt(each * (1 - 1 / len(console.ALPHABET)))
    for letter in console.ALPHABET:
        assert abs(text.count(letter) - each) < 6 * spread, letter


def test_another_seed_salt_epoch_or_incarnation_is_another_password() -> None:
    """No two of them are alike, and the same ones give the same."""
    made = [
        key(),
        key(seed=example.seed("other")),
        key(salt=example.seed("other")),
        key(epoch=2),
        key(incarnation=2),
    ]
    for one, two in combinations(made, 2):
        assert console.password(one) != console.password(two)
        assert console.line(one) != console.line(two)
    assert console.password(key()) == console.password(made[0])
    assert console.line(key()) == console.line(made[0])


def test_the_known_password() -> None:
    """Whoever changes the derivation locks every console out until the next `up`: golden."""
    assert console.password(Secret(b"x" * 32)) == "pkkkb prfgs bxekh vfdik sossg"
    assert console.line(Secret(b"x" * 32)) == (
        "root:$2b$05$HMllAb3cr86rw24qNxopXeVEpRZGcGePhstqkZJThaGbxMHoJeS7S\n"
    )


def test_the_hash_is_of_the_password_and_no_other() -> None:
    """Bcrypt takes the password, spaces and all; not without them, and no other."""
    user, told = console.line(key()).rstrip("\n").split(":")
    assert user == console.USER
    word = console.password(key())
    assert bcrypt.checkpw(word.encode(), told.encode())
    assert not bcrypt.checkpw(word.replace(" ", "").encode(), told.encode())
    assert not bcrypt.checkpw(console.password(key(epoch=2)).encode(), told.encode())


def test_a_bundle_holds_the_hash_and_not_the_password() -> None:
    """Each node its own, for root alone, the same from run to run; a person has none."""
    made = example.material()
    told = bundles(example.raw())
    lines = set()
    for name, one in told.items():
        own = made.identities[name].console
        assert own is not None
        file = one.files()[console.FILE]
        assert (file.mode, file.text) == ("0600", console.line(own))
        word = console.password(own)
        assert not [path for path, held in one.files().items() if word in held.text]
        lines.add(file.text)
    assert len(lines) == len(told)
    assert bundles(example.raw()) == told
    assert made.identities["alice"].console is None


def test_a_node_has_one_from_its_enrollment_on() -> None:
    """The first lasting generation has it too: a mesh that never comes up is no dead end."""
    made = example.material()
    cards = {"runner": made.cards["runner"]}
    first = bundle.birth(made.plan, "fsn-a", made.identities["fsn-a"], cards, made.roots)
    assert console.FILE in first.files()


def test_one_nodes_epoch_changes_that_node_alone() -> None:
    """Its password and its generation; nobody else's."""
    mesh = example.raw()
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["console"] = 2
    before, after = bundles(example.raw()), bundles(mesh)
    assert [name for name in before if before[name] != after[name]] == ["fsn-a"]


def test_without_consoles_no_bundle_has_one() -> None:
    """`use: false` leaves the file out of every bundle; `use: true` is what there is without."""
    mesh = example.raw()
    assert bundles(mesh | {"console": {"use": True}}) == bundles(mesh)
    for one in bundles(mesh | {"console": {"use": False}}).values():
        assert console.FILE not in one.files()


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"console": {"epoch": 0}}, "console.epoch"),
        ({"console": {"use": "no"}}, "console.use"),
        ({"console": {"rotated": "1.1.2026"}}, "console.rotated"),
        ({"console": {"password": "hunter2"}}, "console.password"),
    ],
)
def test_mistakes_are_told(said: dict[str, object], path: str) -> None:
    """An epoch below 1, a switch in words, a strange date, a password of one's own: each named."""
    with pytest.raises(DeclarationError) as caught:
        parse(example.raw() | said)
    assert [one.path for one in caught.value.mistakes] == [path]
    assert parse(example.raw() | {"console": {"epoch": 2, "rotated": "2026-03-01"}})
