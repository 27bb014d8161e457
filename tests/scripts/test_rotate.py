"""`rotate` and `replace`: the one edit, the words, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backplane.declaration import Declaration
from backplane.mistakes import DeclarationError
from scripts import cli
from scripts._declared import read
from scripts._problem import Problem
from scripts._rotation import rotation
from tests.scripts.test_edit import PROD, changed

TODAY = "2026-03-01"
Run = Callable[..., Result]


def run(*words: str) -> Result:
    """Run a verb on stack `prod`."""
    arguments = [*words, "--stack", "prod"]
    return CliRunner().invoke(cli.build(arguments), arguments)


def declared() -> Declaration:
    """What the stack `prod` declares."""
    return read("prod").declaration


# rotate


@pytest.mark.parametrize(
    ("what", "keys", "psk"), [("keys", 2, 1), ("psk", 1, 2), ("everything", 2, 2)]
)
def test_the_epoch_and_its_date_are_raised(file: Path, what: str, keys: int, psk: int) -> None:
    """Only the plane asked for, only what was asked, with the day of it; one line of the file."""
    told = run("rotate", what, "--plane", "monitoring", "--json")
    assert told.exit_code == 0, told.output
    settings = declared().settings("monitoring")
    assert (settings.keys, settings.psk) == (keys, psk)
    assert (settings.rotated.keys is not None, settings.rotated.psk is not None) == (
        keys == 2,
        psk == 2,
    )
    assert len(changed(PROD, file.read_text())) == 2
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    document = json.loads(told.stdout)
    assert document["carried_by"] == "management"
    assert document["fetch"] == ["alice"]


def test_the_words_say_what_will_happen(file: Path) -> None:
    """Plane, order, pause, who fetches files, how to abort."""
    del file
    told = run("rotate", "keys", "--plane", "management").output
    assert "planes.management.keys: 1 -> 2" in told
    assert "led over enrollment" in told
    assert "pause for milliseconds" in told
    assert "management then: alice, bob" in told
    assert "put the old values back before `pulumi up`" in told
    assert "left behind" not in told


def test_a_plane_goes_by_its_own_name_too(file: Path) -> None:
    """The name that the stack gives a plane is taken; a strange one is refused with the list."""
    file.write_text(PROD.replace("storage: {keys: 1,", "storage: {name: backup, keys: 1,"))
    assert run("rotate", "psk", "--plane", "backup").exit_code == 0
    assert declared().settings("storage").psk == 2
    with pytest.raises(Problem, match="no such plane") as caught:
        rotation(declared(), "psk", "backups", today=TODAY)
    assert "backup" in caught.value.why


def test_one_node_s_key_is_one_plane_s(file: Path) -> None:
    """`--node` raises that node's own epoch of that plane; the plane's epoch and date stay."""
    assert run("rotate", "keys", "--plane", "storage", "--node", "hel-a").exit_code == 0
    assert changed(PROD, file.read_text()) == [
        "-          hel-a: {id: 1}",
        "+          hel-a: {id: 1, epochs: {storage: 2}}",
    ]
    assert run("rotate", "keys", "--plane", "storage", "--node", "hel-a").exit_code == 0
    assert declared().sites["hel"].nodes["hel-a"].epochs == {"storage": 3}
    with pytest.raises(Problem, match="no such node"):
        rotation(declared(), "keys", "storage", node="hel-x", today=TODAY)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("everything",), "one plane at a time"),
        (("keys",), "one plane at a time"),
        (("keys", "--node", "fsn-a"), "one plane at a time"),
        (("psk", "--plane", "storage", "--node", "fsn-a"), "belongs to a pair"),
        (("everything", "--plane", "storage", "--node", "fsn-a"), "belongs to a pair"),
        (("salt", "--plane", "storage"), "salt"),
    ],
)
def test_what_cannot_be_one_rotation_is_wrong_usage(
    file: Path, words: tuple[str, ...], reason: str
) -> None:
    """Exit 2 with the reason, and the file as it was."""
    told = run("rotate", *words)
    assert told.exit_code == 2
    assert reason in " ".join(told.output.replace("│", " ").split())
    assert file.read_text() == PROD


def away() -> str:
    """The stack with two nodes offline."""
    text = PROD.replace("fsn-b: {id: 2,", "fsn-b: {id: 2, offline: true,")
    return text.replace("nbg-a: {id: 1}", "nbg-a: {id: 1, offline: true}")


def test_nothing_is_rotated_while_a_node_is_offline(file: Path) -> None:
    """Each offline node must be given up by name, and is then told to be rebuilt."""
    file.write_text(away())
    with pytest.raises(Problem, match="while a node is offline") as caught:
        rotation(declared(), "keys", "storage", leave_behind=["fsn-b"], today=TODAY)
    assert caught.value.where == "node nbg-a"
    assert "--leave-behind nbg-a" in caught.value.fix
    words = ("--leave-behind", "fsn-b", "--leave-behind", "nbg-a")
    told = run("rotate", "keys", "--plane", "storage", *words)
    assert told.exit_code == 0, told.output
    assert "backplane replace fsn-b" in told.output
    assert "backplane replace nbg-a" in told.output
    assert declared().settings("storage").keys == 2


@pytest.mark.parametrize("name", ["fsn-a", "nobody"])
def test_only_who_is_offline_can_be_left_behind(file: Path, name: str) -> None:
    """A node that is there, or none at all, is refused."""
    del file
    with pytest.raises(Problem, match="cannot be left behind"):
        rotation(declared(), "keys", "storage", leave_behind=[name], today=TODAY)


def test_an_offline_node_draws_no_key_of_its_own(file: Path) -> None:
    """Not even when it is given up: rebuilding is what gives it new keys."""
    file.write_text(away())
    with pytest.raises(Problem, match="cannot take a new key"):
        rotation(
            declared(),
            "keys",
            "storage",
            node="fsn-b",
            leave_behind=["fsn-b", "nbg-a"],
            today=TODAY,
        )


def test_a_declaration_with_mistakes_is_not_touched(file: Path) -> None:
    """All mistakes are told as `pulumi up` would, and nothing is written."""
    wrong = PROD.replace("timer: 180", "timer: 1")
    file.write_text(wrong)
    told = run("rotate", "keys", "--plane", "storage")
    assert isinstance(told.exception, DeclarationError)
    assert file.read_text() == wrong


def test_a_shared_block_is_not_changed_for_all(file: Path) -> None:
    """With an anchor over two planes nothing is written, and the line to write is told."""
    text = PROD.replace("monitoring: {keys: 1, psk: 1}", "monitoring: &same {keys: 1, psk: 1}")
    text = text.replace("storage: {keys: 1, psk: 1}", "storage: *same")
    file.write_text(text)
    told = run("rotate", "keys", "--plane", "storage")
    assert isinstance(told.exception, Problem)
    assert told.exception.fix == "write planes.storage.keys: 2 by hand"
    assert file.read_text() == text


def test_without_a_file_or_a_mesh_there_is_one_clear_error(file: Path) -> None:
    """No such stack's file, and one that declares no mesh, both say what is missing."""
    file.write_text("config: {}\n")
    with pytest.raises(Problem, match="no declaration") as caught:
        read("prod")
    assert "backplane:mesh" in caught.value.why
    with pytest.raises(Problem, match="no declaration"):
        read("nowhere")


