"""Firewalls and primary IPs over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from lab.api import listing, state_actions, state_addresses, state_common, state_firewalls, views
from lab.api import requests as bodies
from lab.api.app import Call, Endpoint, Reply, created
from lab.api.cloud import Cloud, clock
from lab.api.errors import ApiError, invalid, not_found
from lab.api.state import Action, Firewall, FirewallRule, PrimaryIp, Server

_SORT = ("id", "name", "created")


def _firewall(call: Call) -> Firewall:
    return state_common.find("firewall", call.cloud.state.firewalls, call.ids["id"])


def _rules(posted: Sequence[bodies.RuleBody]) -> list[FirewallRule]:
    state_firewalls.check_count(posted)
    return [
        state_firewalls.rule(
            index,
            direction=one.direction,
            protocol=one.protocol,
            port=one.port,
            source_ips=one.source_ips,
            destination_ips=one.destination_ips,
            description=one.description,
        )
        for index, one in enumerate(posted)
    ]


def _targets(posted: Sequence[bodies.Target]) -> tuple[list[int], list[str]]:
    servers, selectors = [], []
    for index, one in enumerate(posted):
        if one.type == "server" and one.server and not one.label_selector:
            servers.append(one.server.id)
        elif one.type == "label_selector" and one.label_selector and not one.server:
            selectors.append(one.label_selector.selector)
        else:
            raise invalid(f"{index}.{one.type}", f"required, alone, for type {one.type}")
    return servers, selectors


def _push(
    cloud: Cloud, firewall: Firewall, command: str, servers: Sequence[int]
) -> list[dict[str, object]]:
    """One action per server, ended when the server's machine has the rules."""
    actions: list[Action] = [
        state_actions.begin(
            cloud.state, command, clock(), ("firewall", firewall.id), ("server", key)
        )
        for key in servers
    ]
    cloud.push_rules(servers, actions)
    return [views.action(one) for one in actions]


async def _list_firewalls(call: Call) -> Reply:
    state = call.cloud.state
    found = [views.firewall(state, one) for one in state.firewalls.values()]
    found = listing.filtered(found, call.query, "name")
    return Reply(listing.page("firewalls", listing.ordered(found, call.query, _SORT), call.query))


async def _create_firewall(call: Call) -> Reply:
    body = call.read(bodies.FirewallCreate)
    cloud, state = call.cloud, call.cloud.state
    rules = _rules(body.rules)
    servers, selectors = _targets(body.apply_to)
    firewall = state_firewalls.create(
        state, name=body.name, labels=body.labels, rules=rules, now=clock()
    )
    try:
        state_firewalls.apply(state, firewall, servers, selectors)
    except ApiError as error:
        state_firewalls.delete(state, firewall)
        # The reference gives 422 here and 404 for the action of the same name.
        raise ApiError(error.code, error.message, status=422) from error
    cloud.posted(firewall)
    actions = _push(cloud, firewall, "apply_firewall", state_firewalls.covered(state, firewall))
    return created({"firewall": views.firewall(state, firewall), "actions": actions})


async def _get_firewall(call: Call) -> Reply:
    return Reply({"firewall": views.firewall(call.cloud.state, _firewall(call))})


async def _update_firewall(call: Call) -> Reply:
    body = call.read(bodies.Named)
    state, firewall = call.cloud.state, _firewall(call)
    state_common.rename("firewall", state.firewalls, firewall, name=body.name, labels=body.labels)
    return Reply({"firewall": views.firewall(state, firewall)})


async def _delete_firewall(call: Call) -> Reply:
    state_firewalls.delete(call.cloud.state, _firewall(call))
    return Reply(status=204)


async def _set_rules(call: Call) -> Reply:
    body = call.read(bodies.SetRules)
    cloud, state, firewall = call.cloud, call.cloud.state, _firewall(call)
    firewall.rules = _rules(body.rules)
    cloud.posted(firewall)
    done = state_actions.done(state, "set_firewall_rules", clock(), ("firewall", firewall.id))
    pushed = _push(cloud, firewall, "apply_firewall", state_firewalls.covered(state, firewall))
    return created({"actions": [views.action(done), *pushed]})


