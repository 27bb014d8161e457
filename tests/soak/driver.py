"""The soak itself: step after step, each a change, perhaps struck by a fault, then checks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.lab.canary import Canaries
from tests.lab.mesh import Mesh
from tests.soak import changes, faults, second
from tests.soak.checks import Checks
from tests.soak.evidence import keep
from tests.soak.facts import machines
from tests.soak.invariants import Broken
from tests.soak.model import Declaration, Model, chance
from tests.soak.moments import Eye, Moment
from tests.soak.runs import Run

PLAIN = 0.45
"""Part of the steps without a fault."""

AT_ONCE = 0.06
"""Part of the steps with two `up` at once."""

TURN = 0.1
"""Part of the steps before which the runner's tunnel is taken down, or up again."""

LIMIT = 900.0
"""Seconds after which an `up` counts as hanging; a first boot may take 600 of them."""

Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Soak:
    """One soak.

    Attributes:
        mesh: the mesh, lit.
        seed: what every choice follows from.
        folder: where logs and evidence go.
        say: takes one line.
        number: the step that runs.
        counts: operations by name.
        history: what was said of each step.
    """

    mesh: Mesh
    seed: int
    folder: Path
    say: Say = print
    number: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    history: list[str] = field(default_factory=list)
    _runs: list[Run] = field(default_factory=list)
    _model: Model = field(init=False)
    _checks: Checks = field(init=False)

    def __post_init__(self) -> None:
        """Read the declaration, and begin to look."""
        declared: Declaration = {}
        self.mesh.declare(declared.update)
        self._model = Model(declared=declared)
        self._checks = Checks(
            mesh=self.mesh, model=self._model, canaries=Canaries(), folder=self.folder
        )

    @property
    def checked(self) -> Counter[str]:
        """How often each invariant was checked."""
        return self._checks.counts

    @property
    def canaries(self) -> Canaries:
        """Every secret that was live."""
        return self._checks.canaries

    @property
    def figures(self) -> str:
        """What was measured meanwhile."""
        return self._checks.figures

    def run(self, more: Callable[[int], bool]) -> None:
        """Make steps while `more(number of steps made)`.

        Raises:
            Broken: An invariant does not hold; the evidence is kept.
        """
        self._checks.start()
        try:
            self._checks.whole()
            while more(self.number):
                self.number += 1
                self._step()
        except Exception as error:
            self.say(f"BROKEN in step {self.number} of seed {self.seed}: {error}")
            where = keep(self.mesh, self.folder, self.history, self._model.nodes)
            self.say(f"evidence: {where}")
            raise
        finally:
            self._checks.stop()
            for run in self._runs:
                run.end()

    def _step(self) -> None:
        draw = chance(self.seed, self.number)
        edit = changes.drawn(self._model, draw)
        fault, moment = self._fault(edit, draw)
        if draw.random() < TURN:
            turned = self._checks.turn()
            self.counts[turned] += 1
            self.say(f"{self.number:4d}           {turned}")
        told = edit.what + (f" // {fault.what}, {moment}" if fault else "")
        self.history.append(f"{self.number:4d}          {told} ...")
        began = time.monotonic()
        try:
            outcome = self._made(edit, fault, moment)
        except BaseException:
            self.say(self.history[-1])
            raise
        line = f"{self.number:4d} {time.monotonic() - began:6.1f} s  {told}: {outcome}"
        self.history[-1] = line
        self.say(line)

    def _fault(self, edit: changes.Edit, draw: Random) -> tuple[faults.Fault | None, Moment]:
        moment, luck = Moment.drawn(draw), draw.random()
        if luck < PLAIN:
            return None, moment
        if luck < PLAIN + AT_ONCE:
            return second.fault(draw, self.folder), Moment(phase="", after=0)
        return faults.drawn(self._model, edit, draw, adopts=self._checks.adopts), moment

    def _made(self, edit: changes.Edit, fault: faults.Fault | None, moment: Moment) -> str:
        self._power(edit)
        changes.take(self._model, edit)
        self.mesh.declare(edit.apply)
        self._checks.reach.excuse(edit.makes | edit.drops)
        self.counts.update(edit.kinds)
        if fault is None:
            self._converge("up", seconds=LIMIT)
            self._checks.undisturbed(edit.rotates)
            self._checks.whole()
            return "done"
        self.counts[f"fault: {fault.kind}"] += 1
        before = self._checks.standing()
        struck, run = self._struck(fault, moment)
        said = self._outcome(run, struck=struck)
        healed = self._checks.settled(before, fault, failed=run.popen.returncode != 0)
        if fault.kills and struck:
            self._checks.recovered()
        self._converge("up again", seconds=LIMIT)
        if fault.deafens:
            self._checks.deaf()
        elif not healed.mixed:
            self._checks.undisturbed(edit.rotates)
        else:
            self._checks.meter.look()
        self._checks.whole()
        return f"{said}; {healed.what}; up again: done"

    def _power(self, edit: changes.Edit) -> None:
        there = machines(self.mesh)
        for name in edit.off:
            self._checks.reach.excuse({name})
            there[name].shutdown()
        for name in edit.on:
            there[name].start()
            self.mesh.lab.on(name).wait_until_succeeds("test -e /run/backplane/active", 60)

    def _struck(self, fault: faults.Fault, moment: Moment) -> tuple[bool, Run]:
        leaders = self._checks.leaders()
        with fault.around(self.mesh):
            run = self._up("struck")
            struck = moment.wait(Eye.on(leaders), run.ended)
            if struck:
                self._checks.reach.excuse(fault.hurts)
                fault.strike(self.mesh, run)
            if run.wait(LIMIT) is None:
                raise Broken(f"`up` has not ended after {LIMIT:.0f} s, see {run.log}")
            self._checks.reach.excuse(fault.hurts)
        return struck, run

    def _outcome(self, run: Run, *, struck: bool) -> str:
        code = run.popen.returncode
        late = "" if struck else ", before its moment"
        if "Traceback (most recent call last)" in run.text:
            raise Broken(f"`up` shows a traceback, see {run.log}")
        if code == 0:
            return f"up went through{late}"
        return f"up killed{late}" if code < 0 else f"up failed{late}"

    def _up(self, label: str) -> Run:
        log = self.folder / f"{self.number:04d}-{label.replace(' ', '-')}.log"
        self._runs.append(Run.start(self.mesh, log))
        return self._runs[-1]

    def _converge(self, label: str, *, seconds: float) -> None:
        run = self._up(label)
        code = run.wait(seconds)
        if code is None:
            raise Broken(f"{label}: has not ended after {seconds:.0f} s, see {run.log}")
        if code != 0:
            raise Broken(f"{label}: failed, see {run.log}: {run.complaint}")
        self._model.converged()
