"""`backplane backup`: one sealed file, for those who may open it, and nothing in plain."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyrage import x25519

from scripts import _sealed
from scripts._archive import unpack
from scripts._problem import Problem
from tests.scripts.control import PHRASE, SALT, TIME, Control, deployment, settings


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """A control machine with stack prod."""
    made = Control.make(tmp_path / "old", monkeypatch)
    made.holds(deployment())
    return made


def ssh_pair() -> tuple[str, bytes]:
    """An ed25519 key of OpenSSH's: public line and private file."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return f"{public.decode()} carol@desk", private


def test_it_is_for_its_recipients_alone(control: Control, tmp_path: Path) -> None:
    """Declared keys open it, age's and OpenSSH's; it holds state and file as they were.

    No passphrase is in the job's environment, neither the stack's nor the backup's.
    """
    control.environment.clear()
    key, other = x25519.Identity.generate(), x25519.Identity.generate()
    public, private = ssh_pair()
    declared = f"# who may open it\n{key.to_public()}\n\n{public}\n"
    control.file.with_name("prod.recipients").write_text(declared)
    out = tmp_path / "b.age"
    done = control.run("backup", "--stack", "prod", "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["stack"], told["resources"], told["pending"]) == ("prod", 3, 0)
    assert told["opens"].endswith(", carol@desk")
    sealed = out.read_bytes()
    for identity in (key, pyrage.ssh.Identity.from_buffer(private)):
        held = unpack(pyrage.decrypt(sealed, [identity]))
        assert held.settings == control.file.read_bytes()
        assert json.loads(held.raw_state) == deployment()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [other])
    needs = held.about["needs"]
    assert needs["backend"] == "s3://states/prod"
    assert (needs["secrets"], needs["clouds"]) == ("passphrase", ["hetzner"])
    assert not [line for line in control.asked() if "show-secrets" in line]


