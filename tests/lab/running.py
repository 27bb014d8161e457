"""A `pulumi up` that runs: followed line by line, so that a test can strike between two of them."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.network.namespace import Namespace
from lab.process import Process
from tests.lab.mesh import STACK, Done, Mesh


@dataclass(slots=True)
class Running:
    """One run of `pulumi`.

    Attributes:
        mesh: whose stack.
        process: the process of `pulumi` itself.
        lines: what it has printed, each with the second (time.time) at which it came.
        began: when it began (time.time).
    """

    mesh: Mesh
    process: subprocess.Popen[str]
    lines: list[tuple[float, str]] = field(default_factory=list)
    _new: threading.Condition = field(default_factory=threading.Condition)
    began: float = field(default_factory=time.time)
    _begun: float = field(default_factory=time.monotonic)
    _reader: threading.Thread | None = None

    @classmethod
    def up(
        cls,
        mesh: Mesh,
        *,
        project: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Running:
        """Begin `pulumi up`."""
        words = ("pulumi", "up", "--yes", "--skip-preview", "--stack", STACK, "--non-interactive")
        settings = mesh.lab.settings.environment()
        process = subprocess.Popen(
            [*Namespace(mesh.lab.lab.runner).entry, *words],
            cwd=project or mesh.project,
            env={**os.environ, **settings, "NO_COLOR": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running = cls(mesh, process)
        running._reader = threading.Thread(target=running._read, daemon=True)
        running._reader.start()
        return running

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._new:
                self.lines.append((time.time(), line.rstrip()))
                self._new.notify_all()
        with self._new:
            self._new.notify_all()

    @property
    def text(self) -> str:
        """All that it has printed."""
        return "\n".join(line for _, line in self.lines)

    @property
    def top(self) -> Process:
        """The process of `pulumi` itself."""
        found = Process.of(self.process.pid)
        assert found is not None
        return found

    def seen(self, word: str, seconds: float = 120) -> float:
        """Wait for a line that holds `word`; the second (time.time) at which it came."""
        end, at = time.monotonic() + seconds, 0
        with self._new:
            while True:
                for moment, line in self.lines[at:]:
                    if word in line:
                        return moment
                at = len(self.lines)
                alive = self._reader is not None and self._reader.is_alive()
                assert alive, f"ended without {word!r}:\n{self.text}"
                assert time.monotonic() < end, f"no {word!r} in {seconds:g} s:\n{self.text}"
                self._new.wait(0.2)

    def end(self, seconds: float = 180) -> Done:
        """Wait for its end."""
        code = self.process.wait(timeout=seconds)
        took = time.monotonic() - self._begun
        if self._reader is not None:
            # What outlives pulumi may hold its output open.
            self._reader.join(timeout=5)
        self.mesh.said[f"up {len(self.mesh.said)}"] = self.text
        return Done(code=code, out=self.text, err="", seconds=took)
