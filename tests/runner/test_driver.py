"""The rollout's driver as a process, and with as many nodes as a mesh may have."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backplane.recipe import Recipe
from runner import driver
from runner import receipt as receipts
from runner.order import Order, ordered
from runner.receipt import RECEIPT
from runner.rollout import Rollout
from tests.core.test_recipe import recipe
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


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The example's recipe on standard input, with its receipt in the environment."""
    made = recipe()
    monkeypatch.setattr("sys.stdin", io.StringIO(made.encode()))
    monkeypatch.setattr(driver, "go_on_alone", lambda: None)
    monkeypatch.setenv(RECEIPT, f"{made.digest()} token")
    return made


def test_the_driver_carries_out_what_the_recipe_makes(
    given: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its code is the rollout's; it says what it made on standard error, and nothing else."""
    carried: list[Order] = []

    def carry_out(order: Order) -> int:
        carried.append(order)
        return 1

    monkeypatch.setattr(driver, "carry_out", carry_out)
    assert driver.main() == 1
    assert carried == [ordered(given)]
    told = capsys.readouterr()
    assert re.fullmatch(r"bundles: 4 nodes, \d+\.\d\d s\n", told.err)
    assert told.out == ""


@pytest.mark.parametrize("receipt", ["", "0123 token"])
def test_a_receipt_of_another_recipe_is_refused(
    given: Recipe,
    receipt: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What failed with an old receipt could be taken back unseen."""
    del given
    monkeypatch.setenv(RECEIPT, receipt)
    monkeypatch.setattr(driver, "carry_out", lambda _: pytest.fail("carried out"))
    assert driver.main() == 2
    assert "without --target" in capsys.readouterr().err


def test_a_defect_in_making_bundles_tells_nothing_of_them(
    given: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine shows and keeps what a command says: an exception's own words may hold a key."""
    hidden = given.push_seed

    def broken(_: Recipe) -> Order:
        raise RuntimeError(hidden)

    monkeypatch.setattr(driver, "ordered", broken)
    assert driver.main() == 2
    told = capsys.readouterr().err
    assert "a defect: the bundles cannot be made (RuntimeError)" in told
    assert hidden not in told


def test_each_receipt_is_new_and_tells_what_every_node_is_to_run(
    given: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of JSON; the same recipe has the same digest and generations, and another token."""
    lines = []
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO(given.encode()))
        assert receipts.main() == 0
        lines.append(json.loads(capsys.readouterr().out))
    first, second = lines
    assert first["generations"] == second["generations"]
    assert first["generations"] == {one.node: one.generation for one in given.bundles()}
    assert {one["receipt"].split()[0] for one in lines} == {given.digest()}
    assert first["receipt"] != second["receipt"]
