"""Gateways whose BFD sessions are watched while something is done (`lab/sessions.py`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import sessions
from tests.lab.verbs import TestLab

_PLACE = "/run/lab-sessions.py"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A session's first status, or another one.

    Attributes:
        moment: when it was seen, seconds since 1970.
        peer: the session's peer.
        status: `up`, `down` and the like; `gone` for a session that is not there any more.
    """

    moment: float
    peer: str
    status: str


@contextmanager
def watching(lab: TestLab, names: Sequence[str]) -> Iterator[Callable[[], dict[str, list[Change]]]]:
    """Watch these gateways' sessions during the block; what is given ends it and tells them.

    A gateway must not lose its power meanwhile.
    """
    processes: dict[str, subprocess.Popen[str]] = {}

    def told() -> dict[str, list[Change]]:
        found = {}
        for name, process in processes.items():
            out, err = process.communicate(timeout=_SECONDS)
            assert process.returncode == 0, f"{name}: {err}"
            found[name] = [
                Change(moment=moment, peer=peer, status=status)
                for moment, peer, status in json.loads(out)
            ]
        return found

    try:
        for name in names:
            machine = lab.machine(name)
            put = machine.run(
                "sh", "-c", f"cat >{_PLACE}", stdin=Path(sessions.__file__).read_text()
            )
            assert put.returncode == 0, put.stderr
            processes[name] = subprocess.Popen(
                machine.words("python3", _PLACE),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        for name, process in processes.items():
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "ready\n", f"{name}: {process.communicate()}"
        yield told
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
