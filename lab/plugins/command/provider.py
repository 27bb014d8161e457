"""The package `command` with all its types."""

from lab.plugins.command.copy import CopyToRemote
from lab.plugins.command.local import LocalCommand
from lab.plugins.command.remote import RemoteCommand
from lab.plugins.common import Provider
from lab.plugins.release import release


def provider() -> Provider:
    """A provider under the name and version of the official SDK that is installed."""
    return Provider(
        name="command",
        version=release("pulumi_command"),
        resources=[LocalCommand(), RemoteCommand(), CopyToRemote()],
    )
