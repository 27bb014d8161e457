"""An account at Hetzner, through the vendor's own client."""

from __future__ import annotations

import os
from decimal import Decimal
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from tests.e2e.offer import LABEL, Cloud, Thing

if TYPE_CHECKING:
    from hcloud import Client

KINDS = ("servers", "primary_ips", "firewalls", "ssh_keys", "placement_groups")
"""What can carry a label here and a mesh could have, in the order of deletion."""

PATIENCE = 30.0
"""Seconds for one answer: without a limit a sweep could wait for ever."""


class Hetzner:
    """`tests.e2e.offer.Account`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    def open(cls) -> Hetzner:
        """With the token that the program has, at the real API."""
        from hcloud import Client  # noqa: PLC0415 - what costs nothing loads nothing

        return cls(
            Client(
                token=os.environ["HCLOUD_TOKEN"],
                application_name="backplane-e2e",
                timeout=PATIENCE,
            )
        )

    def found(self, stack: str) -> list[Thing]:
        """Everything that carries the stack's label."""
        return [
            Thing(kind=kind, id=str(one.id), name=str(one.name))
            for kind in KINDS
            for one in self._all(kind, stack)
        ]

    def delete(self, thing: Thing) -> None:
        """Delete it and wait until the API says that it is gone."""
        kind = getattr(self._client, thing.kind)
        answer = kind.delete(kind.get_by_id(int(thing.id)))
        if hasattr(answer, "wait_until_finished"):
            answer.wait_until_finished()

    def addresses(self, stack: str) -> list[str]:
        """Each IPv4 address, and the first of each IPv6 network, which is the machine's."""
        return [str(ip_network(one.ip)[0 if one.type == "ipv4" else 1])
                for one in self._all("primary_ips", stack)]  # fmt: skip

    def dearer(self, cloud: Cloud) -> list[str]:
        """Machines by the price list of each server type; it has none of addresses."""
        limits = {one.what: one.hourly for one in cloud.prices}
        wrong = []
        for place in cloud.places:
            told = limits[f"server {place.type}"]
            kind = self._client.server_types.get_by_name(place.type)
            prices = (kind.prices or []) if kind else []
            listed = [one for one in prices if one["location"] == place.location]
            if not listed:
                wrong.append(f"{place.type} is not sold in {place.location}")
            for one in listed:
                asked = Decimal(one["price_hourly"]["net"])
                if asked > told:
                    wrong.append(
                        f"{place.type} in {place.location} costs {asked:.4f} {cloud.currency} "
                        f"an hour, {told:.4f} was told"
                    )
        return wrong

    def _all(self, kind: str, stack: str) -> list[Any]:
        found: list[Any] = getattr(self._client, kind).get_all(label_selector=f"{LABEL}=={stack}")
        return found
