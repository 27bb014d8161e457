"""The one module that makes remote commands: content on stdin, host key pinned, nothing logged."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

import pulumi
from pulumi_command import remote

from runner.tool import TOOL

PER_DIAL = 5
"""Seconds for one dial; there is no limit to their number, the time limit below ends them."""

LIMIT = "10m"
"""Time for a whole command: first boots wait for package mirrors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The enrollment of one machine.

    Attributes:
        node: Name of the node, for the message of a failure.
        bundle: What the node tool reads on its standard input; secret.
        host: Plane address to dial.
        host_key: The key the node must show.
        private_key: The push key; secret.
        server: The machine; the command ends and is replaced with it.
    """

    node: str
    bundle: pulumi.Input[str]
    host: pulumi.Input[str]
    host_key: pulumi.Input[str]
    private_key: pulumi.Input[str]
    server: pulumi.Resource


def command(name: str, push: Push, *, parent: pulumi.Resource) -> remote.Command:
    """The command resource. A machine's birth alone runs it: what changes later is ignored.

    It goes without a word to its plugin, since it undoes nothing: where a machine is replaced, the
    engine deletes its enrollment before this run has asked for the plugin at all.
    """
    failed = (
        f"{push.node}: enroll failed, the lines above say why; then run pulumi up again, "
        f"or raise {push.node}'s incarnation in the declaration to start it anew"
    )
    return remote.Command(
        name,
        connection=remote.ConnectionArgs(
            host=push.host,
            port=22,
            user="root",
            private_key=push.private_key,
            host_key=push.host_key,
            dial_error_limit=-1,
            per_dial_timeout=PER_DIAL,
        ),
        create=f"{TOOL} enroll || {{ echo {quote(failed)} >&2; exit 1; }}\n",
        stdin=pulumi.Output.secret(push.bundle),
        logging=remote.Logging.NONE,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(
            parent=parent,
            deleted_with=push.server,
            retain_on_delete=True,
            replace_with=[push.server],
            ignore_changes=["create", "stdin", "connection"],
            custom_timeouts=pulumi.CustomTimeouts(create=LIMIT, update=LIMIT),
        ),
    )
