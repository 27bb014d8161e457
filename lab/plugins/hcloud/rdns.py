"""Reverse DNS of servers' and primary IPs' addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import ClassVar

from lab.plugins.common import UNKNOWN, Context, Field, Kind, Schema
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import HcloudResource, not_done, number
from lab.plugins.hcloud.client import ApiError

# Input that names the owner, its letter in the official ids, and whether this stand-in does it.
_OWNERS = (
    ("serverId", "s", True),
    ("primaryIpId", "p", True),
    ("floatingIpId", "f", False),
    ("loadBalancerId", "l", False),
)
_OWNER = Field(kind=Kind.INTEGER, replaces=True)


class Rdns(HcloudResource):
    """The reverse name of one address of a server or a primary IP."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/rdns:Rdns",  # noqa: S106  a type's name
        inputs={
            "ipAddress": Field(required=True, replaces=True),
            "dnsPtr": Field(required=True),
            **{key: _OWNER for key, _, _ in _OWNERS},
        },
    )
    named: ClassVar[bool] = False

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Exactly one owner, of a kind that this stand-in does, and a real address."""
        given = [key for key, _, _ in _OWNERS if inputs.get(key) is not None]
        names = ", ".join(key for key, _, _ in _OWNERS)
        wrong = []
        if len(given) != 1:
            wrong.append(Failure("serverId", f"exactly one of {names} is needed"))
        wrong += not_done(*(key for key, _, done in _OWNERS if key in given and not done))
        ip = inputs.get("ipAddress")
        if ip is not UNKNOWN:
            try:
                ip_address(str(ip))
            except ValueError:
                wrong.append(Failure("ipAddress", f"'{ip}' is not an IP address"))
        return wrong

    async def _set(self, resource_id: str, name: str | None) -> None:
        letter, key, ip = resource_id.split("-", 2)
        what = f"reverse DNS of {ip}"
        if letter == "s":
            action = await self.api.call(
                what,
                lambda client: client.servers.change_dns_ptr(vendor.Server(id=int(key)), ip, name),
            )
        else:
            action = await self.api.call(
                what,
                # The client types the name as a text, but passes None on, which resets it.
                lambda client: client.primary_ips.change_dns_ptr(
                    vendor.PrimaryIP(id=int(key)),
                    ip,
                    name,  # type: ignore[arg-type]
                ),
            )
        await self.api.wait(what, [action])

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Set the name; the id is the official provider's, such as `p-42-198.51.100.17`."""
        del context
        letter, key = next(
            (letter, number(inputs[owner]))
            for owner, letter, _ in _OWNERS
            if inputs.get(owner) is not None
        )
        resource_id = f"{letter}-{key}-{ip_address(str(inputs['ipAddress']))}"
        await self._set(resource_id, str(inputs["dnsPtr"]))
        return resource_id, {}

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The name as the cloud has it; None when it is back to the default."""
        del context
        letter, key, ip = resource_id.split("-", 2)
        what = f"reverse DNS of {ip}"
        found: str | None
        owner = "serverId" if letter == "s" else "primaryIpId"
        if letter == "s":
            server = await self.api.find(what, lambda client: client.servers.get_by_id(int(key)))
            found = _pointer_of_server(server, ip) if server is not None else None
        else:
            one = await self.api.find(what, lambda client: client.primary_ips.get_by_id(int(key)))
            found = _pointer(one.dns_ptr, ip) if one is not None else None
        if found is None:
            return None
        return {**state, "ipAddress": ip, "dnsPtr": found, owner: int(key)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Set another name."""
        del context, olds
        await self._set(resource_id, str(news["dnsPtr"]))
        return {}

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Go back to the cloud's own name."""
        del context, state
        try:
            await self._set(resource_id, None)
        except ApiError as error:
            if error.code != "not_found":
                raise


def _pointer(pointers: Iterable[Mapping[str, object]] | None, ip: str) -> str | None:
    return next((str(one["dns_ptr"]) for one in pointers or () if one["ip"] == ip), None)


def _pointer_of_server(server: vendor.BoundServer, ip: str) -> str | None:
    net = server.public_net
    if net is None:
        return None
    if net.ipv4 is not None and net.ipv4.ip == ip:
        return net.ipv4.dns_ptr
    return _pointer(net.ipv6.dns_ptr if net.ipv6 else None, ip)