# replace


def test_replace_raises_the_incarnation(file: Path) -> None:
    """One number; the words say what is lost, and how a protected server is let go."""
    told = run("replace", "hel-b")
    assert told.exit_code == 0, told.output
    assert changed(PROD, file.read_text()) == [
        "-          hel-b: {id: 2, image: debian-13}",
        "+          hel-b: {id: 2, image: debian-13, incarnation: 2}",
    ]
    assert "everything on its disk is lost" in told.output
    assert (
        "pulumi state unprotect 'urn:pulumi:prod::backplane::backplane:index:Node$"
        "hcloud:index/server:Server::hel-b-server' --stack prod"
    ) in told.output
    file.write_text(file.read_text().replace("protect: true", "protect: false"))
    told = run("replace", "hel-b", "--json")
    assert json.loads(told.stdout)["unprotect"] is None
    assert declared().sites["hel"].nodes["hel-b"].incarnation == 3


def test_replace_knows_the_marks(file: Path) -> None:
    """An offline node must come back by the same edit; a retired one is not rebuilt."""
    file.write_text(away())
    assert "take that away too" in run("replace", "fsn-b").output
    retired = PROD.replace("nbg-a: {id: 1}", "nbg-a: {id: 1, retire: true}")
    file.write_text(retired)
    told = run("replace", "nbg-a")
    assert isinstance(told.exception, Problem)
    assert "retire" in told.exception.why
    told = run("replace", "nobody")
    assert isinstance(told.exception, Problem)
    assert "nbg-a" in told.exception.why
    assert file.read_text() == retired


def test_every_edit_is_a_declaration_that_is_taken(file: Path) -> None:
    """After a year of rotations the file still parses, and its comments are all there."""
    for _ in range(4):
        for slot in ("enrollment", "management", "monitoring", "storage"):
            assert run("rotate", "everything", "--plane", slot).exit_code == 0
    assert {declared().settings(slot).psk for slot in ("enrollment", "storage")} == {5}
    comments = [line for line in PROD.splitlines() if "#" in line]
    assert [line for line in file.read_text().splitlines() if "#" in line] == comments
