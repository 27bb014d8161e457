"""The secrets that a declaration names: the stack's own, encrypted in its file, read late."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from backplane.plan import Plan

PREFIX = "secret-"
"""Before a name, the key of the stack's config: `pulumi config set --secret secret-NAME`."""


def named(plan: Plan) -> pulumi.Output[Mapping[str, str]]:
    """The secrets of a plan by name; they never decide what resources there are.

    Raises:
        pulumi.RunError: One is not there, before any resource is touched; all are told.
    """
    config, stack = pulumi.Config(), pulumi.get_stack()
    found = {name: config.get_secret(f"{PREFIX}{name}") for name in sorted(plan.secrets)}
    absent = [name for name, value in found.items() if value is None]
    if absent:
        lines = [f"stacks/Pulumi.{stack}.yaml: there is no secret {', '.join(absent)}"]
        lines += [
            f"  fix: pulumi config set --stack {stack} --secret {PREFIX}{name}" for name in absent
        ]
        raise pulumi.RunError("\n".join(lines))
    return pulumi.Output.secret(pulumi.Output.all(**found))
