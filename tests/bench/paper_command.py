"""The plugin `command` on paper: every command succeeds at once and nothing is run anywhere.

For the size of a state: what the engine stores of a push are its inputs and a receipt.
"""

from lab.plugins.command.copy import CopyToRemote
from lab.plugins.command.fields import new_id
from lab.plugins.command.local import LocalCommand
from lab.plugins.command.remote import RemoteCommand
from lab.plugins.common import Context, Provider, serve
from lab.plugins.common.resource import Plain
from lab.plugins.release import release

_RECEIPT = f"{'0' * 16} {'0' * 16}\n"


class _PaperRemote(RemoteCommand):
    """Says what a stage says."""

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Give a receipt."""
        del inputs
        return new_id(context), {"stdout": _RECEIPT, "stderr": ""}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Give a receipt."""
        del context, resource_id, olds, news
        return {"stdout": _RECEIPT, "stderr": ""}

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Nothing to do."""


class _PaperLocal(LocalCommand):
    """Says nothing."""

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Nothing to do."""
        del inputs
        return new_id(context), {"stdout": "", "stderr": ""}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Nothing to do."""
        del context, resource_id, olds, news
        return {"stdout": "", "stderr": ""}


if __name__ == "__main__":
    serve(
        Provider(
            name="command",
            version=release("pulumi_command"),
            resources=[_PaperLocal(), _PaperRemote(), CopyToRemote()],
        )
    )
