"""What a plugin raises when something is wrong in the world, as opposed to in its code."""

from collections.abc import Mapping

from lab.plugins.common.values import Value


class PluginError(Exception):
    """An operation failed; the text is shown to the user as it stands.

    Nothing is recorded: a failed create leaves no state, a failed update keeps the old one.
    """


class InitError(PluginError):
    """A resource was made, but not brought to where it should be.

    The engine records it with `resource_id` and `outputs`, marks it as half done, and updates it on
    the next run, instead of forgetting an object that exists.

    Attributes:
        resource_id: the provider's id of the object that exists.
        outputs: its state as far as known.
    """

    def __init__(self, message: str, *, resource_id: str, outputs: Mapping[str, Value]) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = dict(outputs)
