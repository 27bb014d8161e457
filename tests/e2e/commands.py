"""Running programs: a person sees them, a log keeps them, a signal ends them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.e2e.attention import Attention, Say
from tests.e2e.offer import GRACE


class BrokenError(Exception):
    """A step went wrong; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Where programs run, and who sees what they print.

    Attributes:
        directory: where they run.
        environment: all their variables.
        log: what they print is added here.
        say: told each line.
        grace: seconds they have to end after SIGINT.
        attention: when signals may interrupt.
    """

    directory: Path
    environment: Mapping[str, str]
    log: Path
    say: Say
    grace: float = GRACE
    attention: Attention = field(default_factory=Attention)

    def run(self, *words: str, limit: float, quiet: bool = False) -> str:
        """Run a program to its end and give what it printed; what it must read is not there.

        Args:
            words: the program and its arguments.
            limit: seconds after which it is ended.
            quiet: keep what it prints from people and log; its errors are logged all the same.

        Raises:
            BrokenError: It failed, or took too long.
        """
        shown = " ".join(words[:2])
        process: subprocess.Popen[str] | None = None
        with self.log.open("a", encoding="utf-8") as log:
            try:
                # A signal while it starts would leave it running, known to nobody.
                with self.attention.held():
                    process = self._start(words, subprocess.STDOUT if not quiet else log)
                lines, reader = self._follow(process, None if quiet else log)
                code = process.wait(timeout=limit)
            except OSError as error:
                raise BrokenError(f"{shown}: {error.strerror}") from error
            except subprocess.TimeoutExpired:
                raise BrokenError(f"{shown} was not done after {limit:.0f} s") from None
            finally:
                if process is not None:
                    self._end(process)
            # What outlives the program may hold its output open.
            reader.join(timeout=5)
        if code:
            raise BrokenError(f"{shown} ended with {code}")
        return "".join(lines)

    def _start(self, words: Sequence[str], errors: int | IO[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, cwd=self.directory, env=dict(self.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip

    def _follow(
        self, process: subprocess.Popen[str], log: IO[str] | None
    ) -> tuple[list[str], threading.Thread]:
        """Read what it prints as it comes, and tell it where there is a log."""
        lines: list[str] = []

        def read() -> None:
            for line in process.stdout or ():
                lines.append(line)
                if log:
                    # The log is closed where what outlives the program goes on printing.
                    with suppress(ValueError):
                        log.write(line)
                        log.flush()
                    self.say(line.rstrip())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return lines, reader

    def _end(self, process: subprocess.Popen[str]) -> None:
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=self.grace)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
