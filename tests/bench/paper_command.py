"""The plugin `command` on paper: remote commands succeed at once, and nothing is sent anywhere.

A rollout makes its bundles, as the real driver does; other local commands run.
"""

from typing import cast

from backplane.recipe import Recipe
from components.rollout import DRIVER
from lab.plugins.command.copy import CopyToRemote
from lab.plugins.command.fields import new_id, text
from lab.plugins.command.local import LocalCommand
from lab.plugins.command.remote import RemoteCommand
from lab.plugins.common import Context, Provider, serve
from lab.plugins.common.resource import Plain
from lab.plugins.release import release
from runner.order import ordered

_ENROLLED = {"stdout": '{"ok": true}\n', "stderr": ""}


class _PaperRemote(RemoteCommand):
    """Says what an enrollment says."""

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Nothing is sent."""
        del inputs
        return new_id(context), dict(_ENROLLED)

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Nothing is sent."""
        del context, resource_id, olds, news
        return dict(_ENROLLED)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Nothing to do."""


class _PaperLocal(LocalCommand):
    """Carries a rollout out on paper."""

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make the bundles."""
        if _is_rollout(inputs):
            return new_id(context), _rolled_out(inputs)
        return await super().create(context, inputs)

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Make the bundles."""
        if _is_rollout(news):
            return _rolled_out(news)
        return await super().update(context, resource_id, olds, news)


def _is_rollout(inputs: Plain) -> bool:
    return DRIVER in (text(inputs, "create") or "")


def _rolled_out(inputs: Plain) -> Plain:
    ordered(Recipe.decode(cast("str", text(inputs, "stdin"))))
    return {"stdout": "", "stderr": ""}


if __name__ == "__main__":
    serve(
        Provider(
            name="command",
            version=release("pulumi_command"),
            resources=[_PaperLocal(), _PaperRemote(), CopyToRemote()],
        )
    )
