"""The rollout's driver as a process, and with as many nodes as a mesh may have."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.rollout import Rollout
from tests.runner import driving
from tests.runner.fleet import NEW, Fleet
from tests.runner.test_rollout import nothing, play, states

ROOT = Path(__file__).resolve().parents[2]


def test_driver_as_a_process_outlives_its_terminal() -> None:
    """The driver survives SIGHUP and SIGINT and ends with 0; a broken order ends with 2."""

    async def scene(fleet: Fleet) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.runner.driving"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin
        assert process.stderr
        process.stdin.write(driving.encode(fleet.order()))
        process.stdin.write_eof()
        first = await process.stderr.readline()
        assert first.startswith(b"stage: 4 of 4")
        os.kill(process.pid, signal.SIGHUP)
        os.kill(process.pid, signal.SIGINT)
        rest = (await process.stderr.read()).decode()
        assert await process.wait() == 0
        assert "done: 4 nodes" in rest
        assert "PRIVATE KEY" not in rest

    fleet = play(4, scene, prepare=nothing)
    assert states(fleet) == {(NEW, NEW, "", False)}


def test_what_is_no_recipe_is_refused_and_not_told() -> None:
    """The driver ends with 2 and names the field that is wrong, but not what is in it."""
    broken = subprocess.run(
        [sys.executable, "-m", "runner.driver"],
        input=b'{"push_seed": 17, "project": "a secret"}',
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert broken.returncode == 2
    assert b"push_seed" in broken.stderr
    assert b"17" not in broken.stderr
    assert b"a secret" not in broken.stderr
    assert broken.stdout == b""


def test_a_hundred_nodes_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    """100 nodes: flips lie within 2 s of each other, and a change ends within 60 s."""
    lines: list[str] = []

    async def scene(fleet: Fleet) -> None:
        began = time.monotonic()
        await Rollout(fleet.order(timer=120), lines.append).run()
        lines.append(f"whole: {time.monotonic() - began:.2f} s")

    fleet = play(100, scene, prepare=nothing)
    assert states(fleet) == {(NEW, NEW, "", False)}
    spread = max(fleet.flips) - min(fleet.flips)
    with capsys.disabled():
        print(f"\n100 nodes: flips within {spread:.2f} s; {'; '.join(lines)}")  # noqa: T201
    assert spread < 2
    assert float(lines[-1].split()[1]) < 60
