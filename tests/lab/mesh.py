"""The whole thing once a session: a lab of its own, a stranger at the door, `pulumi up` for real.

`Mesh` keeps what the acceptance needs afterwards: everything Pulumi and the verbs printed, what
/proc showed meanwhile, and the stranger's report.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from lab.control import switch
from lab.control.status import status
from lab.layout import Lab, LabError
from lab.network.namespace import Namespace
from tests.lab.verbs import TestLab, begin, own_name
from tests.lab.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
STACK = "lab"
AFTERWARDS = 60.0
"""Seconds that the stranger goes on knocking after `pulumi up` has ended."""

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "node_modules", ".hypothesis"
)
_SUMMARY = re.compile(r"^ +([-+~]+|\+-|)? *(\d+) (\w+)", re.MULTILINE)

_WONDER = (
    "uptime; systemctl list-jobs --no-legend; systemctl --failed --no-legend; ls -l /var/lib/"
    "backplane /run/backplane; wg show all latest-handshakes; journalctl -b -n 60 --no-pager"
)
_SECONDS = 480.0
"""What a command may take; less than a test may, so that it is the test that tells."""

Declaration = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that ended.

    Attributes:
        code: its exit code.
        out: its standard output.
        err: its standard error.
        seconds: how long it took.
    """

    code: int
    out: str
    err: str
    seconds: float

    @property
    def diagnostics(self) -> str:
        """What Pulumi says went wrong, without its outputs."""
        return self.out.partition("Diagnostics:")[2].partition("\nOutputs:")[0]

    @property
    def counts(self) -> dict[str, int]:
        """Pulumi's closing figures: resources by what became of them, `unchanged` among them."""
        tail = self.out.rpartition("Resources:")[2]
        return {word: int(number) for _, number, word in _SUMMARY.findall(tail)}


