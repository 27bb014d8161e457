"""`backplane operator`: one entry comes or goes, files for their owner, what is refused."""

from __future__ import annotations

import base64
import datetime as dt
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backplane.mistakes import DeclarationError
from backplane.render.wireguard import config
from scripts import _operators, _stack, cli
from scripts._declared import read
from scripts._problem import Problem
from scripts._stack import Stack
from tests.scripts.test_edit import PROD, changed

KEY = base64.b64encode(bytes(range(32))).decode()
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2O/5TzPyVdYzCqVYJdhhjpFJk5gVQbgRBMXj2Vdkyl"
MANY = {"management": 200, "storage": 3}


def run(*words: str) -> Result:
    """Run `backplane operator` on stack `prod`."""
    arguments = ["operator", *words, "--stack", "prod"]
    return CliRunner().invoke(cli.build(arguments), arguments)


def _text(peers: int, private: str | None = KEY) -> str:
    from backplane.render.wireguard import WireguardPeer  # noqa: PLC0415

    made = [
        WireguardPeer(
            name=f"n{number:03}", public=KEY, psk=KEY, allowed=("10.201.1.1/32",),
            endpoint="198.51.100.1:51821", keepalive=25,
        )
        for number in range(peers)
    ]  # fmt: skip
    return config(
        title="alice", addresses=["10.201.255.1/16"], mtu=1420, port=None, private=private,
        peers=made,
    )  # fmt: skip


def _outputs(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a document
    planes = [
        {"slot": "management", "name": "mgmt", "interface": "wg1"},
        {"slot": "storage", "name": "storage", "interface": "wg3"},
    ]
    files = {"prod-wg1.conf": _text(2), "prod-wg3.conf": _text(3)}
    return {
        "plan": {"planes": planes, "people": {"alice": {"kind": "operator"}}, "sites": {}},
        "operators": {"alice": files},
        **more,
    }


def _has(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any]) -> None:
    made = Stack(label="stack prod", outputs=outputs)
    monkeypatch.setattr(_stack, "read", lambda _: made)
    monkeypatch.setattr(_stack, "deployed", lambda _: made)


# add


def test_a_new_operator_is_one_line_of_the_file(file: Path) -> None:
    """With a free id, the device's own keys, and a last day; comments and the rest stay."""
    told = run(
        "add", "zoe", "-p", "management", "--public-key", f"management={KEY}", "--ssh-key", SSH,
        "--expires", "2027-03-31", "--json",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    (line,) = changed(PROD, file.read_text())
    made = read("prod").declaration.operators["zoe"]
    others = {one.id for name, one in read("prod").declaration.operators.items() if name != "zoe"}
    assert made.id not in others
    assert json.loads(told.output)["id"] == made.id
    assert (made.public_keys, made.ssh_key, made.expires) == (
        {"management": KEY},
        SSH,
        "2027-03-31",
    )
    assert line.startswith("+      zoe: {id: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "nowhere"], "nowhere"),
        (["-p", "management", "--public-key", "management=AAAA"], "public_keys"),
        (["-p", "management", "--expires", "2027-02-29"], "calendar"),
        (["-p", "management", "--expires", "soon"], "expires"),
        (["-p", "management", "--public-key", KEY], "no plane"),
        (["-p", "management", "--ssh-key", "/nowhere/id.pub"], "cannot be read"),
        (["-p", "management", "--ssh-key", "ssh-rsa AAAA"], "ssh_key"),
    ],
)
def test_what_would_be_a_mistake_is_not_written(file: Path, words: list[str], said: str) -> None:
    """It is told like any mistake in a declaration, and the file stays as it is."""
    told = run("add", "zoe", *words)
    assert isinstance(told.exception, (Problem, DeclarationError)), told.output
    assert said in f"{told.exception} {getattr(told.exception, 'where', '')}"
    assert file.read_text() == PROD


def test_a_private_key_is_never_taken_for_a_public_one(file: Path, tmp_path: Path) -> None:
    """The file beside it is named."""
    path = tmp_path / "id_ed25519"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")
    told = run("add", "zoe", "-p", "management", "--ssh-key", str(path))
    assert isinstance(told.exception, Problem)
    assert told.exception.fix == f"give {path}.pub"
    assert "secret" not in f"{told.exception} {told.output}"
    assert file.read_text() == PROD


def test_a_name_that_is_taken_is_refused(file: Path) -> None:
    """An entry is never overwritten."""
    name = next(iter(read("prod").declaration.operators))
    assert isinstance(run("add", name, "-p", "management").exception, Problem)
    assert file.read_text() == PROD