async def _apply(call: Call) -> Reply:
    cloud, state, firewall = call.cloud, call.cloud.state, _firewall(call)
    servers, selectors = _targets(call.read(bodies.ApplyTo).apply_to)
    before = set(state_firewalls.covered(state, firewall))
    state_firewalls.apply(state, firewall, servers, selectors)
    added = [key for key in state_firewalls.covered(state, firewall) if key not in before]
    return created({"actions": _push(cloud, firewall, "apply_firewall", added)})


async def _remove(call: Call) -> Reply:
    cloud, state, firewall = call.cloud, call.cloud.state, _firewall(call)
    servers, selectors = _targets(call.read(bodies.RemoveFrom).remove_from)
    before = state_firewalls.covered(state, firewall)
    state_firewalls.remove(state, firewall, servers, selectors)
    after = set(state_firewalls.covered(state, firewall))
    freed = [key for key in before if key not in after]
    return created({"actions": _push(cloud, firewall, "remove_firewall", freed)})


def _primary_ip(call: Call) -> PrimaryIp:
    return state_common.find("primary_ip", call.cloud.state.primary_ips, call.ids["id"])


async def _list_ips(call: Call) -> Reply:
    found = [views.primary_ip(one) for one in call.cloud.state.primary_ips.values()]
    found = listing.filtered(found, call.query, "name", "ip")
    ordered = listing.ordered(found, call.query, ("id", "created"))
    return Reply(listing.page("primary_ips", ordered, call.query))


def _place(call: Call, body: bodies.PrimaryIpCreate) -> tuple[str, Server | None]:
    given = [
        key for key in ("location", "datacenter", "assignee_id") if getattr(body, key) is not None
    ]
    if len(given) != 1:
        raise invalid("location", "exactly one of location, datacenter, assignee_id is needed")
    if body.location is not None:
        return state_addresses.resolve_location(body.location), None
    if body.datacenter is not None:
        return state_addresses.resolve_datacenter(body.datacenter), None
    server = call.cloud.state.servers.get(body.assignee_id or 0)
    if server is None:
        raise not_found("server", body.assignee_id or 0)
    if body.assignee_type is None:
        raise invalid("assignee_type", "required together with assignee_id")
    return server.location, server


async def _create_ip(call: Call) -> Reply:
    body = call.read(bodies.PrimaryIpCreate)
    cloud, state = call.cloud, call.cloud.state
    location, server = _place(call, body)
    one = state_addresses.create(
        state,
        name=body.name,
        family=body.type,
        location=location,
        labels=body.labels,
        auto_delete=body.auto_delete,
        now=clock(),
    )
    if server is not None:
        try:
            state_actions.check_unlocked(state, server)
            state_addresses.check_assignable(state, one, server)
        except ApiError:
            state_addresses.delete(state, one)
            raise
        state_addresses.attach(one, server)
        action = views.action(_replumb(cloud, one, server, "assign_primary_ip"))
        return created({"primary_ip": views.primary_ip(one), "action": action})
    return created({"primary_ip": views.primary_ip(one)})


async def _get_ip(call: Call) -> Reply:
    return Reply({"primary_ip": views.primary_ip(_primary_ip(call))})


async def _update_ip(call: Call) -> Reply:
    body = call.read(bodies.PrimaryIpUpdate)
    one = _primary_ip(call)
    state_common.rename(
        "primary IP", call.cloud.state.primary_ips, one, name=body.name, labels=body.labels
    )
    if body.auto_delete is not None:
        one.auto_delete = body.auto_delete
    return Reply({"primary_ip": views.primary_ip(one)})


async def _delete_ip(call: Call) -> Reply:
    state_addresses.delete(call.cloud.state, _primary_ip(call))
    return Reply(status=204)


