"""`status --watch` as a process: on a pseudo-terminal, which is put right, and without one."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts import facts, watched

ROOT = Path(__file__).resolve().parents[2]


def _watched_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.scripts.watched", *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "LINES": "40", "COLUMNS": "100"}


def test_without_a_terminal_looks_follow_each_other_as_text() -> None:
    """Each with its time; a silent node and a lost tunnel are told, and then it goes on."""
    done = subprocess.run(
        _watched_words("5"),
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.count(" UTC, in ") == 5
    assert "* hel-a: wg1 answers -> wg1 is silent" in done.stdout
    assert "confirmed none" not in done.stdout
    assert "answer: fsn 3 of 4" in done.stdout
    assert "* storage: 12 of 12 sessions fresh -> 6 of 12" not in done.stdout
    assert "* storage: 12 of 12 sessions fresh -> 9 of 12" in done.stdout
    assert "x the tunnel is gone.; bring it up." in done.stdout
    assert "* hel-a: wg1 is silent -> wg1 answers" in done.stdout


def test_json_is_one_document_a_line() -> None:
    """Each line by itself; the exit code is that of the last look, here one without a tunnel."""
    done = subprocess.run(
        _watched_words("4", "--json"),
        cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert [look["ok"] for look in looks] == [True, True, False, False]
    assert looks[1]["changes"] == []
    assert looks[3]["trouble"].startswith("the tunnel is gone")
    assert looks[0]["planes"]["storage"] == {"expected": 12, "fresh": 12, "oldest": 30}


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The verb on a pseudo-terminal of its own: the process, our end, and its."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        # As a shell's: the terminal of a session of its own.
        ["setsid", "--ctty", *_watched_words()],
        cwd=ROOT, env=_environment(), stdin=its, stdout=its, stderr=its,
    )  # fmt: skip
    try:
        yield process, ours, its
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)
        os.close(its)


def _read(ours: int, until: bytes, seconds: float = 30) -> bytes:
    told, end = b"", time.monotonic() + seconds
    while until not in told:
        left = end - time.monotonic()
        assert left > 0, told[-2000:]
        if select.select([ours], [], [], left)[0]:
            told += os.read(ours, 65536)
    return told


@pytest.mark.parametrize("way", ["q", "ctrl-c", "term"])
def test_a_terminal_is_put_right(way: str) -> None:
    """q, Ctrl-C or a signal end it: echo, the old screen and the cursor are back."""
    with _terminal() as (process, ours, its):
        before = termios.tcgetattr(its)
        told = _read(ours, b"answer: fsn 4 of 4")
        assert b"\x1b[?1049h" in told
        assert termios.tcgetattr(its) != before
        told += _read(ours, b"wg1 is silent")
        if way == "term":
            process.send_signal(signal.SIGTERM)
        else:
            os.write(ours, b"q" if way == "q" else b"\x03")
        left = _read(ours, b"\x1b[?1049l")
        left += _read(ours, b"\x1b[?25h") if b"\x1b[?25h" not in left else b""
        assert process.wait(10) in {0, 1}
        assert termios.tcgetattr(its) == before
        assert b"Traceback" not in told + left


def test_other_keys_do_nothing() -> None:
    """It goes on looking."""
    with _terminal() as (process, ours, _):
        _read(ours, b"q ends it")
        os.write(ours, b"xyz \x1b[A")
        _read(ours, b"the tunnel is gone")
        assert process.poll() is None


def test_the_data_of_these_tests_is_well() -> None:
    """The stand-in's own first look finds nothing, so what is found later is what was made."""
    assert set(watched.answers(1)) == set(facts.NAMES)
    assert not watched.answers(3)["hel-a"].reached
