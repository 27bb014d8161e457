"""Programs that hang, that say what nobody may read, and what they get; a run as it is begun."""

from __future__ import annotations

import dataclasses
import functools
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.setup import toolchain
from tests.e2e import __main__ as entry
from tests.e2e import workspace
from tests.e2e.attention import Attention, Interrupt, interruptible
from tests.e2e.clouds import HETZNER
from tests.e2e.commands import BrokenError
from tests.e2e.fakes import ALL, STACK, Bench, FileAccount
from tests.e2e.flow import WELL, Flow


def test_handlers_are_as_before_afterwards() -> None:
    """Within, the first signal is an interrupt; afterwards it does what it did."""
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(print):
        assert signal.getsignal(signal.SIGTERM) is not before
        with pytest.raises(Interrupt, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_held_interrupts_afterwards() -> None:
    """Not within the block; the second signal is told and does nothing, nor does a deaf one."""
    said: list[str] = []
    done: list[str] = []

    def struck(attention: Attention) -> None:
        with attention.held():
            signal.raise_signal(signal.SIGHUP)
            done.append("all of it")

    with interruptible(said.append) as attention:
        with pytest.raises(Interrupt, match="SIGHUP"):
            struck(attention)
        signal.raise_signal(signal.SIGINT)
    assert done == ["all of it"]
    assert said == ["SIGINT: not before what was made is gone"]
    with interruptible(said.append) as attention:
        attention.deafen()
        struck(attention)
    assert len(done) == 2


def test_a_signal_while_a_program_starts_leaves_none_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there already, and whoever started it does not know of it yet."""
    bench.program("pulumi", "exec sleep 60")
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def start(*words: Any, **more: Any) -> Any:  # noqa: ANN401 - as the real one
        started.append(real(*words, **more))
        signal.raise_signal(signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    with interruptible(print) as attention:
        commands = bench.commands([], attention=attention)
        with pytest.raises(Interrupt, match="SIGTERM"):
            commands.run("pulumi", "up", limit=30)
    assert started[0].poll() is not None


def test_a_program_that_hangs_is_ended(bench: Bench) -> None:
    """After its limit, though it does not listen to SIGINT; one that is not there is told."""
    bench.program("pulumi", "trap '' INT; while :; do sleep 0.05; done")
    commands = bench.commands([], grace=0.3)
    began = time.monotonic()
    with pytest.raises(BrokenError, match="was not done after 0 s"):
        commands.run("pulumi", "up", limit=0.3)
    assert time.monotonic() - began < 50
    with pytest.raises(BrokenError, match="No such file"):
        commands.run("pulumi-that-is-not-there", limit=1)


def test_what_is_quiet_is_nowhere_to_be_read(bench: Bench) -> None:
    """Outputs are given to who asks; neither people nor the log see them. Else both do."""
    said: list[str] = []
    bench.program("pulumi", "echo word; echo complaint >&2")
    commands = bench.commands(said)
    assert commands.run("pulumi", limit=5, quiet=True) == "word\n"
    assert said == []
    assert commands.log.read_text() == "complaint\n"
    commands.run("pulumi", limit=5)
    assert sorted(said) == ["complaint", "word"]
    assert "word" in commands.log.read_text()


def test_programs_get_nobodys_backend(tmp_path: Path) -> None:
    """A passphrase and a state of the run's own; the cloud's credentials and the engine stay."""
    given = {
        "PATH": "/bin",
        "HCLOUD_TOKEN": "token",
        "PULUMI_HOME": "/home",
        "PULUMI_BACKEND_URL": "s3://theirs",
        "PULUMI_ACCESS_TOKEN": "theirs",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "theirs",
        "BACKPLANE_RUNNER": "laptop",
        "SSH_AUTH_SOCK": "theirs",
    }
    made, other = (workspace.environment(given, tmp_path) for _ in range(2))
    assert "theirs" not in made.values()
    assert {made[name] for name in ("PATH", "HCLOUD_TOKEN", "PULUMI_HOME")} == {
        "/bin", "token", "/home",
    }  # fmt: skip
    assert "BACKPLANE_RUNNER" not in made
    assert made["PULUMI_BACKEND_URL"] == f"file://{tmp_path}"
    assert len(made["PULUMI_CONFIG_PASSPHRASE"]) > 30
    assert made["PULUMI_CONFIG_PASSPHRASE"] != other["PULUMI_CONFIG_PASSPHRASE"]


@pytest.fixture
def entered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A run as the command line begins it, with everything of its own below the bench."""
    quick = functools.partial(Flow, ipv6=lambda: True, pause=0.01, tidy=lambda _: None)
    monkeypatch.setattr(entry, "Flow", quick)
    monkeypatch.setattr(toolchain, "environment", lambda: {"PATH": bench.path})
    monkeypatch.setattr(toolchain, "announce", lambda: "engine of nobody")
    monkeypatch.setattr(tempfile, "tempdir", str(bench.folder))
    account = FileAccount(things=bench.things)
    cloud = dataclasses.replace(HETZNER, account=lambda: account)
    return lambda: entry._run(cloud, STACK, "the offer")


def test_a_whole_run_leaves_a_report_and_no_state(
    bench: Bench, entered: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs run in a project with the run's declaration, of which nothing stays."""
    bench.usual()
    pulumi = bench.folder / "bin" / "pulumi"
    keep = (
        f"cp stacks/Pulumi.{STACK}.yaml {bench.folder}/declared; stat -c %a .. >{bench.folder}/mode"
    )
    pulumi.write_text(pulumi.read_text().replace("\ncase", f"\n{keep}\ncase"))
    assert entered() == WELL
    assert bench.asked() == ALL
    declared = yaml.safe_load((bench.folder / "declared").read_text())
    assert declared == {"config": {"backplane:mesh": HETZNER.mesh(STACK)}}
    assert (bench.folder / "mode").read_text() == "700\n"
    (folder,) = bench.folder.glob(f"backplane-{STACK}-*")
    assert {path.name for path in folder.iterdir()} == {"report.md", "report.json", "log.txt"}
    assert f"report and log: {folder}" in capsys.readouterr().out


def test_a_signal_before_the_first_step_makes_nothing(
    bench: Bench, entered: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is the signal's, and the report says so."""
    bench.usual()
    monkeypatch.setattr(workspace, "make", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert entered() == 128 + signal.SIGTERM
    assert bench.asked() == []
    (report,) = bench.folder.glob(f"backplane-{STACK}-*/report.json")
    assert json.loads(report.read_text())["code"] == 128 + signal.SIGTERM
