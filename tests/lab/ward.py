"""A mesh that is made to suffer: hurt while it changes, watched, and changed well afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.faults import path, processes
from lab.layout import LabError
from lab.machines.machine import Machine
from lab.network.namespace import Namespace
from lab.process import Process
from tests.lab import mutant
from tests.lab.mesh import ROOT, STACK, Done, Mesh, checkout
from tests.lab.running import Running

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
DECLARED = 30
"""The shortest timer that may be declared, in seconds."""

TIMER = DECLARED + len(NODES)
"""The timer the rollout arms: it gives a second more for each node."""

GRACE = 30
"""Seconds that the mesh may take beyond the timer to answer again."""

_SOUND = """
import json, os, sys
sys.path.insert(0, "/usr/local/sbin/backplane-node")
from node import generations
from node.layout import Layout
from node.machine import Machine
machine, layout = Machine(), Layout()
names = sorted(os.listdir(layout.generations))
print(json.dumps({
    "left": [name for name in names if name.startswith(".")],
    "damage": {n: d for n in names if n[0] != "." if (d := generations.damage(machine, n))},
    "confirmed": generations.named(machine, layout.confirmed),
    "active": generations.named(machine, layout.active),
    "staged": generations.named(machine, layout.staged),
}))
"""


@dataclass(slots=True, kw_only=True)
class Ward:
    """The mesh of the fault tests.

    Attributes:
        mesh: it, up, with the shortest timer and the runner's tunnel held open.
        mutant: the copy of the project that spoils bundles.
        credentials: what asking the nodes takes; secret.
        figures: what was measured, by case.
        changes: how often the declaration was changed.
    """

    mesh: Mesh
    mutant: Path
    credentials: dict[str, Any] = field(repr=False)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    changes: int = 0

    @classmethod
    def make(cls, folder: Path) -> Ward:
        """Bring a mesh up from nothing."""
        mesh = Mesh.make(folder)
        try:
            mesh.declare(lambda declared: declared.update(timer=DECLARED))
            mesh.must("up", "--yes", "--skip-preview", seconds=900)
            mesh.tunnel("up")
            return cls(
                mesh=mesh,
                mutant=mutant.project(checkout(folder / "mutant")),
                credentials=mesh.outputs()["runner"],
            )
        except BaseException:
            mesh.end()
            raise

    def end(self) -> None:
        """Leave nothing; what is gone already is fine."""
        with suppress(AssertionError, LabError):
            self.mesh.tunnel("down")
        self.mesh.end()

    # What is asked of the nodes, past their network

    def machine(self, node: str) -> Machine:
        """A node's machine."""
        return self.mesh.lab.machine(node)

    def status(self, node: str) -> dict[str, Any]:
        """What a node's tool says of itself."""
        found: dict[str, Any] = json.loads(self.mesh.lab.exec(node, "backplane-node status"))
        return found

    def confirmed(self) -> dict[str, str]:
        """The generation that each node has confirmed, all of them at rest."""
        told = {node: self.status(node) for node in NODES}
        for node, one in told.items():
            assert one["active"] == one["confirmed"], (node, one)
            assert one["timer"] is None, (node, one)
        return {node: str(one["confirmed"]) for node, one in told.items()}

    def sound(self, *, swept: bool) -> None:
        """Every generation on every disk is whole; `swept`: and there is nothing beside them."""
        for node in NODES:
            done = self.machine(node).run("python3", "-", stdin=_SOUND)
            assert done.returncode == 0, f"{node}: {done.stderr}"
            told = json.loads(done.stdout)
            assert told["damage"] == {}, (node, told)
            assert told["confirmed"] == told["active"] != None, (node, told)  # noqa: E711
            assert not (swept and told["left"]), (node, told)

    def journal(self, node: str, since: float) -> str:
        """What the node tool has told the journal since a second (time.time)."""
        return self.mesh.lab.exec(
            node, f"journalctl -q -t backplane-node -o cat --since @{since:.3f}"
        )

    # What happens to it

    def declare_anew(self) -> None:
        """Change the declaration so that every node gets a generation that it never had."""
        self.changes += 1
        bob = {"id": 1 + self.changes, "planes": ["management", "monitoring"]}
        self.mesh.declare(lambda declared: declared["operators"].update(bob=bob))
        shutil.copy(self.mesh.stack_file, self.mutant / "stacks")

    def up(self, mutation: Mapping[str, str]) -> Running:
        """Begin `pulumi up`, by the program that spoils bundles if there is a mutation."""
        if not mutation:
            return Running.up(self.mesh)
        environment = mutant.environment(mutation)
        return Running.up(self.mesh, project=self.mutant, environment=environment)

    def kill(self, running: Running) -> None:
        """Kill the rollout and everything else of that run; the runner's tunnel stays."""
        processes.kill_all(running.top)
        assert self.rollouts() == [], "a rollout lives on"

    def rollouts(self) -> list[Process]:
        """The rollouts that run where the runner is."""
        inside = (Process.of(pid) for pid in Namespace(self.mesh.lab.lab.runner).processes())
        return [
            one for one in inside if one and one.alive and "runner.driver" in processes.command(one)
        ]

    def unlock(self) -> None:
        """Clear what a killed `pulumi` leaves in its backend."""
        done = self.mesh.run("pulumi", "cancel", "--yes", "--stack", STACK)
        assert done.code == 0, done.err

    def blocked(self, node: str) -> AbstractContextManager[None]:
        """Block the path between the runner and a node, both ways."""
        return path.blocked(self.mesh.lab.lab, path.RUNNER, self.machine(node))

    # What is seen of it

    @contextmanager
    def asking(self, wanted: Mapping[str, str], until: float) -> Iterator[subprocess.Popen[str]]:
        """Ask every node anew over both ways in meanwhile, until all is as wanted or `until`."""
        process = subprocess.Popen(
            [
                *Namespace(self.mesh.lab.lab.runner).entry,
                *(sys.executable, "-m", "tests.lab.answers"),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        question = {
            "credentials": self.credentials,
            "wanted": dict(wanted),
            "seconds": until - time.time(),
        }
        assert process.stdin is not None
        process.stdin.write(json.dumps(question))
        process.stdin.close()
        process.stdin = None
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def answered(self, asking: subprocess.Popen[str]) -> float:
        """The second (time.time) at which the last node was as wanted."""
        out, _ = asking.communicate(timeout=TIMER + GRACE + 60)
        answers = json.loads(out)
        assert all(one["at"] for one in answers.values()), answers
        return max(float(one["at"]) for one in answers.values())

    def verified(self) -> float:
        """Verify the mesh; the second (time.time) at which that ended well."""
        verdict = self.mesh.verify()
        assert verdict["ok"] is True, verdict
        return time.time()

    def until_undone(self, node: str, wanted: str, until: float) -> None:
        """Wait, past its network, until a node has gone back by itself."""
        while True:
            said: object = "off"
            with suppress(LabError, AssertionError):
                said = told = self.status(node)
                if (told["active"], told["confirmed"], told["timer"]) == (wanted, wanted, None):
                    return
            assert time.time() < until, f"{node}: not back at {wanted}: {said}"
            time.sleep(0.3)

    def corrected(self, before: Mapping[str, str]) -> Done:
        """Run a plain `up`: every node must confirm a generation that it did not have before."""
        done = self.mesh.must("up", "--yes", "--skip-preview")
        after = self.confirmed()
        assert all(after[node] != before[node] for node in NODES), (before, after)
        self.sound(swept=True)
        self.verified()
        return done

    def table(self) -> str:
        """What was measured, as Markdown."""
        rows = [
            f"| {name} | {one['answers']:.1f} | {one['verified']:.1f} |"
            for name, one in self.figures.items()
        ]
        worst = max((one["answers"] for one in self.figures.values()), default=0.0)
        return "\n".join(
            [
                "",
                f"Seconds from the flip, timer {TIMER} s, limit {TIMER + GRACE} s:",
                "| attempt | all nodes answer on the old generation | verified |",
                "|---|---|---|",
                *rows,
                f"Worst: {worst:.1f} s",
            ]
        )