def test_nothing_in_plain_is_left_behind(
    control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file, for its owner alone; what is in it is in no file, and no word of pulumi's."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    control.environment[_sealed.PASSPHRASE] = PHRASE
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = control.run("backup", "--passphrase", "--stack", "prod")
    assert done.exit_code == 0, done.output
    log, made = sorted({path for path in tmp_path.rglob("*") if path.is_file()} - before)
    assert made.name.startswith("backplane-prod-2")
    assert made.suffix == ".age"
    assert made.stat().st_mode & 0o7777 == 0o600
    sealed = made.read_bytes()
    assert not any(word in sealed for word in (b"sealed-1", SALT.encode(), b"urn:"))
    assert PHRASE not in log.read_text() + done.output
    plain = pyrage.passphrase.decrypt(sealed, PHRASE)
    assert b"sealed-1" in gzip.decompress(plain)


def test_a_file_that_cannot_be_written_leaves_the_old_one(control: Control, tmp_path: Path) -> None:
    """Neither a half file nor a temporary one; what was there is there."""
    out = tmp_path / "b.age"
    out.mkdir()
    (out / "kept").write_text("x")
    key = str(x25519.Identity.generate().to_public())
    done = control.run("backup", "-r", key, "--out", str(out))
    assert isinstance(done.exception, Problem)
    assert "cannot be written" in done.exception.what
    assert {path.name for path in tmp_path.iterdir()} == {"old", "b.age"}
    assert (out / "kept").read_text() == "x"


@pytest.mark.parametrize(
    ("words", "variables", "what"),
    [
        ((), {}, "nobody is named who may open"),
        (("--passphrase",), {}, "there is none to seal"),
        (("--passphrase",), {_sealed.PASSPHRASE: "short"}, "too short"),
        (("--passphrase",), {_sealed.PASSPHRASE_FILE: "/nowhere"}, "passphrase cannot be read"),
        (("-r", "age1nonsense"), {}, "no public key of a recipient"),
        (("-r", "ssh-rsa AAAA"), {}, "no public key of a recipient"),
        (("-R", "/nowhere"), {}, "recipients cannot be read"),
    ],
)
def test_without_somebody_to_open_it_there_is_none(
    control: Control, words: tuple[str, ...], variables: dict[str, str], what: str
) -> None:
    """Each with what is wrong; no state was read by then."""
    done = control.run("backup", "--stack", "prod", *words, **variables)
    assert isinstance(done.exception, Problem), done.output
    assert what in done.exception.what
    assert done.exception.fix
    assert control.asked() == []


def test_a_private_key_is_no_recipient(control: Control) -> None:
    """It is refused, and not printed whole."""
    public, private = ssh_pair()
    path = control.home / "key"
    path.write_bytes(private)
    done = control.run("backup", "--stack", "prod", "-R", str(path))
    assert isinstance(done.exception, Problem)
    assert private.splitlines()[2].decode() not in done.exception.what
    assert control.run("backup", "--stack", "prod", "-r", public).exit_code == 0


def test_an_empty_stack_is_no_backup(control: Control) -> None:
    """A stack without resources, without a file, or that is not there: said, nothing written."""
    key = str(x25519.Identity.generate().to_public())
    words = ("backup", "--stack", "prod", "-r", key)
    control.holds(deployment(resources=0))
    assert "nothing to back up" in str(control.run(*words).exception)
    control.holds(deployment())
    control.file.unlink()
    assert "file cannot be read" in str(control.run(*words).exception)
    control.state.unlink()
    assert "state cannot be read" in str(control.run(*words).exception)
    assert not list((control.home / "checkout").glob("*.age"))


@pytest.mark.parametrize(
    "words",
    [
        ("--verify", "x.age", "--passphrase"),
        ("--verify", "x.age", "--out", "y"),
        ("--identity", "x"),
        ("--passphrase", "--recipient", "age1x"),
    ],
)
def test_words_that_do_not_go_together(control: Control, words: tuple[str, ...]) -> None:
    """Wrong usage is 2."""
    assert control.run("backup", *words).exit_code == 2


def test_verify_says_whether_it_is_older(control: Control, tmp_path: Path) -> None:
    """Whole and no older: 0. A state that went on since: 1, with both times. None here: told."""
    key = x25519.Identity.generate()
    (tmp_path / "key").write_text(str(key))
    control.environment[_sealed.IDENTITY] = str(tmp_path / "key")
    out = str(tmp_path / "b.age")
    words = ("backup", "--stack", "prod", "-r", str(key.to_public()), "--out", out)
    assert control.run(*words).exit_code == 0
    done = control.run("backup", "--verify", out, PULUMI_CONFIG_PASSPHRASE="")
    assert done.exit_code == 0, done.output
    assert f"state of {TIME}: 3 resources, 0 cut operations" in done.output
    assert "ok: the present state is no newer" in done.output
    control.holds(deployment(time="2026-03-02T12:00:00Z", resources=4))
    done = control.run("backup", "--verify", out, "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["ok"], told["older"], told["resources"]) == (False, True, 3)
    assert told["present"] == {"saved": "2026-03-02T12:00:00Z", "resources": 4}
    assert "take a new one" in control.run("backup", "--verify", out).output
    control.state.unlink()
    done = control.run("backup", "--verify", out)
    assert done.exit_code == 0
    assert "not compared with the present state: there is no such stack here" in done.output


def test_at_a_terminal_it_is_typed(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unseen; twice where it is chosen, so that no slip of the finger seals it for ever."""
    asked: list[dict[str, object]] = []

    def prompt(_text: str, **how: object) -> str:
        asked.append(how)
        return PHRASE

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr(_sealed, "_somebody_is_there", lambda: True)
    out = control.home / "b.age"
    words = ("backup", "--passphrase", "--stack", "prod", "--out", str(out))
    assert control.run(*words).exit_code == 0
    assert control.run("backup", "--verify", str(out)).exit_code == 0
    assert [(how["hide_input"], how.get("confirmation_prompt", False)) for how in asked] == [
        (True, True),
        (True, False),
    ]


def test_cut_operations_are_told(control: Control) -> None:
    """A backup of a state that a killed pulumi left is taken, and says so."""
    control.holds(deployment(pending=1), settings())
    key = str(x25519.Identity.generate().to_public())
    done = control.run("backup", "--stack", "prod", "-r", key)
    assert done.exit_code == 0
    assert "1 cut operations are in it: `backplane recover`" in done.output
