"""Refuses a change of both ways in at once, before the first resource: nobody could get in."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pulumi

from backplane.plan import Plan
from backplane.ways import renewed, standing

PATIENCE = 60.0
"""Seconds for reading the stack's state; a remote one takes a few."""


def guard(plan: Plan) -> None:
    """Compare with what the state says that nodes know; secrets in it stay encrypted.

    Raises:
        pulumi.RunError: Enrollment and management would both have new keys or PSKs, on some node.
    """
    found = renewed(plan, standing(_state(plan.stack)))
    if found:
        name, lines = next(iter(found.items()))
        others = f" and {len(found) - 1} more nodes" if len(found) > 1 else ""
        raise pulumi.RunError(
            f"both ways in would change at once: {'; '.join(lines)} ({name}{others}). "
            "Nobody could tell them. Nothing was changed.\n"
            "  fix: take one of the two back to the number before, run `pulumi up`, then the other"
        )


def _state(stack: str) -> dict[str, Any]:
    """The state before this run; empty before the first."""
    program = shutil.which("pulumi")
    if program is None:
        pulumi.log.warn("no `pulumi` on PATH: not checked that only one way in changes")
        return {}
    done = subprocess.run(
        [program, "stack", "export", "--stack", stack, "--non-interactive"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if done.returncode != 0:
        return {}
    state: dict[str, Any] = json.loads(done.stdout)
    return state
