"""What a cloud says of the firewalls and machines that stand there, read back and never written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from backplane import planes
from backplane.clouds import ANYWHERE, STACK_LABEL

PATIENCE = 20.0
"""Seconds for one answer of a cloud."""

HETZNER = "https://api.hetzner.cloud/v1"
"""Where the vendor's own client asks when it is not told (docs.hetzner.cloud)."""

Setting = Callable[[str], str | None]
"""Gives a value of the stack's configuration by its full key, None where there is none."""


class UnreadableError(Exception):
    """A cloud cannot be asked: why, and what to do about it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rule:
    """One rule of a cloud firewall.

    Attributes:
        direction: `in` or `out`.
        protocol: `udp`, `tcp`, `icmp`, …
        port: A port, a range, or empty for all.
        others: Networks that it lets in, or that it lets be reached; sorted.
    """

    direction: str
    protocol: str
    port: str
    others: tuple[str, ...]

    def __str__(self) -> str:
        port = f" {self.port}" if self.port else ""
        side = "from" if self.direction == "in" else "to"
        return f"{self.direction} {self.protocol}{port} {side} {', '.join(self.others)}"


DARK = frozenset(
    Rule(direction="in", protocol=protocol, port=str(port), others=tuple(sorted(ANYWHERE)))
    for protocol, port in planes.INBOUND
)
"""All that a site's firewall says: what comes in, and no word on what goes out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """A firewall as the cloud has it.

    Attributes:
        name: Its name there.
        rules: All its rules.
    """

    name: str
    rules: frozenset[Rule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in one cloud.

    Attributes:
        firewalls: Every firewall by id.
        machines: The stack's machines by name: ids of the firewalls that are in force there.
    """

    firewalls: Mapping[str, Firewall]
    machines: Mapping[str, frozenset[str]]


class Reader(Protocol):
    """Reads one cloud back."""

    def read(self, stack: str, setting: Setting) -> Standing:
        """Ask the cloud.

        Raises:
            UnreadableError: There is no access to it, or it does not answer.
        """
        ...


class Hetzner:
    """`Reader` for Hetzner, with the vendor's own client and the program's own token."""

    def read(self, stack: str, setting: Setting) -> Standing:
        """Two lists: firewalls, and the servers that carry the stack's label."""
        from hcloud import Client  # noqa: PLC0415 - needed by nobody else
        from hcloud import HCloudException as Refusal  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        token = os.environ.get("HCLOUD_TOKEN") or setting("hcloud:token")
        if not token:
            raise UnreadableError(
                "Hetzner cannot be asked: there is no token",
                "set HCLOUD_TOKEN as for `pulumi up`",
            )
        endpoint = os.environ.get("HCLOUD_ENDPOINT") or setting("hcloud:endpoint")
        client = Client(token=token, api_endpoint=endpoint or HETZNER, timeout=PATIENCE)
        try:
            firewalls = client.firewalls.get_all()
            servers = client.servers.get_all(label_selector=f"{STACK_LABEL}={stack}")
        except (Refusal, RequestException) as error:
            raise UnreadableError(
                f"Hetzner does not answer: {str(error)[:200]}",
                "see that the token is right and the API can be reached",
            ) from error
        return Standing(
            firewalls={
                str(one.id): Firewall(
                    name=one.name or "", rules=frozenset(map(_rule, one.rules or ()))
                )
                for one in firewalls
            },
            machines={
                str(server.name): frozenset(
                    str(one.firewall.id)
                    for one in (server.public_net.firewalls or () if server.public_net else ())
                    if one.status == one.STATUS_APPLIED
                )
                for server in servers
            },
        )


READERS: Mapping[str, Reader] = {"hetzner": Hetzner()}
"""The readers by the name that a site's `cloud` has."""


def _rule(told: object) -> Rule:
    from hcloud.firewalls.domain import FirewallRule  # noqa: PLC0415 - needed by nobody else

    assert isinstance(told, FirewallRule)  # noqa: S101 - the client's own type
    others = told.source_ips if told.direction == "in" else told.destination_ips
    return Rule(
        direction=told.direction,
        protocol=told.protocol,
        port=told.port or "",
        others=tuple(sorted(others)),
    )
