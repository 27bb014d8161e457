"""One `pulumi up` in the background: started, watched, struck, and read afterwards."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.faults import processes
from lab.network.namespace import Namespace
from lab.process import Process
from tests.lab.mesh import STACK, Mesh


@dataclass(slots=True, kw_only=True)
class Run:
    """A `pulumi up`.

    Attributes:
        log: what it prints, both streams.
        popen: it.
        began: monotonic seconds.
    """

    log: Path
    popen: subprocess.Popen[bytes]
    began: float

    @classmethod
    def start(cls, mesh: Mesh, log: Path) -> Run:
        """Start one where the runner is, in a session of its own."""
        words = ("pulumi", "up", "--yes", "--skip-preview", "--stack", STACK, "--non-interactive")
        with log.open("wb") as file:
            popen = subprocess.Popen(
                [*Namespace(mesh.lab.lab.runner).entry, *words],
                cwd=mesh.project,
                env={**os.environ, **mesh.lab.settings.environment(), "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(log=log, popen=popen, began=time.monotonic())

    @property
    def process(self) -> Process | None:
        """It, as long as it runs."""
        return None if self.ended() else Process.of(self.popen.pid)

    def ended(self) -> bool:
        """Whether it has ended."""
        return self.popen.poll() is not None

    def end(self) -> None:
        """End it and all it started, if it runs."""
        process = self.process
        if process is not None:
            processes.kill_all(process)
            self.popen.wait()

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None when it has not ended in time. A signal's number comes negative."""
        try:
            return self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    @property
    def complaint(self) -> str:
        """Its reasons, in one line."""
        said = self.text.partition("Diagnostics:")[2].partition("Outputs:")[0] or self.text
        return " | ".join(line.strip() for line in said.splitlines() if line.strip())[-600:]
