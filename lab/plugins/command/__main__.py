"""The plugin's process; the engine starts it."""

from importlib.metadata import version

from lab.plugins.command.copy import CopyToRemote
from lab.plugins.command.local import LocalCommand
from lab.plugins.command.remote import RemoteCommand
from lab.plugins.common import Provider, serve


def provider() -> Provider:
    """The package with all its types."""
    return Provider(
        name="command",
        version=version("pulumi-command"),
        resources=[LocalCommand(), RemoteCommand(), CopyToRemote()],
    )


if __name__ == "__main__":
    serve(provider())
