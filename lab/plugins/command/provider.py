"""The package `command` with all its types."""

from importlib.metadata import version

from lab.plugins.command.copy import CopyToRemote
from lab.plugins.command.local import LocalCommand
from lab.plugins.command.remote import RemoteCommand
from lab.plugins.common import Provider


def provider() -> Provider:
    """A provider under the name and version of the official SDK that is installed."""
    return Provider(
        name="command",
        version=version("pulumi-command"),
        resources=[LocalCommand(), RemoteCommand(), CopyToRemote()],
    )
