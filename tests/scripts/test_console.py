"""`console` and `rotate console`: one node's password, after asking; the one edit, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scripts import cli, console
from scripts._problem import Problem
from scripts._stack import Stack
from tests.scripts.test_edit import PROD, changed
from tests.scripts.test_rotate import declared, run

WORD = "bcdef ghijk lnopr stuvx bbccd"
OTHER = "xvuts rponl kjihg fedcb bbccd"
OUTPUTS = {
    "runner": {},
    "nodes": {"fsn-a": {}, "fsn-b": {}, "hel-a": {}},
    "console": {
        "fsn-a": {"user": "root", "password": WORD},
        "fsn-b": {"user": "root", "password": OTHER},
    },
}


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `console` on a stack with two passwords; somebody sits there if `typed` is given."""
    monkeypatch.setattr(console, "read", lambda _: Stack(label="stack prod", outputs=OUTPUTS))

    def said(*words: str, typed: str | None = None) -> Result:
        monkeypatch.setattr("scripts.console._asks", lambda: typed is not None)
        arguments = ["console", *words]
        return CliRunner().invoke(cli.build(arguments), arguments, input=typed)

    return said


def test_it_prints_one_nodes_password(say: Callable[..., Result]) -> None:
    """User and password on stdout, how to type and rotate it on stderr; nobody else's anywhere."""
    told = say("fsn-a", "--yes")
    assert told.exit_code == 0
    assert told.stdout == f"user      root\npassword  {WORD}\n"
    assert "backplane rotate console --node fsn-a" in told.stderr
    assert OTHER not in told.output


def test_a_machine_can_read_it(say: Callable[..., Result]) -> None:
    """As JSON the same, with the command that rotates it."""
    assert json.loads(say("fsn-b", "--yes", "--json").stdout) == {
        "node": "fsn-b",
        "user": "root",
        "password": OTHER,
        "rotate": "backplane rotate console --node fsn-b",
    }


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_it_asks_first(say: Callable[..., Result], typed: str, code: int) -> None:
    """Yes prints it; no, and the end of the input, end with 1 and print nothing of it."""
    told = say("fsn-a", typed=typed)
    assert told.exit_code == code
    assert (WORD in told.output) is (code == 0)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_where_nobody_is_asked_yes_must_be_said(
    say: Callable[..., Result], words: tuple[str, ...]
) -> None:
    """In a script it is wrong usage without --yes: nothing is read, nothing printed."""
    told = say("fsn-a", *words)
    assert told.exit_code == 2
    assert "--yes" in told.output
    assert WORD not in told.output


def test_no_node_and_no_password_are_told_apart() -> None:
    """A strange name gets the list; a node without a password the ways that are left."""
    stack = Stack(label="stack prod", outputs=OUTPUTS)
    with pytest.raises(Problem, match="there is no node fsn-x") as caught:
        console.password(stack, "fsn-x")
    assert "fsn-a, fsn-b, hel-a" in caught.value.why
    with pytest.raises(Problem, match="has no password") as caught:
        console.password(stack, "hel-a")
    assert "backplane replace hel-a" in caught.value.fix
    assert WORD not in str(vars(caught.value))
    old = Stack(label="stack prod", outputs={**OUTPUTS, "console": {}})
    with pytest.raises(Problem, match="has no password"):
        console.password(old, "fsn-a")


def test_one_nodes_rotation_is_one_number(file: Path) -> None:
    """The node's own number, twice; nothing else in the file changes, and no date is written."""
    for number in (2, 3):
        told = run("rotate", "console", "--node", "fsn-a", "--json")
        assert told.exit_code == 0, told.output
        assert declared().sites["fsn"].nodes["fsn-a"].console == number
    assert declared().console.epoch == 1
    assert declared().console.rotated is None
    assert json.loads(told.stdout)["changes"] == [
        {"path": "sites.fsn.nodes.fsn-a.console", "from": 2, "to": 3}
    ]
    assert len(changed(PROD, file.read_text())) <= 2


def test_a_rotation_of_all_is_an_epoch_and_a_date(file: Path) -> None:
    """And the words say when it holds, what is not touched, and how to abort."""
    told = run("rotate", "console")
    assert told.exit_code == 0, told.output
    assert declared().console.epoch == 2
    assert declared().console.rotated is not None
    assert "console.epoch: 1 -> 2" in told.output
    assert "the console password of every node is another one once" in told.output
    assert "`backplane console NODE` tells it now" in told.output
    assert "put the old values back" in told.output
    assert file.read_text() != PROD
    assert "offline" not in told.output


def test_who_is_offline_is_named(file: Path) -> None:
    """Its old password is told by nothing afterwards, so the words say to take it down first."""
    file.write_text(PROD.replace("fsn-a: {id: 1}", "fsn-a: {id: 1, offline: true}"))
    told = run("rotate", "console")
    assert told.exit_code == 0, told.output
    assert "fsn-a is offline and keeps its old one" in told.output
    assert "`backplane console fsn-a`" in told.output
    assert json.loads(run("rotate", "console", "--json").stdout)["offline"] == ["fsn-a"]
    done = run("rotate", "console", "--node", "fsn-a")
    assert isinstance(done.exception, Problem)
    assert "backplane replace fsn-a" in done.exception.fix


@pytest.mark.parametrize(
    "words", [("--plane", "storage"), ("--leave-behind", "fsn-a"), ("--node", "fsn-a", "-p", "x")]
)
def test_a_console_is_on_no_plane(file: Path, words: tuple[str, ...]) -> None:
    """--plane and --leave-behind are wrong usage; the file stays."""
    assert run("rotate", "console", *words).exit_code == 2
    assert file.read_text() == PROD


def test_what_cannot_be_rotated_is_said(file: Path) -> None:
    """A node that is unknown, and a mesh without passwords; the file stays."""
    off = PROD.replace("sites:", "console: {use: false}\n    sites:", 1)
    file.write_text(off)
    done = run("rotate", "console")
    assert isinstance(done.exception, Problem)
    assert "use: false" in done.exception.why
    assert file.read_text() == off
    file.write_text(PROD)
    done = run("rotate", "console", "--node", "nobody")
    assert isinstance(done.exception, Problem)
    assert "no such node" in str(done.exception)
    assert file.read_text() == PROD
