"""Changes of a server in place, in the official provider's order."""

from __future__ import annotations

from collections.abc import Callable, Collection

from lab.plugins.common import PluginError, Value
from lab.plugins.common.resource import Plain
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import known, labels, number, numbers
from lab.plugins.hcloud.client import Api, ApiError
from lab.plugins.hcloud.firewall import on_server


async def _act(api: Api, what: str, start: Callable[[vendor.Client], vendor.Action]) -> None:
    """Start an action, again while the server is locked, and wait for its end."""
    await api.wait(what, [await api.insist(what, start)])


async def _get(api: Api, what: str, key: int) -> vendor.BoundServer:
    return await api.call(what, lambda client: client.servers.get_by_id(key))


async def set_backups(api: Api, what: str, key: int, *, on: bool) -> None:
    """Turn the daily backups on or off."""
    server = vendor.Server(id=key)
    if on:
        await _act(api, what, lambda client: client.servers.enable_backup(server))
    else:
        await _act(api, what, lambda client: client.servers.disable_backup(server))


async def protect(api: Api, what: str, key: int, inputs: Plain) -> None:
    """Set both protections as the inputs say."""
    delete, rebuild = (inputs.get(k) is True for k in ("deleteProtection", "rebuildProtection"))
    await _act(
        api,
        what,
        lambda client: client.servers.change_protection(
            vendor.Server(id=key), delete=delete, rebuild=rebuild
        ),
    )


async def change(api: Api, key: int, changed: Collection[str], olds: Plain, news: Plain) -> None:
    """Bring the server of this id to `news`; `changed` names the inputs that differ."""
    what, server = f"server {news['name']}", vendor.Server(id=key)
    if "name" in changed:
        name = str(news["name"])
        await api.call(what, lambda client: client.servers.update(server, name=name))
    if "labels" in changed:
        wanted = labels(news.get("labels"))
        await api.call(what, lambda client: client.servers.update(server, labels=wanted))
    if "serverType" in changed:
        await _change_type(api, what, key, news)
    if "backups" in changed:
        await set_backups(api, what, key, on=news.get("backups") is True)
    if "firewallIds" in changed:
        await _change_firewalls(api, what, key, set(numbers(news.get("firewallIds"))))
    if "publicNets" in changed:
        await _change_public_net(api, what, key, olds.get("publicNets"), news.get("publicNets"))
    if "placementGroupId" in changed:
        await _change_group(api, what, key, news.get("placementGroupId"))
    if set(changed) & {"deleteProtection", "rebuildProtection"}:
        await protect(api, what, key, news)


async def _change_type(api: Api, what: str, key: int, news: Plain) -> None:
    server, kind = vendor.Server(id=key), vendor.ServerType(name=str(news["serverType"]))
    if (await _get(api, what, key)).status == vendor.Server.STATUS_RUNNING:
        await _act(api, what, lambda client: client.servers.power_off(server))
    upgrade = news.get("keepDisk") is not True
    await _act(
        api,
        what,
        lambda client: client.servers.change_type(server, server_type=kind, upgrade_disk=upgrade),
    )


def _remove(
    firewall: int, target: list[vendor.FirewallResource]
) -> Callable[[vendor.Client], list[vendor.BoundAction]]:
    found = vendor.Firewall(id=firewall)
    return lambda client: client.firewalls.remove_from_resources(found, target)


def _apply(
    firewall: int, target: list[vendor.FirewallResource]
) -> Callable[[vendor.Client], list[vendor.BoundAction]]:
    found = vendor.Firewall(id=firewall)
    return lambda client: client.firewalls.apply_to_resources(found, target)


async def _change_firewalls(api: Api, what: str, key: int, wanted: set[int]) -> None:
    net = (await _get(api, what, key)).public_net
    now = {known(one.firewall.id) for one in (net.firewalls if net else None) or []}
    target = [on_server(key)]
    for old in sorted(now - wanted):
        try:
            actions = await api.call(what, _remove(old, target))
        except ApiError as error:
            if error.code != "not_found":
                raise
            continue
        await api.wait(what, actions)
    for new in sorted(wanted - now):
        actions = await api.call(what, _apply(new, target))
        await api.wait(what, actions)


async def _change_group(api: Api, what: str, key: int, wanted: Value) -> None:
    server = await _get(api, what, key)
    if server.placement_group is not None:
        if server.status != vendor.Server.STATUS_OFF:
            raise PluginError(
                f"{what}: a running server cannot leave a placement group. Fix: shut it down, run "
                "this again, start it"
            )
        await _act(api, what, lambda client: client.servers.remove_from_placement_group(server))
    if wanted:
        group = vendor.PlacementGroup(id=number(wanted))
        await _act(api, what, lambda client: client.servers.add_to_placement_group(server, group))


def _block(value: Value) -> dict[str, Value]:
    blocks = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return blocks[-1] if blocks else {}


async def _change_public_net(api: Api, what: str, key: int, old: Value, new: Value) -> None:
    """Switch the server off, re-plumb it, switch it on, whatever happens in between."""
    before, after = _block(old), _block(new)
    server = await _get(api, what, key)
    await _act(api, what, lambda client: client.servers.power_off(server))
    try:
        for family in ("ipv4", "ipv6"):
            await _change_family(api, what, server, family, before, after)
    finally:
        await _act(api, what, lambda client: client.servers.power_on(server))


async def _change_family(
    api: Api, what: str, server: vendor.BoundServer, family: str, before: Plain, after: Plain
) -> None:
    """The official provider's decisions: assign, drop, or make a fresh address."""
    net = server.public_net
    held = (net.primary_ipv4 if family == "ipv4" else net.primary_ipv6) if net else None
    now = held.id if held is not None else None
    wanted = after.get(family) or None
    enabled = after.get(f"{family}Enabled") is not False
    ours = before.get(family) or None
    if wanted is not None and not enabled:
        raise PluginError(f"{what}: {family}Enabled is false, but {family} is {wanted}")
    if wanted == now and wanted is not None:
        return
    if wanted is None and enabled and now is not None and ours is None:
        return
    if now is not None:
        await _act(api, what, lambda client: client.primary_ips.unassign(vendor.PrimaryIP(id=now)))
        if ours is None:
            # Nobody declared it: it came with the server and would stay behind, paid for.
            await api.call(what, lambda client: client.primary_ips.delete(vendor.PrimaryIP(id=now)))
    if wanted is not None:
        key, server_key = number(wanted), known(server.id)
        await _act(
            api,
            what,
            lambda client: client.primary_ips.assign(
                vendor.PrimaryIP(id=key), server_key, "server"
            ),
        )
    elif enabled:
        await _fresh(api, what, server, family)


async def _fresh(api: Api, what: str, server: vendor.BoundServer, family: str) -> None:
    made = await api.call(
        what,
        lambda client: client.primary_ips.create(
            type=family,
            name=f"primary_ip-{server.id}-{family}",
            assignee_type="server",
            assignee_id=server.id,
            auto_delete=True,
        ),
    )
    await api.wait(what, [made.action] if made.action else [])