def checkout(folder: Path) -> Path:
    """A fresh copy of this project, as a clone would be, with the environment it has."""
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED, symlinks=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@dataclass(slots=True, kw_only=True)
class Mesh:
    """Stack `lab` in a lab of the tests' own.

    Attributes:
        lab: the lab.
        project: the copy of the project that `pulumi` runs in.
        folder: where the tests keep their things.
        said: everything that was printed, by a label.
        watch: what /proc showed during the first `up`.
        up_seconds: how long the first `up` took.
        up_ended: when it ended, seconds since the epoch.
        servers_before: how many servers there were when the stranger began.
        passwords: console passwords that have been rotated since; the search knows them too.
    """

    lab: TestLab
    project: Path
    folder: Path
    said: dict[str, str] = field(default_factory=dict, repr=False)
    watch: Watch = field(default_factory=Watch)
    up_seconds: float = 0.0
    up_ended: float = 0.0
    servers_before: int = -1
    passwords: set[str] = field(default_factory=set, repr=False)
    _stranger: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, folder: Path) -> Mesh:
        """Switch a lab on, without a server yet; the mesh that was made before ends."""
        lab = begin(own_name("m"))
        return cls(lab=lab, project=checkout(folder / "project"), folder=folder)

    # Commands

    def run(
        self, *words: str, seconds: float = _SECONDS, label: str = "", project: Path | None = None
    ) -> Done:
        """Run a command where the runner is, with what `backplane lab env` gives."""
        begin_at = time.monotonic()
        process = subprocess.Popen(
            [*Namespace(self.lab.lab.runner).entry, *words],
            cwd=project or self.project,
            env={**os.environ, **self.lab.settings.environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            seen = self._machines_say()
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"{' '.join(words)}: not in {seconds:g} s\n{out}\n{err}\n{seen}")
        if label:
            self.said[f"{label} {len(self.said)}"] = out + err
        return Done(code=process.returncode, out=out, err=err, seconds=time.monotonic() - begin_at)

    def _machines_say(self) -> str:
        """What every machine's console would show somebody who wonders why it does not go on."""
        said = []
        for name in self.servers():
            try:
                seen = self.lab.machine(name).run("sh", "-c", _WONDER, seconds=20)
            except LabError as error:
                said.append(f"== {name}: {error}")
            else:
                said.append(f"== {name}\n{seen.stdout}{seen.stderr}")
        return "\n".join(said)

    def pulumi(self, *words: str, seconds: float = _SECONDS, project: Path | None = None) -> Done:
        """Run `pulumi` on the stack; what it prints is kept for the search."""
        common = ("--stack", STACK, "--non-interactive")
        return self.run(
            *("pulumi", *words, *common), seconds=seconds, label=" ".join(words), project=project
        )

    def must(self, *words: str, seconds: float = _SECONDS, project: Path | None = None) -> Done:
        """Run `pulumi`; it must succeed."""
        done = self.pulumi(*words, seconds=seconds, project=project)
        assert done.code == 0, f"pulumi {' '.join(words)}:\n{done.diagnostics}\n{done.err[-2000:]}"
        return done

    def preview_seconds(self) -> float:
        """How long a preview takes here; the median of five."""
        return median(self.must("preview").seconds for _ in range(5))

    def backplane(self, *words: str, seconds: float = 300) -> Done:
        """Run a verb from the copy of the project."""
        command = (str(self.project / ".venv/bin/python"), "-m", "scripts.cli", *words)
        return self.run(*command, seconds=seconds, label=" ".join(words))

    def verify(self, seconds: float = 30) -> dict[str, Any]:
        """What `backplane verify --json` finds; its exit code must agree with it."""
        done = self.backplane("verify", "--stack", STACK, "--json", "--wait", str(seconds))
        assert done.out, done.err
        verdict: dict[str, Any] = json.loads(done.out)
        assert done.code == (0 if verdict["ok"] else 1)
        return verdict

    def tunnel(self, verb: str) -> None:
        """Take the runner's tunnel `up` or `down` by hand."""
        done = self.backplane("tunnel", verb, "--stack", STACK)
        assert done.code == 0, done.err

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs with their secrets; never kept."""
        words = ("stack", "output", "--json", "--show-secrets", "--stack", STACK)
        found: dict[str, Any] = json.loads(self.run("pulumi", *words).out)
        return found

    # The declaration and the cloud

    @property
    def stack_file(self) -> Path:
        """The stack's file in the copy of the project."""
        return self.project / "stacks" / f"Pulumi.{STACK}.yaml"

    def declare(self, change: Callable[[Declaration], None]) -> None:
        """Change the declaration as a user does, by editing the stack's file."""
        document = yaml.safe_load(self.stack_file.read_text())
        change(document["config"]["backplane:mesh"])
        self.stack_file.write_text(yaml.safe_dump(document, sort_keys=False))

    def servers(self) -> dict[str, dict[str, Any]]:
        """The lab's servers by name, as `backplane lab status` tells them."""
        return {server["name"]: server for server in status(self.lab.lab)["servers"]}

    # First light

    def start_stranger(self) -> None:
        """Let the stranger knock on every address there can be."""
        report = self.folder / "stranger.json"
        entry = Namespace(self.lab.lab.namespace("internet")).entry
        with (self.folder / "stranger.log").open("wb") as log:
            self._stranger = subprocess.Popen(
                [*entry, sys.executable, "-m", "lab.prober", "--report", str(report)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 20
        while not report.exists():
            assert self._stranger.poll() is None, (self.folder / "stranger.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)

    def stop_stranger(self) -> dict[str, Any]:
        """End the stranger, a minute after `up` at the earliest; give its report."""
        stranger = self._stranger
        assert stranger is not None
        if stranger.poll() is None:
            time.sleep(max(0.0, self.up_ended + AFTERWARDS - time.time()))
            stranger.send_signal(signal.SIGTERM)
            stranger.wait(timeout=20)
        report: dict[str, Any] = json.loads((self.folder / "stranger.json").read_text())
        return report

    def first_light(self) -> None:
        """Preview, then `pulumi up` from nothing, watched from outside and from /proc."""
        self.start_stranger()
        self.servers_before = len(self.servers())
        self.must("preview")
        self.must("preview", "--diff")
        self.must("preview", "--json")
        with self.watch.looking():
            up = self.must("up", "--yes", "--skip-preview")
        self.up_seconds, self.up_ended = up.seconds, time.time()

    def end(self) -> None:
        """Leave nothing; what is gone already is fine."""
        if self._stranger is not None and self._stranger.poll() is None:
            self._stranger.kill()
            self._stranger.wait()
        switch.down(Lab(self.lab.lab.name))
