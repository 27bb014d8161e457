"""The declaration out of the stack's config: a plan, or every mistake in one message."""

from __future__ import annotations

import os
import time

import pulumi
from pydantic import JsonValue

from backplane import expiry
from backplane.check import checked_plan
from backplane.mistakes import DeclarationError
from backplane.plan import Plan

ABSENT = "BACKPLANE_ABSENT"
"""Names the nodes, by commas, that this run goes on without; `backplane up --tolerate` sets it."""


def declared() -> tuple[JsonValue, Plan]:
    """Read and check `backplane:mesh` of the selected stack: as it is there, and as a plan.

    Raises:
        pulumi.RunError: With all mistakes, before any resource is touched.
    """
    project, stack = pulumi.get_project(), pulumi.get_stack()
    mesh: JsonValue = pulumi.Config().get_object("mesh")
    try:
        plan = checked_plan(mesh, project=project, stack=stack)
    except DeclarationError as error:
        raise pulumi.RunError(f"stacks/Pulumi.{stack}.yaml: {error}") from error
    for line in expiry.warnings(plan, time.time()):
        pulumi.log.warn(line)
    names = [name for name in os.environ.get(ABSENT, "").split(",") if name]
    if names:
        pulumi.log.warn(f"this run goes on without {', '.join(names)}")
    try:
        return mesh, plan.without(names)
    except KeyError as error:
        raise pulumi.RunError(
            f"{ABSENT} names {error.args[0]}, which is no node of stack {stack}\n"
            "  fix: use `backplane up --tolerate K`, which sets it"
        ) from error
