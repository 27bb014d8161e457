"""The secrets that a declaration names: the stack's own, encrypted in its file, read late."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi.runtime import get_config, is_config_secret

from backplane.plan import Plan
from backplane.secret import unfit

PREFIX = "secret-"
"""Before a name, the key of the stack's config: `pulumi config set --secret secret-NAME`."""


def named(plan: Plan) -> pulumi.Output[Mapping[str, str]]:
    """The secrets of a plan by name; they never decide what resources there are.

    Raises:
        pulumi.RunError: One is not there, or will not do, before any resource is touched; all
            are told.
    """
    config, stack = pulumi.Config(), pulumi.get_stack()
    found = {name: config.get_secret(f"{PREFIX}{name}") for name in sorted(plan.secrets)}
    wrong: dict[str, str] = {}
    for name in found:
        # Looked at as it is, since what is known late could only fail late.
        key = config.full_key(f"{PREFIX}{name}")
        value = get_config(key)
        if value is None:
            why: str | None = "it is not there"
        elif not is_config_secret(key):
            why = "it stands there in plain"
        else:
            why = unfit(value)
        if why:
            wrong[name] = why
    if wrong:
        lines = [
            f"stacks/Pulumi.{stack}.yaml: the secret {name} cannot be used: {why}\n"
            f"  fix: pulumi config set --stack {stack} --secret {PREFIX}{name}"
            for name, why in wrong.items()
        ]
        raise pulumi.RunError("\n".join(lines))
    # Of nothing `all` makes a list.
    return pulumi.Output.secret(pulumi.Output.all(**found).apply(dict))
