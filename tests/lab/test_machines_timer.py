"""The timer of an undo, by the node tool's own code under a real machine's systemd."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from node import timers
from node.commands import Commands, Result
from node.layout import TOOL
from node.machine import Machine
from tests.lab.verbs import Place, TestLab

pytestmark = pytest.mark.lab

_UNIT = "backplane-rollback-00000001"


@dataclass(frozen=True, slots=True)
class There(Commands):
    """Runs the tool's programs on a machine of the lab."""

    place: Place

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Run one there."""
        assert not stdin
        done = self.place.run(shlex.join(argv), timeout)
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)


def _due(place: Place) -> str:
    return place.succeed(f"systemctl show --property=NextElapseUSecMonotonic {_UNIT}.timer")


def test_no_reload_puts_off_an_undo(pair: TestLab) -> None:
    """Systemd reads its units anew, as package managers have it do: the timer stays where it was.

    Counted from its start it would not, under the systemd of Debian 12.
    """
    place = pair.on("fsn-a")
    machine = Machine(commands=There(place))
    # systemd looks for the program at once; it is not to run here.
    place.succeed(f"ln -s /bin/true {TOOL}")
    try:
        timers.detach(machine, _UNIT, ["expire", _UNIT], 600)
        before = _due(place)
        place.succeed("sleep 2; systemctl daemon-reload")
        assert _due(place) == before
        # What is left, as systemd counts it, is what was asked for.
        left = place.succeed(f"systemctl list-timers --no-pager --no-legend {_UNIT}.timer")
        assert re.search(r"\b9min\b.* left", left), left
    finally:
        place.succeed(f"systemctl stop {_UNIT}.timer; rm {TOOL}")
