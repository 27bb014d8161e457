"""Hetzner read back, with the vendor's own client and the program's own token."""

from __future__ import annotations

import os
from collections.abc import Collection

from backplane.clouds import STACK_LABEL
from components.clouds.reading import PATIENCE, Firewall, Rule, Setting, Standing, UnreadableError

HETZNER = "https://api.hetzner.cloud/v1"
"""Where the vendor's own client asks when it is not told (docs.hetzner.cloud)."""


class Hetzner:
    """`Reader` for Hetzner. Its firewalls say nothing of the way out, so all is let out."""

    def read(self, stack: str, places: Collection[str], setting: Setting) -> Standing:
        """Two lists: firewalls, and the servers that carry the stack's label."""
        del places
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
