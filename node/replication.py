"""How far the copies on this machine are behind, for the node exporter to show."""

import json
from typing import Any

from node import metrics
from node.machine import Machine
from node.metrics import Metric
from node.receive import FILE
from node.request import Answer, Request

_NEVER = float("inf")


def replication(machine: Machine, _: Request) -> Answer:
    """Write the age of the newest snapshot of each copy: of what has come, not of what was sent.

    Returns:
        ``written``: the file's name.
    """
    file = machine.layout.active / FILE
    copies: dict[str, Any] = json.loads(file.read_text(encoding="ascii")) if file.exists() else {}
    return {"written": metrics.write(machine, "replication", _families(machine, copies))}


def _families(machine: Machine, copies: dict[str, Any]) -> list[Metric]:
    now = machine.clock.wall()
    told = [
        ({"dataset": str(one["dataset"]), "source": str(one["source"])}, one)
        for one in copies.values()
    ]
    newest = [(labels, _newest(machine, str(one["dataset"]))) for labels, one in told]
    return [
        Metric(
            name="backplane_replication_lag_seconds",
            kind="gauge",
            about="Age of the newest snapshot that has been received; +Inf before the first.",
            samples=[(labels, max(0.0, now - at) if at else _NEVER) for labels, at in newest],
        ),
        Metric(
            name="backplane_replication_newest_seconds",
            kind="gauge",
            about="When the newest snapshot that has been received was made, seconds since 1970.",
            samples=[(labels, at) for labels, at in newest],
        ),
        Metric(
            name="backplane_replication_interval_seconds",
            kind="gauge",
            about="The declared time from one run to the next.",
            samples=[(labels, int(one["seconds"])) for labels, one in told],
        ),
    ]


def _newest(machine: Machine, dataset: str) -> int:
    """When the newest snapshot of a dataset was made; 0 without one."""
    argv = ["zfs", "list", "-Hp", "-t", "snapshot", "-d", "1", "-o", "creation", dataset]
    told = machine.commands.run(argv)
    return max((int(line) for line in told.out.split()), default=0) if told.code == 0 else 0
