"""Who may not begin, and why; nobody asks a cloud for that."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.setup import __main__ as setup
from lab.setup import toolchain
from tests.e2e import __main__ as entry
from tests.e2e import refusals
from tests.e2e.clouds import AWS, HETZNER
from tests.e2e.fakes import Bench
from tests.e2e.offer import ROOT, Account


@pytest.mark.parametrize(
    ("said", "answer", "yes"),
    [
        ("yes", None, True),
        (None, "yes", True),
        (None, " yes ", True),
        (None, None, False),
        (None, "", False),
        (None, "y", False),
        ("no", "yes", False),
        ("", "yes", False),
        ("1", None, False),
    ],
)
def test_nothing_but_yes_is_a_yes(said: str | None, answer: str | None, *, yes: bool) -> None:
    """The variable decides where it is set; else an answer, where somebody can give one."""
    environment = {} if said is None else {refusals.YES: said}
    ask = None if answer is None else lambda _: answer
    assert refusals.agreed(environment, ask) is yes


def _begin(bench: Bench, cloud: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """As `make` begins it, where nobody can be asked; whatever programs it calls write it down."""
    for name in ("pulumi", "backplane", "go", "curl"):
        bench.program(name)
    # So that neither being root nor having the tools is what these tests are about.
    for name in refusals.TOOLS:
        bench.program(name)
    return subprocess.run(
        [sys.executable, "-m", "tests.e2e", cloud, *words],
        cwd=ROOT, env={"PATH": bench.path, "HOME": str(bench.folder), **more},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"CONFIRM": "no"}], ids=["nothing", "no"])
def test_without_a_yes_nothing_is_called(bench: Bench, said: dict[str, str]) -> None:
    """The price is told, the exit code is 2, and no program was asked for anything."""
    done = _begin(bench, "hetzner", HCLOUD_TOKEN="x" * 64, **said)
    assert done.returncode == 2, done.stderr
    assert "0.09 EUR" in done.stdout
    assert "15 minutes" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("refused: ")
    assert ("nobody said yes" if os.geteuid() == 0 else "root") in last
    assert bench.asked() == []


def test_every_reason_is_told_at_once(bench: Bench) -> None:
    """No credentials, though somebody said yes; and still the price comes first."""
    done = _begin(bench, "hetzner", CONFIRM="yes")
    assert done.returncode == 2
    assert done.stdout.startswith("Hetzner Cloud: 2 machines")
    assert "refused: there are no credentials for Hetzner Cloud: set HCLOUD_TOKEN" in done.stdout
    assert bench.asked() == []


def test_an_account_that_is_none_is_refused() -> None:
    """A lab's variables lead the client there; what is set to nothing leads nowhere."""
    real = {"HCLOUD_TOKEN": "x"}
    assert refusals.access(HETZNER, real) == []
    assert refusals.access(HETZNER, {**real, "HCLOUD_ENDPOINT": ""}) == []
    (told,) = refusals.access(HETZNER, {**real, "HCLOUD_ENDPOINT": "http://127.0.0.1/v1"})
    assert told.startswith("HCLOUD_ENDPOINT leads to something that is no real account")


def test_a_file_of_credentials_is_enough(tmp_path: Path) -> None:
    """Where the vendor's own client would find it."""
    home = {"HOME": str(tmp_path)}
    assert "set AWS_ACCESS_KEY_ID or" in refusals.access(AWS, home)[0]
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").touch()
    assert refusals.access(AWS, home) == []


def test_a_machine_that_cannot_is_told_what_it_lacks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root, Linux and the tunnel's tools; with them, and the lock, nothing is refused."""
    for name in refusals.TOOLS:
        bench.program(name)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "platform", "linux")
    assert refusals.here(HETZNER, {"PATH": bench.path}) == []
    (bench.folder / "bin" / "wg").unlink()
    bare = {"PATH": str(bench.folder / "bin")}
    assert refusals.here(HETZNER, bare) == ["there is no `wg` on PATH: install wireguard-tools"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in refusals.here(HETZNER, bare)[0]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in refusals.here(HETZNER, bare)[0]


def test_a_cloud_that_this_checkout_does_not_know_is_refused() -> None:
    """By its package in the lock and by the declaration, both."""
    moon = dataclasses.replace(HETZNER, name="moon", plugin="moon")
    told = " ".join(refusals.here(moon, dict(os.environ)))
    assert "pulumi-moon is not in requirements.txt" in told
    assert "sites.fsn.cloud" in told


def test_stand_ins_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named with how to get the official one; without any nothing is said."""
    monkeypatch.setattr(toolchain, "links", lambda: tmp_path)
    assert refusals.stand_ins() == []
    for name in ("pulumi-resource-hcloud", "pulumi-language-python"):
        (tmp_path / name).symlink_to("/nowhere")
    (told,) = refusals.stand_ins()
    assert "stand-ins are in use for language-python, resource-hcloud" in told
    assert "`pulumi plugin install resource hcloud 1." in told
    assert "beside the official engine" in told


@pytest.mark.parametrize("linked", [True, False], ids=["stand-in", "not to be had"])
def test_no_run_begins_with_stand_ins(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    linked: bool,
) -> None:
    """After the yes the set-up is told to refuse them; what it then has decides, and no account."""
    wished: list[str] = []

    def prepare(*_words: object, **_more: object) -> bool:
        wished.append(os.environ["BACKPLANE_PLUGINS"])
        return False

    def account() -> Account:
        raise AssertionError("the account was opened")

    if linked:
        (tmp_path / "pulumi-resource-hcloud").symlink_to("/nowhere")
    monkeypatch.setattr(toolchain, "links", lambda: tmp_path)
    monkeypatch.setattr(refusals, "here", lambda *_: [])
    monkeypatch.setattr(refusals, "access", lambda *_: [])
    monkeypatch.setattr(setup, "prepare", prepare)
    monkeypatch.setenv(refusals.YES, "yes")
    monkeypatch.setenv("BACKPLANE_PLUGINS", "stand-in")
    assert entry.begin(dataclasses.replace(HETZNER, account=account)) == 2
    assert wished == ["official"]
    told = capsys.readouterr().out
    assert ("stand-ins are in use" if linked else "not to be had") in told


def test_a_sweep_alone_asks_for_a_runs_name(bench: Bench) -> None:
    """Of anybody else's stack nothing is looked at."""
    done = _begin(bench, "hetzner", "--sweep", "prod", HCLOUD_TOKEN="x" * 64)
    assert done.returncode == 2
    assert "'prod' is no run's name" in done.stdout
    assert bench.asked() == []
