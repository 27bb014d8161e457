"""Figures of a hundred fake nodes: real SSH servers, real engine, the real driver.

As in the trial that the design rests on: a program of one remote command a node, which stages, and
one local command, which is the rollout.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Figures
from tests.pulumi_project import PulumiProject
from tests.runner.fleet import PORT, Fleet

ROOT = Path(__file__).resolve().parents[2]
SIZE = 100
BUNDLE = 512
"""Octets that each stage is pushed: few, since what real bundles take is measured apart."""

_LINE = re.compile(r"\b(arm|prepare|flip|check|confirm): \d+ of \d+ nodes, ([\d.]+) s")
_CONFIRMED = re.compile(r"confirmed within ([\d.]+) s")
_UNDONE = re.compile(r"undo: \d+ of \d+ nodes, ([\d.]+) s")

_PROGRAM = """
import json, sys
sys.path.insert(0, {root!r})
import pulumi
from pulumi_command import local, remote
from runner.order import Order, Target

told = json.load(open({spec!r}))
stages = {{}}
for node in told["nodes"]:
    stages[node["name"]] = remote.Command(
        node["name"] + "-stage",
        connection=remote.ConnectionArgs(
            host=node["wg1"], port=node["port"], user="root",
            private_key=pulumi.Output.secret(told["push_key"]), host_key=node["host_key"],
        ),
        create="backplane-node stage",
        stdin=pulumi.Output.secret(json.dumps(told["staged"])),
        logging=remote.Logging.NONE,
        add_previous_output_in_env=False,
    )

def order(receipts):
    targets = tuple(
        Target(**node, generation=told["generation"], receipt=receipt.strip())
        for node, receipt in zip(told["nodes"], receipts, strict=True)
    )
    return Order(stack="fleet", timer=120, push_key=told["push_key"], targets=targets).encode()

local.Command(
    "mesh-command",
    create="cd " + {root!r} + " && exec .venv/bin/python -m runner.rollout",
    stdin=pulumi.Output.secret(
        pulumi.Output.all(*(stage.stdout for stage in stages.values())).apply(order)
    ),
    logging=local.Logging.STDERR,
    add_previous_output_in_env=False,
    opts=pulumi.ResourceOptions(depends_on=list(stages.values())),
)
"""


@contextmanager
def _serving(fleet: Fleet) -> Iterator[None]:
    """Let the fleet answer in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fleet.start(), loop).result(60)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(fleet.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(folder: Path, figures: Figures, say: Callable[[str], None], *, runs: int) -> None:
    """Measure `runs` rollouts and undone ones, one whole change, and the state that is left."""
    fleet = Fleet(SIZE)
    with _serving(fleet):
        for turn in range(1, runs + 1):
            took = _roll(fleet, figures, f"{turn:016x}")
            say(f"  rollout {turn} of {runs}: {took:.1f} s")
        fleet.nodes[-1].refuse = "flip"
        for turn in range(1, runs + 1):
            _undo(fleet, figures, f"{0xF000 + turn:016x}")
        assert {node.active for node in fleet.nodes} == {f"{runs:016x}"}
        fleet.nodes[-1].refuse = ""
        _whole(fleet, folder, figures, say)


def _drive(fleet: Fleet, generation: str) -> tuple[int, str, float]:
    """Run the driver as `pulumi up` does: exit code, what it said, seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "runner.rollout"],
        cwd=ROOT,
        input=fleet.order(timer=120, generation=generation).encode(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stderr, time.monotonic() - began


def _roll(fleet: Fleet, figures: Figures, generation: str) -> float:
    """All nodes take a generation."""
    code, said, took = _drive(fleet, generation)
    assert code == 0, said
    figures.add(f"{SIZE} fake nodes: the rollout of a change", took, "s")
    for phase, seconds in _LINE.findall(said):
        figures.add(f"{SIZE} fake nodes: {phase}", float(seconds), "s")
    for window in _CONFIRMED.findall(said):
        figures.add(f"{SIZE} fake nodes: first to last confirm", float(window), "s")
    return took


def _undo(fleet: Fleet, figures: Figures, generation: str) -> None:
    """One node refuses to flip: all are led back."""
    code, said, _ = _drive(fleet, generation)
    assert code == 1, said
    (undone,) = _UNDONE.findall(said)
    figures.add(f"{SIZE} fake nodes: undoing a change that one refused", float(undone), "s")


def _whole(fleet: Fleet, folder: Path, figures: Figures, say: Callable[[str], None]) -> None:
    """Stage everywhere and roll out, by the engine."""
    project = PulumiProject.make(folder)
    spec = folder / "spec.json"
    project.program(_PROGRAM.format(root=str(ROOT), spec=str(spec)))
    _declare(fleet, spec, f"{0xE001:016x}")
    project.up()
    _declare(fleet, spec, f"{0xE002:016x}")
    began = time.monotonic()
    project.up()
    took = time.monotonic() - began
    assert {node.confirmed for node in fleet.nodes} == {f"{0xE002:016x}"}
    size = len(project.state_text().encode()) / 1e6
    say(f"  `pulumi up` of a change: {took:.1f} s, state {size:.2f} MB")
    figures.add(f"{SIZE} fake nodes: `pulumi up` of a change", took, "s")
    figures.add(f"{SIZE} fake nodes: state", size, "MB")


def _declare(fleet: Fleet, spec: Path, generation: str) -> None:
    """Write what the program reads."""
    nodes = [
        {
            "name": node.name,
            "wg1": node.host(1),
            "wg0": node.host(0),
            "host_key": node.host_key.export_public_key().decode().strip(),
            "port": PORT,
        }
        for node in fleet.nodes
    ]
    told = {
        "nodes": nodes,
        "generation": generation,
        "staged": {"generation": generation, "bundle": "x" * BUNDLE},
        "push_key": fleet.user.export_private_key().decode(),
    }
    spec.write_text(json.dumps(told))