def _replumb(cloud: Cloud, one: PrimaryIp, server: Server, command: str) -> Action:
    """Tell the machine, which is off, its new addresses."""
    on = (("server", server.id), ("primary_ip", one.id))
    action = state_actions.begin(cloud.state, command, clock(), *on)

    async def run() -> None:
        held = [
            cloud.state.primary_ips[key].ip if key else None for key in (server.ipv4, server.ipv6)
        ]
        await cloud.driver.set_addresses(server.id, held[0], held[1])

    cloud.launch(server, [action], run)
    return action


async def _assign(call: Call) -> Reply:
    body = call.read(bodies.Assign)
    cloud, state, one = call.cloud, call.cloud.state, _primary_ip(call)
    server = state_common.find("server", state.servers, body.assignee_id)
    state_actions.check_unlocked(state, server)
    state_addresses.check_assignable(state, one, server)
    state_addresses.attach(one, server)
    return created({"action": views.action(_replumb(cloud, one, server, "assign_primary_ip"))})


async def _unassign(call: Call) -> Reply:
    cloud, state, one = call.cloud, call.cloud.state, _primary_ip(call)
    server = state_addresses.check_unassignable(state, one)
    state_actions.check_unlocked(state, server)
    state_addresses.detach(one, server)
    return created({"action": views.action(_replumb(cloud, one, server, "unassign_primary_ip"))})


async def _ip_pointer(call: Call) -> Reply:
    body = call.read(bodies.Pointer)
    one = _primary_ip(call)
    state_addresses.set_ptr(one, body.ip, body.dns_ptr)
    on = ("primary_ip", one.id)
    action = state_actions.done(call.cloud.state, "change_dns_ptr", clock(), on)
    return created({"action": views.action(action)})


async def _protect_ip(call: Call) -> Reply:
    one = _primary_ip(call)
    one.protected = call.read(bodies.Protection).delete
    on = ("primary_ip", one.id)
    action = state_actions.done(call.cloud.state, "change_protection", clock(), on)
    return created({"action": views.action(action)})


_LISTED = listing.PAGING | {"name", "label_selector", "sort"}
_FIREWALL = "/firewalls/{id}"
_IP = "/primary_ips/{id}"
ENDPOINTS = (
    Endpoint("GET", "/firewalls", _list_firewalls, query=_LISTED),
    Endpoint("POST", "/firewalls", _create_firewall, body=bodies.FirewallCreate),
    Endpoint("GET", _FIREWALL, _get_firewall),
    Endpoint("PUT", _FIREWALL, _update_firewall, body=bodies.Named),
    Endpoint("DELETE", _FIREWALL, _delete_firewall),
    Endpoint("POST", f"{_FIREWALL}/actions/set_rules", _set_rules, body=bodies.SetRules),
    Endpoint("POST", f"{_FIREWALL}/actions/apply_to_resources", _apply, body=bodies.ApplyTo),
    Endpoint("POST", f"{_FIREWALL}/actions/remove_from_resources", _remove, body=bodies.RemoveFrom),
    Endpoint("GET", "/primary_ips", _list_ips, query=_LISTED | {"ip"}),
    Endpoint("POST", "/primary_ips", _create_ip, body=bodies.PrimaryIpCreate),
    Endpoint("GET", _IP, _get_ip),
    Endpoint("PUT", _IP, _update_ip, body=bodies.PrimaryIpUpdate),
    Endpoint("DELETE", _IP, _delete_ip),
    Endpoint("POST", f"{_IP}/actions/assign", _assign, body=bodies.Assign),
    Endpoint("POST", f"{_IP}/actions/unassign", _unassign),
    Endpoint("POST", f"{_IP}/actions/change_dns_ptr", _ip_pointer, body=bodies.Pointer),
    Endpoint("POST", f"{_IP}/actions/change_protection", _protect_ip, body=bodies.Protection),
)
