"""`backplane restore`: a stack comes back as it was; a wrong file or key changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyrage import x25519

from scripts import _backup, _sealed, restore
from scripts._problem import Problem
from tests.core import example
from tests.scripts.control import PHRASE, SALT, Control, deployment, settings

NEWER = "2026-04-01T00:00:00Z"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """The control machine that is about to be lost."""
    made = Control.make(tmp_path / "old", monkeypatch)
    made.holds(deployment())
    return made


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """The one in its place: a checkout without the stack's file, a backend without the stack."""
    made = Control.make(tmp_path / "new", monkeypatch)
    made.environment[_sealed.IDENTITY] = str(tmp_path / "identity")
    return made


@pytest.fixture
def file(old: Control, tmp_path: Path) -> str:
    """A backup to the identity that the new machine has."""
    return taken(old, tmp_path / "b.age")


def taken(control: Control, path: Path) -> str:
    """Take a backup to a new identity, which is left beside it."""
    key = x25519.Identity.generate()
    path.with_name("identity").write_text(f"# created: today\n{key}\n")
    words = ("backup", "--stack", "prod", "-r", str(key.to_public()), "--out", str(path))
    done = control.run(*words)
    assert done.exit_code == 0, done.output
    return str(path)


def untouched(control: Control) -> bool:
    """Whether a new machine has neither file nor stack, and pulumi was asked to change nothing."""
    changed = [one for one in control.asked() if one.startswith(("stack init", "stack import"))]
    return not (control.file.exists() or control.state.exists() or changed)


def test_a_stack_comes_back_as_it_was(old: Control, new: Control, file: str) -> None:
    """File to the byte, state to the word, in three steps; and what comes next is said."""
    done = new.run("restore", file)
    assert done.exit_code == 0, done.output
    assert new.file.read_bytes() == old.file.read_bytes()
    assert json.loads(new.state.read_text()) == deployment()
    assert "note: Pulumi.prod.yaml is the backup's: read it" in done.output
    steps = [line.split(" ")[1] for line in new.asked()]
    assert steps == ["ls", "init", "import"]
    assert "next: `pulumi preview --stack prod` must say that nothing changes" in done.output
    again = new.run("restore", file, "--json")
    assert again.exit_code == 0
    told = json.loads(again.output)
    assert told["done"] == ["its state is there already"]
    assert told["next"] == ["pulumi preview --stack prod", "pulumi up --stack prod"]


def test_a_private_key_opens_it(old: Control, new: Control, tmp_path: Path) -> None:
    """The identity of a recipient does, from a file or the environment; without one it is said."""
    del new.environment[_sealed.IDENTITY]
    key, other = x25519.Identity.generate(), x25519.Identity.generate()
    for name, identity in (("key", key), ("other", other)):
        (tmp_path / name).write_text(f"# created\n{identity}\n")
    out = str(tmp_path / "b.age")
    words = ("backup", "--stack", "prod", "-r", str(key.to_public()), "--out", out)
    assert old.run(*words).exit_code == 0
    assert "without an identity" in str(new.run("restore", out).exception)
    refused = new.run("restore", out, "--identity", str(tmp_path / "other"))
    assert "cannot be opened" in str(refused.exception)
    refused = new.run("restore", out, "--identity", str(new.home / "checkout" / "Pulumi.yaml"))
    assert "no identity in it" in str(refused.exception)
    assert untouched(new)
    done = new.run("restore", out, **{_sealed.IDENTITY: str(tmp_path / "key")})
    assert done.exit_code == 0, done.output


def test_a_passphrase_opens_it_and_no_other(old: Control, new: Control, tmp_path: Path) -> None:
    """From the environment or a file of it, never from an argument; none at all is asked for."""
    (tmp_path / "phrase").write_text(f"{PHRASE}\n")
    told = {_sealed.PASSPHRASE_FILE: str(tmp_path / "phrase")}
    out = str(tmp_path / "b.age")
    assert old.run("backup", "--passphrase", "--stack", "prod", "--out", out, **told).exit_code == 0
    done = new.run("restore", out, **{_sealed.PASSPHRASE: "another one than that"})
    assert isinstance(done.exception, Problem)
    assert "the passphrase is another one, or the file was changed" in done.exception.why
    assert _sealed.PASSPHRASE_FILE in getattr(new.run("restore", out).exception, "fix", "")
    assert untouched(new)
    done = new.run("restore", out, **told)
    assert done.exit_code == 0, done.output
    asked = "".join([*old.asked(), *new.asked()])
    assert PHRASE not in asked + done.output


