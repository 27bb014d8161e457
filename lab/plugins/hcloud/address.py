"""Primary IPs: public addresses that outlive servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.plugins.common import Context, Field, InitError, PluginError, Schema
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import (
    FLAG,
    INTEGER,
    LABELS,
    NAME,
    HcloudResource,
    known,
    labels,
    number,
    plain_labels,
    protected,
    text,
)
from lab.plugins.hcloud.client import ApiError

REMOVED = (
    "was removed from the cloud's API in July 2026 and is refused by the official provider. "
    "Fix: use 'location'"
)


def _state(one: vendor.BoundPrimaryIP) -> Plain:
    ip = one.ip or ""
    state: Plain = {
        "name": one.name,
        "type": one.type,
        "ipAddress": ip.split("/")[0],
        "location": one.location.name if one.location else None,
        "assigneeId": one.assignee_id or 0,
        "assigneeType": one.assignee_type,
        "autoDelete": bool(one.auto_delete),
        "labels": plain_labels(one.labels),
        "deleteProtection": protected(one.protection, "delete"),
    }
    if "/" in ip:
        state["ipNetwork"] = ip
    return state


class PrimaryIp(HcloudResource):
    """A public address that outlives the server it is assigned to."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/primaryIp:PrimaryIp",  # noqa: S106  a type's name
        inputs={
            "name": NAME,
            "type": Field(required=True, replaces=True, choices=("ipv4", "ipv6")),
            "location": Field(replaces=True),
            "datacenter": Field(),
            "assigneeId": INTEGER,
            "assigneeType": Field(choices=("server",)),
            "autoDelete": FLAG,
            "deleteProtection": FLAG,
            "labels": LABELS,
        },
        outputs={"ipAddress": Field(), "ipNetwork": Field()},
        delete_first=True,
    )
    kept: ClassVar[frozenset[str]] = frozenset({"location", "assigneeId", "assigneeType"})

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """The official provider's rules on where an address is and whose."""
        wrong = []
        if inputs.get("datacenter") is not None:
            wrong.append(Failure("datacenter", REMOVED))
        given = [key for key in ("location", "assigneeId") if inputs.get(key) is not None]
        if len(given) != 1:
            wrong.append(Failure("location", "exactly one of location and assigneeId is needed"))
        if inputs.get("assigneeId") is not None and inputs.get("assigneeType") is None:
            wrong.append(Failure("assigneeType", "is needed together with assigneeId"))
        return wrong

    def normal(self, values: Plain) -> Plain:
        """What is not given has a default."""
        defaults: Plain = {"autoDelete": False, "deleteProtection": False, "labels": {}}
        return {**defaults, **values}

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Take an address, assign it if asked, protect it if asked."""
        del context
        what = f"primary IP {inputs['name']}"
        place = text(inputs.get("location"))
        assignee = inputs.get("assigneeId")
        made = await self.api.call(
            what,
            lambda client: client.primary_ips.create(
                type=str(inputs["type"]),
                name=str(inputs["name"]),
                location=vendor.Location(name=place) if place is not None else None,
                # The API documents the type as required; the client sends it only with an id.
                assignee_type="server" if assignee is not None else None,
                assignee_id=number(assignee) if assignee is not None else None,
                auto_delete=inputs.get("autoDelete") is True,
                labels=labels(inputs.get("labels")),
            ),
        )
        key = known(made.primary_ip.id)
        try:
            await self.api.wait(what, [made.action] if made.action else [])
            if inputs.get("deleteProtection") is True:
                await self._protect(what, key, on=True)
            now = await self.api.call(what, lambda client: client.primary_ips.get_by_id(key))
        except PluginError as error:
            raise InitError(
                f"{error}. The primary IP exists (id {key}) and is kept in the state",
                resource_id=str(key),
                outputs=_state(made.primary_ip),
            ) from error
        return str(key), _state(now)

    async def _protect(self, what: str, key: int, *, on: bool) -> None:
        action = await self.api.call(
            what,
            lambda client: client.primary_ips.change_protection(
                vendor.PrimaryIP(id=key), delete=on
            ),
        )
        await self.api.wait(what, [action])

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The address as the project has it."""
        del context
        one = await self.api.find(
            f"primary IP {resource_id}",
            lambda client: client.primary_ips.get_by_id(int(resource_id)),
        )
        return None if one is None else {**state, **_state(one)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change protection, assignee, name, labels and auto-delete in place."""
        del context
        what, key = f"primary IP {news['name']}", int(resource_id)
        changed = {path.split(".")[0] for path in self.differences({}, olds, news)}
        if "deleteProtection" in changed:
            await self._protect(what, key, on=news.get("deleteProtection") is True)
        if changed & {"assigneeId", "assigneeType"}:
            await self._reassign(what, key, news)
        now = await self.api.call(
            what,
            lambda client: client.primary_ips.update(
                vendor.PrimaryIP(id=key),
                name=str(news["name"]),
                labels=labels(news.get("labels")),
                auto_delete=news.get("autoDelete") is True,
            ),
        )
        return _state(now)

    async def _reassign(self, what: str, key: int, news: Plain) -> None:
        now = await self.api.call(what, lambda client: client.primary_ips.get_by_id(key))
        wanted = number(news.get("assigneeId") or 0)
        if now.assignee_id and now.assignee_id != wanted:
            action = await self.api.insist(
                what, lambda client: client.primary_ips.unassign(vendor.PrimaryIP(id=key))
            )
            await self.api.wait(what, [action])
        if wanted and now.assignee_id != wanted:
            action = await self.api.insist(
                what,
                lambda client: client.primary_ips.assign(
                    vendor.PrimaryIP(id=key), wanted, "server"
                ),
            )
            await self.api.wait(what, [action])

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Give the address back; a server that still has it is switched off meanwhile."""
        del context
        what, key = f"primary IP {state.get('name')}", int(resource_id)
        one = await self.api.find(what, lambda client: client.primary_ips.get_by_id(key))
        if one is None:
            return
        if one.assignee_id:
            await self._free(what, key, vendor.Server(id=one.assignee_id))
        try:
            await self.api.insist(
                what,
                lambda client: client.primary_ips.delete(vendor.PrimaryIP(id=key)),
                ("locked", "must_be_unassigned", "resource_in_use"),
            )
        except ApiError as error:
            if error.code != "not_found":
                raise

    async def _free(self, what: str, key: int, server: vendor.Server) -> None:
        off = await self.api.insist(what, lambda client: client.servers.power_off(server))
        await self.api.wait(what, [off])
        free = await self.api.insist(
            what, lambda client: client.primary_ips.unassign(vendor.PrimaryIP(id=key))
        )
        await self.api.wait(what, [free])
        on = await self.api.insist(what, lambda client: client.servers.power_on(server))
        await self.api.wait(what, [on])
