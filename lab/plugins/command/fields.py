"""The inputs that local and remote commands share, and what both do with them."""

import secrets

from lab.plugins.command.outcome import LOGGING
from lab.plugins.common import UNKNOWN, Context, Field, Kind
from lab.plugins.common.diff import compare
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Schema

# The SDK's class asks for replacement on a changed trigger itself; saying it here too makes the
# rule hold for every program.
TRIGGERS = Field(kind=Kind.LIST, item=Field(kind=Kind.ANY, replaces=True))
TEXTS = Field(kind=Kind.LIST, item=Field())

COMMON = {
    "addPreviousOutputInEnv": Field(kind=Kind.BOOL),
    "create": Field(),
    "delete": Field(),
    "environment": Field(kind=Kind.MAP, item=Field()),
    "logging": Field(choices=LOGGING),
    "stdin": Field(),
    "triggers": TRIGGERS,
    "update": Field(),
}

STDOUT, STDERR = "PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR"


def new_id(context: Context) -> str:
    """The program's name for it and 8 hex digits, as the official provider's ids."""
    return f"{context.name}{secrets.token_hex(4)}"


def text(values: Plain, name: str) -> str | None:
    """A text among the values, if set."""
    value = values.get(name)
    return value if isinstance(value, str) else None


def texts(values: Plain, name: str) -> list[str]:
    """A list of texts among the values; empty if not set."""
    value = values.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def variables(values: Plain, previous: Plain) -> dict[str, str]:
    """What the command finds in its environment besides what is there anyway.

    Args:
        values: the inputs of this run.
        previous: the state of the run before, whose output an update or delete may want.
    """
    declared = values.get("environment")
    found = {k: str(v) for k, v in declared.items()} if isinstance(declared, dict) else {}
    if values.get("addPreviousOutputInEnv") is not False:
        for name, key in ((STDOUT, "stdout"), (STDERR, "stderr")):
            if before := text(previous, key):
                found[name] = before
    return found


def preview(schema: Schema, olds: Plain | None, news: Plain) -> Plain:
    """Outputs are unknown before a create and whenever any input changes."""
    if olds is None:
        return {"stdout": UNKNOWN, "stderr": UNKNOWN}
    before = {k: v for k, v in olds.items() if k in schema.inputs}
    if compare(schema, before, news):
        return dict.fromkeys(schema.outputs, UNKNOWN)
    return {k: olds[k] for k in schema.outputs if k in olds}
