"""The declaration out of the stack's config: a plan, or every mistake in one message."""

from __future__ import annotations

import pulumi

from backplane.check import checked_plan
from backplane.mistakes import DeclarationError
from backplane.plan import Plan


def declared() -> Plan:
    """Read and check `backplane:mesh` of the selected stack.

    Raises:
        pulumi.RunError: With all mistakes, before any resource is touched.
    """
    project, stack = pulumi.get_project(), pulumi.get_stack()
    try:
        return checked_plan(pulumi.Config().get_object("mesh"), project=project, stack=stack)
    except DeclarationError as error:
        raise pulumi.RunError(f"stacks/Pulumi.{stack}.yaml: {error}") from error
