"""`make alerts`: each alert fires in the lab when its fault is made, and clears when it is mended.

In a lab of its own; takes about 20 minutes, nearly all of it waiting. Writes docs/figures/alerts.md
and .json and ends with 1 when one comes too late, or one comes that nobody called for.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from lab.faults import clock, path, power
from lab.setup import toolchain
from tests.bench.figures import Figures
from tests.lab.mesh import Declaration, Mesh

ROOT = Path(__file__).resolve().parents[2]
TITLE = "How soon an alert fires, and clears"
NOTES = """\
Four nodes on two sites in the lab, Prometheus and Alertmanager on hel-b. Seconds from the fault,
  and from its end, until Prometheus says so; it asks and judges every 15 s.
HandshakeStale waits for 180 s since the last handshake, which may itself be up to 120 s old, and
  then 2 minutes.
GuardHit looks 5 minutes back, so it clears after those.
ReplicationLag waits for two intervals of 4 hours: replication is stopped for real, and 9 hours pass
  for the node tool of the target alone, which looks every 5 minutes.
ClockOff fires by itself, as the lab's machines have no source of time, and RebootNeeded waits for a
  day: those two are run by `promtool test rules` alone.
"""
QUIET = 60.0
"""Seconds without a fault in which nothing may fire."""

_ALWAYS = {"Watchdog", "ClockOff"}
_STRANGER = "10.202.77.7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An alert that a fault must raise.

    Attributes:
        name: Its `alertname`.
        labels: What else it must have.
        fires: Seconds that it may take.
        clears: Seconds that it may go on.
    """

    name: str
    labels: Mapping[str, str]
    fires: float
    clears: float

    def met_by(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is this one."""
        return {"alertname": self.name, **self.labels}.items() <= labels.items()


@dataclass(slots=True, kw_only=True)
class Sight:
    """What Prometheus says.

    Attributes:
        mesh: The mesh.
        address: Prometheus' own, without a port.
        strange: Alerts that nobody called for.
        expected: Names of those that somebody did.
    """

    mesh: Mesh
    address: str
    strange: set[str] = field(default_factory=set)
    expected: set[str] = field(default_factory=set)

    def firing(self) -> list[dict[str, str]]:
        """The labels of every alert that fires."""
        ask = f"curl -sf --max-time 10 http://{self.address}:9090/api/v1/alerts"
        told = json.loads(self.mesh.lab.on("hel-b").succeed(ask))["data"]["alerts"]
        found = [one["labels"] for one in told if one["state"] == "firing"]
        for labels in found:
            if labels["alertname"] not in _ALWAYS | self.expected:
                self.strange.add(json.dumps(labels, sort_keys=True))
        return found

    def wait(self, wanted: list[Wanted], *, fire: bool) -> dict[str, float]:
        """Seconds until each fires, or no more; longer than it may take if it does not."""
        began, left, taken = time.monotonic(), list(wanted), dict[str, float]()
        while left:
            firing, passed = self.firing(), time.monotonic() - began
            for one in list(left):
                limit = one.fires if fire else one.clears
                if any(map(one.met_by, firing)) == fire or passed > 2 * limit:
                    taken[one.name] = passed
                    left.remove(one)
            time.sleep(1)
        return taken


def main() -> int:
    """Measure, write, judge."""
    figures, began = Figures(), time.monotonic()
    console = Console(soft_wrap=True, highlight=False, markup=False)

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {line}")

    with tempfile.TemporaryDirectory(prefix="backplane-alerts-") as name:
        mesh = Mesh.make(Path(name))
        try:
            mesh.must("up", "--yes", "--skip-preview", seconds=900)
            _copied(mesh)
            strange = _measured(mesh, figures, say)
        finally:
            mesh.end()
    figures.add("alerts that nobody called for", len(strange), bound=0)
    notes = (*re.split(r"\n(?! )", NOTES.strip()), f"{toolchain.announce()}.")
    figures.write(ROOT / "docs" / "figures", "alerts", TITLE, notes)
    console.print(figures.markdown(TITLE, notes))
    for line in sorted(strange):
        say(f"STRANGE: {line}")
    for figure in figures.missed:
        say(f"MISSED: {figure.name}: {figure.values} {figure.unit}, bound {figure.bound}")
    return 1 if figures.missed else 0


def _copied(mesh: Mesh) -> None:
    """A first copy, which by itself comes 15 minutes after boot, and a look at it."""
    for name, unit in (
        ("fsn-b", "backplane-sanoid"),
        ("fsn-b", "backplane-replicate-data"),
        ("hel-a", "backplane-replication"),
    ):
        mesh.lab.on(name).succeed(f"systemctl start {unit}.service", 120)


def _measured(mesh: Mesh, figures: Figures, say: Callable[[str], None]) -> set[str]:
    address = mesh.outputs()["nodes"]["hel-b"]["addresses"]["monitoring"]["ipv4"]
    sight = Sight(mesh=mesh, address=address)
    say(f"{QUIET:.0f} s without a fault")
    end = time.monotonic() + QUIET
    while time.monotonic() < end:
        sight.firing()
        time.sleep(1)
    dated = [
        Wanted(name="RotationOverdue", labels={"plane": "storage"}, fires=60, clears=60),
        Wanted(name="OperatorExpires", labels={"operator": "late"}, fires=60, clears=60),
    ]
    sight.expected |= {one.name for one in dated}
    for day, fire in (("2020-01-01", True), (None, False)):
        mesh.declare(partial(_dated, day=day))
        mesh.must("up", "--yes", "--skip-preview")
        _note(figures, sight.wait(dated, fire=fire), dated, fire=fire)
    for title, fault, wanted in _faults(mesh):
        say(title)
        sight.expected |= {one.name for one in wanted} | {"HandshakeOneWay", "HandshakeStale"}
        with fault():
            _note(figures, sight.wait(wanted, fire=True), wanted, fire=True)
        say(f"{title}: mended")
        _note(figures, sight.wait(wanted, fire=False), wanted, fire=False)
    return sight.strange


def _note(
    figures: Figures, taken: Mapping[str, float], wanted: list[Wanted], *, fire: bool
) -> None:
    for one in wanted:
        what, bound = ("fires", one.fires) if fire else ("clears", one.clears)
        figures.add(f"{one.name} {what}", round(taken[one.name], 1), "s", bound)


def _dated(document: Declaration, day: str | None) -> None:
    rotated = {"keys": day} if day else {}
    document.setdefault("planes", {})["storage"] = {"rotated": rotated}
    late = {"id": 9, "planes": ["management"], "expires": day}
    document["operators"] = {**document.get("operators", {}), **({"late": late} if day else {})}
    if not day:
        document["operators"].pop("late", None)


def _faults(mesh: Mesh) -> Iterator[tuple[str, Callable[[], ExitStack], list[Wanted]]]:
    """Title, fault and its alerts; those that leave each other alone are made at once."""
    storage = {"instance": "fsn-b", "friendly_name": "fsn-a", "plane": "storage"}
    management = {**storage, "plane": "management"}

    def at_once() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(path.blocked(mesh.lab.lab, *_machines(mesh, "fsn-a", "fsn-b")))
        stack.enter_context(_anew(mesh, "fsn-b", "wg-quick@wg3.service"))
        stack.enter_context(_stopped(mesh, "fsn-a", "backplane-node-exporter.service"))
        stack.enter_context(_stopped(mesh, "hel-b", "backplane-metrics.timer"))
        stack.enter_context(_stranger(mesh, "hel-a", "fsn-b"))
        stack.enter_context(_stopped(mesh, "fsn-b", "backplane-replicate-data.timer"))
        stack.enter_context(clock.skewed(mesh.lab.machine("hel-a"), 9 * 3600))
        return stack

    copied = {"instance": "hel-a", "dataset": "vault/copies/data"}
    yield (
        "a path cut, exporter, timer and replication stopped, a stranger inside monitoring",
        at_once,
        [
            Wanted(name="HandshakeStale", labels=management, fires=345, clears=75),
            Wanted(name="HandshakeNever", labels=storage, fires=345, clears=75),
            Wanted(name="HandshakeOneWay", labels=management, fires=375, clears=195),
            Wanted(name="ExporterDown", labels={"node": "fsn-a"}, fires=105, clears=45),
            Wanted(name="MetricsOld", labels={"instance": "hel-b"}, fires=225, clears=60),
            Wanted(name="GuardHit", labels={"instance": "fsn-b"}, fires=60, clears=360),
            Wanted(name="ReplicationLag", labels=copied, fires=420, clears=345),
        ],
    )

    def down() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(power.cut(mesh.lab.machine("fsn-a")))
        return stack

    yield (
        "the power of fsn-a cut",
        down,
        [Wanted(name="NodeDown", labels={"instance": "fsn-a"}, fires=180, clears=90)],
    )


def _machines(mesh: Mesh, *names: str) -> list[path.End]:
    return [mesh.lab.machine(name) for name in names]


@contextmanager
def _anew(mesh: Mesh, name: str, unit: str) -> Iterator[None]:
    """Start a unit anew, so that what it knew of its peers is gone."""
    mesh.lab.on(name).succeed(f"systemctl restart {unit}")
    yield


@contextmanager
def _stopped(mesh: Mesh, name: str, unit: str) -> Iterator[None]:
    mesh.lab.on(name).succeed(f"systemctl stop {unit}")
    try:
        yield
    finally:
        mesh.lab.on(name).succeed(f"systemctl start {unit}")


@contextmanager
def _stranger(mesh: Mesh, source: str, target: str) -> Iterator[None]:
    """Packets inside monitoring from an address that WireGuard lets through by hand alone."""
    nodes = mesh.outputs()["nodes"]
    own, theirs = nodes[source]["addresses"]["monitoring"], nodes[target]["addresses"]["monitoring"]
    allowed = f"{own['ipv4']}/32,{own['ipv6']}/128"
    peer = f"wg set wg2 peer {nodes[source]['public_keys']['monitoring']} allowed-ips {allowed}"
    here, there = mesh.lab.on(source), mesh.lab.on(target)
    there.succeed(f"{peer},{_STRANGER}/32")
    here.succeed(f"ip address add {_STRANGER}/32 dev lo")
    try:
        here.fail(f"ping -c 20 -i 0.5 -W 1 -I {_STRANGER} {theirs['ipv4']}")
        yield
    finally:
        here.succeed(f"ip address del {_STRANGER}/32 dev lo")
        there.succeed(peer)


if __name__ == "__main__":
    sys.exit(main())