def test_ids_are_not_given_again_while_there_are_others(file: Path) -> None:
    """Above everybody's; when those run out, the lowest that is free."""
    declared = read("prod").declaration
    highest = max(one.id for one in declared.operators.values())
    assert _operators.free(declared) == highest + 1
    assert file.exists()


@pytest.mark.parametrize(
    ("words", "sudo"),
    [
        ([], "none"),
        (["--sudo", "all"], "all"),
        (["--sudo", "/usr/bin/id", "--sudo", "/usr/bin/true"], ["/usr/bin/id", "/usr/bin/true"]),
    ],
)
def test_an_account_of_their_own_comes_with_its_rights(
    file: Path, words: list[str], sudo: str | list[str]
) -> None:
    """As the runbook has it; rights of no account, and of no form, are refused."""
    assert run("add", "zoe", "-p", "management", "--user", "zoe-z", *words).exit_code == 0
    login = read("prod").declaration.operators["zoe"].login
    assert login is not None
    assert (login.user, login.sudo) == ("zoe-z", sudo)
    before = file.read_text()
    for wrong in (["--sudo", "all"], ["--user", "root"], ["--user", "yo", "--sudo", "id"]):
        told = run("add", "yo", "-p", "management", *wrong)
        assert isinstance(told.exception, (Problem, DeclarationError)), wrong
    assert file.read_text() == before


# list


def test_the_list_says_whose_day_is_near_or_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the day it is now; text and JSON."""
    now = dt.datetime.now(dt.UTC)
    # Midnight may come between here and the list.
    monkeypatch.setattr("scripts.operator.time.time", now.timestamp)
    today = now.date()
    days = {"over": -1, "today": 0, "soon": 3, "later": 30}
    for name, ahead in days.items():
        day = (today + dt.timedelta(days=ahead)).isoformat()
        assert run("add", name, "-p", "management", "--expires", day).exit_code == 0
    told = {one["name"]: one for one in json.loads(run("list", "--json").output)}
    states = {name: told[name]["state"] for name in days}
    assert states == {"over": "over", "today": "soon", "soon": "soon", "later": ""}
    shown = run("list").output
    assert "over: refused" in shown
    assert file.exists()


# config and qr


def test_files_are_for_their_owner_alone(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of the person's choice, mode 0600, one a plane; one plane alone if asked."""
    _has(monkeypatch, _outputs())
    out = tmp_path / "keys"
    told = run("config", "alice", "--out", str(out))
    assert told.exit_code == 0, told.output
    assert sorted(one.name for one in out.iterdir()) == ["prod-wg1.conf", "prod-wg3.conf"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in out.iterdir()} == {0o600}
    assert KEY not in told.output
    shown = run("config", "alice", "--plane", "mgmt").output
    assert shown.startswith("# prod-wg1.conf\n")
    assert "prod-wg3" not in shown
    assert file.exists()


def test_the_direct_way_is_had_by_its_own_word(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sites have entries; where none has, both are the same."""
    direct = {"alice": {"prod-wg1.conf": _text(40)}}
    _has(monkeypatch, _outputs(direct=direct))
    assert run("config", "alice", "-p", "wg1").output.count("[Peer]") == 2
    assert run("config", "alice", "-p", "wg1", "--direct").output.count("[Peer]") == 40
    _has(monkeypatch, _outputs())
    assert run("config", "alice", "-p", "wg1", "--direct").output.count("[Peer]") == 2
    assert file.exists()


@pytest.mark.parametrize("words", [["config", "mallory"], ["config", "alice", "-p", "wg2"]])
def test_who_or_what_is_not_there_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """No such operator, or none of their planes."""
    _has(monkeypatch, _outputs())
    told = run(*words)
    assert isinstance(told.exception, Problem)
    assert told.exception.fix
    assert file.exists()


def test_a_qr_code_holds_the_whole_file_or_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two peers fit; forty do not, and a device with its own key has nothing to scan."""
    _has(monkeypatch, _outputs())
    told = run("qr", "alice", "-p", "wg1")
    assert told.exit_code == 0, told.output
    assert "█" in told.output or "▀" in told.output
    assert KEY not in told.output
    short = _operators.scanned("alice", _text(2))
    assert short.count("[Peer]") == 2
    assert "#" not in short
    with pytest.raises(Problem, match="a QR code holds"):
        _operators.scanned("alice", _text(40))
    with pytest.raises(Problem, match="of no use"):
        _operators.scanned("alice", _text(2, private=None))
    assert file.exists()
