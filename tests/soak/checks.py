"""The invariants, asked of the mesh at the right moments and counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.network.namespace import Namespace
from tests.lab.canary import Canaries
from tests.lab.mesh import STACK, Mesh
from tests.soak import invariants
from tests.soak.facts import gather, machines
from tests.soak.faults import Fault
from tests.soak.invariants import Broken
from tests.soak.meter import PERIOD, Meter
from tests.soak.model import LASTING, PLANES, Model, members
from tests.soak.reach import Reach

SLACK = 30.0
"""Seconds after the timer within which everybody must be back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """How the mesh came back.

    Attributes:
        what: in words.
        mixed: whether nodes had confirmed different things.
    """

    what: str
    mixed: bool


@dataclass(slots=True, kw_only=True)
class Checks:
    """Everything that looks at the mesh.

    Attributes:
        mesh: the mesh.
        model: what must be.
        canaries: every secret seen.
        folder: where logs go.
        counts: checks made, by invariant.
        slowest: the longest time in which a mesh came back, seconds.
        mixes: how often nodes had confirmed different things.
        tunnelled: whether the runner's tunnel is kept up between commands; only then is the way in
            watched all the time.
        pauses: the longest pause of a plane whose keys were rotated, seconds.
    """

    mesh: Mesh
    model: Model
    canaries: Canaries
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    mixes: int = 0
    pauses: float = 0.0
    tunnelled: bool = False
    reach: Reach = field(init=False)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        """Make what looks all the time."""
        self.reach = Reach(Namespace(self.mesh.lab.lab.runner))
        self.meter = Meter(folder=self.folder)

    @property
    def adopts(self) -> bool:
        """Whether there is a verb that deals with machines that are in no state."""
        return (self.mesh.project / "scripts/recover.py").exists()

    @property
    def figures(self) -> str:
        """What was measured."""
        return (
            f"{self.meter.answers} echoes answered between {' and '.join(LASTING)}, longest pause "
            f"of a rotated plane {self.pauses:.1f} s; longest time without a way in "
            f"{self.reach.worst[0]} s ({self.reach.worst[1]}) in {self.reach.rounds} rounds; "
            f"back after at most {self.slowest:.0f} s; {self.mixes} times of two minds"
        )

    def start(self) -> None:
        """Begin to look."""
        self.turn()
        self.reach.start()
        self.deaf()

    def turn(self) -> str:
        """Keep the runner's tunnel up from now on, or no longer; say which."""
        self.tunnelled = not self.tunnelled
        if not self.tunnelled:
            self.reach.count({})
        self.mesh.tunnel("up" if self.tunnelled else "down")
        return f"tunnel {'up' if self.tunnelled else 'down'}"

    def stop(self) -> None:
        """Look no more."""
        self.meter.stop()
        self.reach.stop()

    def leaders(self) -> dict[str, int]:
        """The first processes of the machines that are on."""
        found = {name: machine.leader for name, machine in machines(self.mesh).items()}
        return {name: leader for name, leader in found.items() if leader is not None}

    def deaf(self) -> None:
        """Start the meter anew: what happened to its nodes was done to them."""
        addresses = {
            (one.name, plane): one.address(index)
            for one in members(self.model.live)
            for index, plane in enumerate(PLANES)
        }
        self.meter.start(self.leaders(), addresses)

    def whole(self) -> None:
        """After an `up` that succeeded: everything is as declared."""
        self._count()
        facts = gather(self.mesh, self.model.present, self.canaries)
        declared = self._declared()
        invariants.confirmed(facts, {name: one["generation"] for name, one in declared.items()})
        there = {name: one for name, one in facts.items() if one is not None}
        invariants.live(self.model, there)
        invariants.keys(self.model, there)
        verdict = self.mesh.verify()
        if verdict["ok"] is not True:
            raise Broken(f"`backplane verify` after an `up`: {_findings(verdict)}")
        drift = self.mesh.backplane("drift", "--stack", STACK)
        if drift.code != 0:
            raise Broken(f"`backplane drift` after an `up`: {drift.out}{drift.err}")
        self._looked()
        self.counts["everybody confirmed and as declared"] += 1

    def _declared(self) -> dict[str, dict[str, str]]:
        words = ("pulumi", "stack", "output", "nodes", "--json", "--stack", STACK)
        found: dict[str, dict[str, str]] = json.loads(self.mesh.run(*words).out)
        return found

    def undisturbed(self, rotated: frozenset[str]) -> None:
        """No packet is lost between the lasting nodes."""
        lost = self.meter.look()
        for plane in rotated & set(lost):
            self.pauses = max(self.pauses, lost[plane] * PERIOD)
        invariants.undisturbed(lost, rotated, PERIOD)
        self.counts["no packet lost"] += 1

    def standing(self) -> dict[str, str]:
        """What each node has confirmed now."""
        facts = gather(self.mesh, self.model.present, self.canaries)
        return {name: one.status["confirmed"] for name, one in facts.items() if one is not None}

    def settled(self, before: Mapping[str, str], fault: Fault, *, failed: bool) -> Healed:
        """After a fault: within timer and slack, all are back and the runner can get in.

        Args:
            before: what each node had confirmed.
            fault: what struck.
            failed: whether the `up` failed or was killed.
        """
        began = time.monotonic()
        names = set(self.model.present) & set(self.leaders())
        timer = max(self.model.live["timer"], self.model.declared["timer"])
        until = began + timer + len(names) + SLACK
        self._count(names)
        while True:
            facts = gather(self.mesh, names & set(machines(self.mesh)), self.canaries)
            wrong = invariants.settled(facts)
            late = [name for name, since in self.reach.since.items() if since < began]
            if not wrong and not late:
                break
            if time.monotonic() > until:
                wrong += [f"{name}: the runner has no way in" for name in late]
                raise Broken(f"not back after {until - began:.0f} s: {'; '.join(wrong)}")
            time.sleep(0.5)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        there = {name: one for name, one in facts.items() if one is not None}
        both = failed and invariants.mixed(before, there)
        self.mixes += both
        if both and not (fault.halves or fault.kills):
            moved = {name: (before.get(name), f.status["confirmed"]) for name, f in there.items()}
            raise Broken(f"nodes of two minds, though the rollout lived: {moved}")
        self.counts["back within timer and slack"] += 1
        self._looked()
        return Healed(
            what=f"back after {took:.1f} s" + (", of two minds" if both else ""), mixed=both
        )

    def recovered(self) -> None:
        """After pulumi was killed: the one extra step."""
        if self.adopts:
            done = self.mesh.backplane("recover", "--yes", "--stack", STACK)
        else:
            done = self.mesh.run(
                "pulumi", "cancel", "--yes", "--stack", STACK, "--non-interactive", label="cancel"
            )
        if done.code != 0:
            raise Broken(f"the one extra step failed: {done.out}{done.err}")

    def _count(self, names: set[str] | None = None) -> None:
        if not self.tunnelled:
            return
        there = set(self.model.present) if names is None else names
        self.reach.count(
            {
                one.name: (one.address(1), one.address(0))
                for one in members(self.model.live)
                if one.name in there
            }
        )

    def _looked(self) -> None:
        late = self.reach.late(invariants.LOCKED_OUT)
        if late:
            raise Broken(f"the runner has had no way into {', '.join(late)} for 30 s")
        self.counts["never locked out"] += 1
        invariants.dark(json.loads((self.mesh.folder / "stranger.json").read_text()))
        self.counts["dark"] += 1


def _findings(verdict: Mapping[str, object]) -> str:
    return json.dumps(
        {key: value for key, value in verdict.items() if key not in ("ok", "seconds")}
    )[:1500]
