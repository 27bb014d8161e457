"""Objects at the cloud that carry a stack's label and are in no state."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backplane.clouds import STACK_LABEL
from scripts._problem import Problem
from scripts._stack import pulumi

if TYPE_CHECKING:
    from hcloud import Client

    from scripts._engine import State

KINDS = {
    "hcloud:index/server:Server": "servers",
    "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
    "hcloud:index/firewall:Firewall": "firewalls",
    "hcloud:index/sshKey:SshKey": "ssh_keys",
}
"""Types in the state and what the vendor's client calls them, in the order of deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object at the cloud.

    Attributes:
        type: its type in a state.
        id: its number at the cloud, as text.
        name: its name at the cloud.
    """

    type: str
    id: str
    name: str

    @property
    def shown(self) -> str:
        """The object in a few words."""
        return f"{KINDS[self.type].removesuffix('s').replace('_', ' ')} {self.name} ({self.id})"


def strays(found: Iterable[Found], state: State) -> list[tuple[Found, bool]]:
    """What is in no state, in the order of deletion, and whether a cut creation explains it.

    An object that no cut creation explains may be another stack's of the same name, or the rest
    of a state that was lost: only a person can say.
    """
    known, cut = state.ids, state.cut
    order = list(KINDS)
    return sorted(
        ((one, (one.type, one.name) in cut) for one in found if (one.type, one.id) not in known),
        key=lambda pair: (order.index(pair[0].type), pair[0].name),
    )


def connect(stack: str) -> Client:
    """The vendor's client, with the token that the program uses.

    Raises:
        Problem: There is no token.
    """
    from hcloud import Client  # noqa: PLC0415 - only where it is needed

    token = os.environ.get("HCLOUD_TOKEN") or _setting(stack, "hcloud:token")
    if not token:
        raise Problem(
            where=f"stack {stack}",
            what="the cloud cannot be looked at",
            why="there is no API token",
            fix="set HCLOUD_TOKEN, or `pulumi config set --secret hcloud:token`",
        )
    endpoint = os.environ.get("HCLOUD_ENDPOINT") or _setting(stack, "hcloud:endpoint")
    more: dict[str, Any] = {"api_endpoint": endpoint} if endpoint else {}
    return Client(token=token, application_name="backplane", **more)


def _setting(stack: str, key: str) -> str:
    try:
        return pulumi("config", "get", key, "--stack", stack, where=stack, what=key).strip()
    except Problem:
        return ""


def labelled(client: Client, stack: str) -> list[Found]:
    """Every object at the cloud that carries the stack's label."""
    selector = f"{STACK_LABEL}=={stack}"
    return [
        Found(type=kind, id=str(one.id), name=str(one.name))
        for kind, attribute in KINDS.items()
        for one in getattr(client, attribute).get_all(label_selector=selector)
    ]


def delete(client: Client, found: Found) -> None:
    """Delete an object and wait until it is gone."""
    resources = getattr(client, KINDS[found.type])
    answer = resources.delete(resources.get_by_id(int(found.id)))
    if hasattr(answer, "wait_until_finished"):
        answer.wait_until_finished()
