"""What carries a stack's label at Hetzner."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from backplane.clouds import STACK_LABEL
from scripts._problem import Problem
from scripts._stack import setting
from scripts._strays import Found

if TYPE_CHECKING:
    from hcloud import Client

KINDS = {
    "hcloud:index/server:Server": "servers",
    "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
    "hcloud:index/firewall:Firewall": "firewalls",
    "hcloud:index/network:Network": "networks",
    "hcloud:index/sshKey:SshKey": "ssh_keys",
}
"""Types in the state and what the vendor's client calls them, in the order of deletion."""


class Hetzner:
    """One project, seen with the token that the program uses.

    Raises:
        Problem: There is no token.
    """

    def __init__(self, stack: str) -> None:
        self._client = _connect(stack)

    def labelled(self, stack: str) -> list[Found]:
        """Every object of the project with the label."""
        selector = f"{STACK_LABEL}=={stack}"
        return [
            Found(
                type=kind,
                id=str(one.id),
                name=str(one.name),
                noun=attribute.removesuffix("s").replace("_", " "),
                rank=rank,
            )
            for rank, (kind, attribute) in enumerate(KINDS.items())
            for one in getattr(self._client, attribute).get_all(label_selector=selector)
        ]

    def delete(self, found: Found) -> None:
        """Delete an object and wait until it is gone."""
        resources = getattr(self._client, KINDS[found.type])
        answer = resources.delete(resources.get_by_id(int(found.id)))
        if hasattr(answer, "wait_until_finished"):
            answer.wait_until_finished()


def _connect(stack: str) -> Client:
    from hcloud import Client  # noqa: PLC0415 - only where it is needed

    token = os.environ.get("HCLOUD_TOKEN") or setting(stack, "hcloud:token")
    if not token:
        raise Problem(
            where=f"stack {stack}",
            what="the cloud cannot be looked at",
            why="there is no API token",
            fix="set HCLOUD_TOKEN, or `pulumi config set --secret hcloud:token`",
        )
    endpoint = os.environ.get("HCLOUD_ENDPOINT") or setting(stack, "hcloud:endpoint")
    more: dict[str, Any] = {"api_endpoint": endpoint} if endpoint else {}
    return Client(token=token, application_name="backplane", **more)
