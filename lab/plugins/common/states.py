"""Putting inputs, outputs and secrecy together into what the engine stores."""

from collections.abc import Mapping

from lab.plugins.common.errors import PluginError
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Schema, with_secrets
from lab.plugins.common.values import Secret, Value, holds_secret, reveal


def plain(values: Mapping[str, Value]) -> Plain:
    """The values without secret wrappers."""
    return {key: reveal(value) for key, value in values.items()}


def carried(model: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    """`values`, with everything secret that was secret under the same name in `model`."""
    result: dict[str, Value] = {}
    for name, value in values.items():
        before = model.get(name)
        if not holds_secret(before) or holds_secret(value):
            result[name] = value
        else:
            result[name] = before if reveal(before) == value else Secret(value)
    return result


def state_of(schema: Schema, inputs: Mapping[str, Value], outputs: Plain) -> dict[str, Value]:
    """Inputs and outputs as one state, secret where either the program or the schema says so.

    Raises:
        PluginError: an output that the type does not have, which is a mistake in the plugin.
    """
    unknown = set(outputs) - set(schema.inputs) - set(schema.outputs)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise PluginError(f"{schema.token}: the stand-in returned unknown properties: {names}")
    merged = {**inputs, **carried(inputs, outputs)}
    return with_secrets({**schema.inputs, **schema.outputs}, merged)