def test_what_cannot_be_shown_changes_nothing(
    new: Control, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people are to read of a backup is made before its first step."""

    def broken(_: object) -> list[str]:
        raise ValueError("in another form")

    monkeypatch.setattr(_backup, "shown", broken)
    assert isinstance(new.run("restore", file).exception, ValueError)
    assert untouched(new)


def test_no_byte_may_be_another_one(old: Control, new: Control, tmp_path: Path) -> None:
    """Each byte of the header, every fourth after it, and an end cut: never opened, no crash."""
    key = x25519.Identity.generate()
    (tmp_path / "key").write_text(str(key))
    out = tmp_path / "b.age"
    words = ("backup", "--stack", "prod", "-r", str(key.to_public()), "--out", str(out))
    assert old.run(*words).exit_code == 0
    sealed = out.read_bytes()
    header = sealed.index(b"\n--- ") + 60
    for at in (*range(header), *range(header, len(sealed), 4), len(sealed) - 1):
        out.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises(Problem):
            _sealed.open_file(out, tmp_path / "key")
    for length in (0, 10, len(sealed) // 2, len(sealed) - 1):
        out.write_bytes(sealed[:length])
        assert isinstance(
            new.run("restore", str(out), "-i", str(tmp_path / "key")).exception, Problem
        )
    assert untouched(new)
    out.write_bytes(sealed)
    assert new.run("restore", str(out), "-i", str(tmp_path / "key")).exit_code == 0


def test_another_project_or_stack_is_refused(
    new: Control, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both names are told; an organisation before the same name is none."""
    other = Control.make(tmp_path / "other", monkeypatch, name="elsewhere")
    done = other.run("restore", file, **new.environment)
    assert isinstance(done.exception, Problem)
    assert done.exception.why == "it is of backplane, and this checkout is of elsewhere"
    assert untouched(other)
    done = new.run("restore", file, "--stack", "staging")
    assert "of another stack" in str(done.exception)
    assert untouched(new)
    assert new.run("restore", file, "--stack", "us/backplane/prod").exit_code == 0
    assert "stack init us/backplane/prod" in new.asked()


def test_a_name_that_leads_elsewhere_is_refused(new: Control) -> None:
    """Whoever has the public key can make a backup of a stack called `../../x`."""
    state = json.dumps(deployment()).replace("pulumi:prod:", "pulumi:../x:")
    made = restore.Restoring(backup=_forged(state), stack="../x", keep=False, force=True)
    with new.monkeypatch.context() as patch:
        patch.chdir(new.home / "checkout")
        with pytest.raises(Problem, match="a name that no stack has"):
            made.run()
    assert untouched(new)


def _forged(state: str) -> Any:  # noqa: ANN401 - a backup
    from scripts._archive import Backup  # noqa: PLC0415

    about = {"project": "backplane", "stack": "../x", "taken": "now"}
    return Backup(about=about, raw_state=state.encode(), settings=b"")


def test_a_newer_state_is_not_thrown_away(new: Control, file: str) -> None:
    """Both are told; `--force` does it and says so. An older one is replaced, and told."""
    new.holds(deployment(time=NEWER, resources=5))
    done = new.run("restore", file)
    assert isinstance(done.exception, Problem)
    assert "its state is newer" in done.exception.what
    assert NEWER in done.exception.why
    assert "5 resources" in done.exception.why
    assert "has 3" in done.exception.why
    assert json.loads(new.state.read_text()) == deployment(time=NEWER, resources=5)
    done = new.run("restore", file, "--force")
    assert done.exit_code == 0, done.output
    assert "note: a newer state was thrown away" in done.output
    assert json.loads(new.state.read_text()) == deployment()
    new.holds(deployment(time="2026-01-01T00:00:00Z"))
    assert "note: an older state was replaced" in new.run("restore", file).output


def test_a_file_that_differs_is_not_overwritten(new: Control, file: str) -> None:
    """Refused; `--keep` leaves it and says what came since; `--force` writes the backup's."""
    mesh = example.raw()
    mesh["planes"] = {"management": {"keys": 2}}
    del mesh["operators"]
    gone_on = settings(mesh)
    new.file.write_text(gone_on)
    done = new.run("restore", file)
    assert isinstance(done.exception, Problem)
    assert "is another one than the backup's" in done.exception.what
    assert not new.state.exists()
    done = new.run("restore", file, "--keep")
    assert done.exit_code == 0, done.output
    assert new.file.read_text() == gone_on
    assert "is the backup's" not in done.output
    assert "note: the keys of management are other ones since" in done.output
    assert "note: alice came out since, and must stay out" in done.output
    assert json.loads(new.state.read_text()) == deployment()
    done = new.run("restore", file, "--force")
    assert done.exit_code == 0
    assert "note: the backup's file has them again: alice" in done.output
    assert new.file.read_text() == settings()


def test_a_file_that_says_the_same_stays(new: Control, file: str) -> None:
    """Remarks and order are people's own: they need no word, and are kept."""
    text = f"# ours\n{yaml.safe_dump(yaml.safe_load(settings()), sort_keys=False)}"
    new.file.write_text(text)
    assert new.run("restore", file).exit_code == 0
    assert new.file.read_text() == text


def test_a_file_under_another_passphrase_is_not_kept(new: Control, file: str) -> None:
    """The state could not be read with it; nothing is changed."""
    new.file.write_text(settings(encryptionsalt="v1:another"))
    done = new.run("restore", file, "--keep")
    assert isinstance(done.exception, Problem)
    assert "cannot be kept" in done.exception.what
    assert not new.state.exists()


def test_a_file_that_lacks_the_salt_alone_is_completed(new: Control, file: str) -> None:
    """A checkout of a team that does not commit the salt needs no word for it."""
    document = yaml.safe_load(settings())
    del document["encryptionsalt"]
    new.file.write_text(yaml.safe_dump(document))
    assert new.run("restore", file).exit_code == 0
    assert SALT in new.file.read_text()


def test_half_a_restore_can_be_done_again(new: Control, file: str) -> None:
    """Without the stack's own passphrase it stops with that; the same command then goes on."""
    done = new.run("restore", file, PULUMI_CONFIG_PASSPHRASE="wrong")
    assert isinstance(done.exception, Problem)
    assert "incorrect passphrase" in done.exception.why
    assert not new.state.exists()
    program = new.home / "bin" / "pulumi"
    text = program.read_text()
    program.write_text(text.replace('elif kind == "stack import":', 'elif kind == "x":'))
    assert "cannot be imported" in str(new.run("restore", file).exception)
    assert new.state.exists()
    program.write_text(text)
    assert new.run("restore", file).exit_code == 0
    assert json.loads(new.state.read_text()) == deployment()


def test_a_kms_keeps_its_data_key(new: Control, old: Control, tmp_path: Path) -> None:
    """`pulumi stack init` writes a new one into the file; the backup's stands there after it."""
    old.file.write_text(settings(secretsprovider="awskms://x", encryptedkey="the first"))
    out = taken(old, tmp_path / "kms.age")
    done = new.run("restore", out)
    assert done.exit_code == 0, done.output
    assert "stack init prod --secrets-provider awskms://x" in new.asked()
    assert new.file.read_bytes() == old.file.read_bytes()


def test_what_was_cut_is_told(new: Control, old: Control, tmp_path: Path) -> None:
    """An import forgets cut operations; the hint names who finds what they left."""
    old.holds(deployment(pending=2))
    done = new.run("restore", taken(old, tmp_path / "cut.age"))
    assert done.exit_code == 0
    assert "note: 2 operations were cut" in done.output
    assert "`backplane recover`" in done.output


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"no"), lambda _path: None])
def test_what_is_no_backup_is_said_to_be_none(
    new: Control, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """Another file, and none: a reason and a fix."""
    path = tmp_path / "x.age"
    make(path)
    done = new.run("restore", str(path))
    assert isinstance(done.exception, Problem)
    assert done.exception.fix.startswith("give a file that")
    assert untouched(new)
