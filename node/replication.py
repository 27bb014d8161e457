"""How far the copies on this machine are behind, for the node exporter to show."""

import json
from typing import Any

from node import metrics
from node.errors import Refused
from node.machine import Machine
from node.metrics import Metric
from node.receive import FILE
from node.request import Answer, Request

_FIX = "look at `zfs list -t snapshot` on the machine"
_NEVER, _TRIES = float("inf"), 3


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
    """When the newest snapshot of a dataset was made; 0 without one.

    In two steps, as not every ZFS knows `zfs list -p`.
    """
    list_them = ["zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", "-d", "1", dataset]
    for _ in range(_TRIES):
        named = machine.commands.run(list_them)
        if named.code or not named.out.split():
            return 0
        argv = ["zfs", "get", "-Hp", "-o", "value", "creation", *named.out.split()]
        told = machine.commands.run(argv)
        if told.code == 0:
            return max(int(line) for line in told.out.split())
        # One of them was pruned meanwhile.
    raise Refused(f"the snapshots of {dataset} cannot be read: {told.err.strip()[-200:]}", _FIX)
