"""Servers: their properties, creating, reading, deleting; changes are in `server_update`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

from lab.plugins.common import Context, Field, InitError, Kind, PluginError, Schema, Value
from lab.plugins.common.diff import Difference
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.address import REMOVED
from lab.plugins.hcloud.base import (
    FLAG,
    INTEGER,
    LABELS,
    NAME,
    HcloudResource,
    known,
    not_done,
    sorted_values,
)
from lab.plugins.hcloud.client import ApiError
from lab.plugins.hcloud.server_order import order, state_of
from lab.plugins.hcloud.server_update import change, protect, set_backups

MAX_USER_DATA = 32 * 1024
# How long a server may take to shut down before it is deleted anyway, in looks of a second.
_SHUTDOWN_LOOKS = 5
_PUBLIC_NET = Field(
    kind=Kind.OBJECT,
    fields={"ipv4Enabled": FLAG, "ipv6Enabled": FLAG, "ipv4": INTEGER, "ipv6": INTEGER},
)
_NETWORK = Field(
    kind=Kind.OBJECT,
    fields={
        "aliasIps": Field(kind=Kind.LIST, item=Field()),
        "ip": Field(),
        "macAddress": Field(),
        "networkId": INTEGER,
        "subnetId": Field(),
    },
)
_DEFAULTS: Mapping[str, Value] = {
    "backups": False,
    "deleteProtection": False,
    "ignoreRemoteFirewallIds": False,
    "keepDisk": False,
    "rebuildProtection": False,
    "shutdownBeforeDeletion": False,
}


class Server(HcloudResource):
    """A virtual machine."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/server:Server",  # noqa: S106  a type's name
        inputs={
            "allowDeprecatedImages": FLAG,
            "backups": FLAG,
            "datacenter": Field(replaces=True),
            "deleteProtection": FLAG,
            "firewallIds": Field(kind=Kind.LIST, item=INTEGER),
            "ignoreRemoteFirewallIds": FLAG,
            "image": Field(replaces=True),
            "iso": Field(),
            "keepDisk": FLAG,
            "labels": LABELS,
            "location": Field(replaces=True),
            "name": NAME,
            "networks": Field(kind=Kind.LIST, item=_NETWORK),
            "placementGroupId": INTEGER,
            "publicNets": Field(kind=Kind.LIST, item=_PUBLIC_NET),
            "rebuildProtection": FLAG,
            "rescue": Field(),
            "serverType": Field(required=True),
            "shutdownBeforeDeletion": FLAG,
            "sshKeys": Field(kind=Kind.LIST, item=Field(), replaces=True),
            "userData": Field(replaces=True),
        },
        outputs={
            "backupWindow": Field(),
            "ipv4Address": Field(),
            "ipv6Address": Field(),
            "ipv6Network": Field(),
            "primaryDiskSize": INTEGER,
            "status": Field(),
        },
        delete_first=True,
    )
    kept: ClassVar[frozenset[str]] = frozenset({"image", "location", "firewallIds", "publicNets"})

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """What the official provider refuses, and what this stand-in does not do."""
        asked = ("iso", "networks", "rescue")
        wrong = not_done(*(key for key in asked if inputs.get(key) not in (None, [], "")))
        if inputs.get("datacenter") is not None:
            wrong.append(Failure("datacenter", REMOVED))
        data = inputs.get("userData")
        if isinstance(data, str) and len(data.encode()) > MAX_USER_DATA:
            wrong.append(Failure("userData", f"is longer than {MAX_USER_DATA} bytes"))
        return wrong

    def normal(self, values: Plain) -> Plain:
        """Defaults filled in; sets sorted; user-data without the blanks around it."""
        result = {**_DEFAULTS, **values}
        data = result.get("userData")
        if isinstance(data, str):
            result["userData"] = data.strip()
        for key in ("firewallIds", "publicNets"):
            if key in result:
                result[key] = sorted_values(result[key])
        return result

    def differences(self, state: Plain, olds: Plain, news: Plain) -> Mapping[str, Difference]:
        """As for all, but that other hands may set the firewalls where the program says so."""
        found = super().differences(state, olds, news)
        if news.get("ignoreRemoteFirewallIds") is True and olds.get("firewallIds"):
            return {k: v for k, v in found.items() if not k.startswith("firewallIds")}
        return found

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Order the server and wait until it runs.

        Once it exists, every failure and even a cancelled run leaves it in the state, never as an
        orphan that nobody knows of.
        """
        what = f"server {inputs['name']}"
        try:
            made, cancelled = await self.api.finish(what, lambda client: order(client, inputs))
        except ApiError as error:
            if error.code != "uniqueness_error":
                raise
            raise await self._taken(what, error, str(inputs["name"])) from error
        key = known(made.server.id)
        try:
            self._go_on(cancelled=cancelled)
            await self.api.wait(what, [made.action, *(made.next_actions or [])])
            if inputs.get("backups") is True:
                await set_backups(self.api, what, key, on=True)
            if inputs.get("deleteProtection") is True or inputs.get("rebuildProtection") is True:
                await protect(self.api, what, key, inputs)
            server = await self.api.call(what, lambda client: client.servers.get_by_id(key))
        except (PluginError, asyncio.CancelledError) as error:
            reason = str(error) or f"{what}: cancelled while it was being made"
            raise InitError(
                f"{reason}. The server exists (id {key}) and is kept in the state. Fix: `pulumi "
                "up --replace` of it makes it anew, `pulumi destroy` removes it",
                resource_id=str(key),
                outputs=state_of(made.server, inputs.get("image")),
            ) from error
        await context.log("debug", f"{what} has id {key}")
        return str(key), state_of(server, inputs.get("image"))

    @staticmethod
    def _go_on(*, cancelled: bool) -> None:
        if cancelled:
            raise asyncio.CancelledError

    async def _taken(self, what: str, error: ApiError, name: str) -> PluginError:
        other = await self.api.find(what, lambda client: client.servers.get_by_name(name))
        if other is None:
            return error
        return PluginError(
            f"{error}. A server named '{name}' (id {other.id}) exists and is not this resource: an "
            "interrupted run may have left it. Fix: `pulumi import hcloud:index/server:Server "
            f"NAME {other.id}`, or delete it in the project"
        )

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The server as it is; what the API does not tell stays as it was."""
        del context
        server = await self.api.find(
            f"server {resource_id}", lambda client: client.servers.get_by_id(int(resource_id))
        )
        return None if server is None else {**state, **state_of(server, state.get("image"))}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change in place what can be; the rest replaces."""
        del context
        changed = {path.split("[")[0].split(".")[0] for path in self.differences({}, olds, news)}
        key = int(resource_id)
        await change(self.api, key, changed, olds, news)
        server = await self.api.call(
            f"server {news['name']}", lambda client: client.servers.get_by_id(key)
        )
        return state_of(server, news.get("image"))

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Remove the server, after a shutdown if asked, and wait until it is gone."""
        what, found = f"server {state.get('name')}", vendor.Server(id=int(resource_id))
        try:
            if state.get("shutdownBeforeDeletion") is True and not await self._down(what, found):
                await context.log("warning", f"{what} did not shut down in time; deleting it")
            action = await self.api.insist(what, lambda client: client.servers.delete(found))
            await self.api.wait(what, [action])
        except ApiError as error:
            if error.code != "not_found":
                raise

    async def _down(self, what: str, found: vendor.Server) -> bool:
        action = await self.api.insist(what, lambda client: client.servers.shutdown(found))
        await self.api.wait(what, [action])
        key = found.id or 0
        for _ in range(_SHUTDOWN_LOOKS):
            server = await self.api.call(what, lambda client: client.servers.get_by_id(key))
            if server.status == vendor.Server.STATUS_OFF:
                return True
            await asyncio.sleep(1)
        return False
