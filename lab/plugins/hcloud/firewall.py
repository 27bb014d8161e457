"""Firewalls: rules in front of servers."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import ClassVar

from lab.plugins.common import Context, Field, InitError, Kind, PluginError, Schema, Value
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import (
    INTEGER,
    LABELS,
    NAME,
    HcloudResource,
    known,
    labels,
    network,
    number,
    plain_labels,
    sorted_values,
    text,
    texts,
)
from lab.plugins.hcloud.client import ApiError

_NETWORKS = Field(kind=Kind.LIST, item=Field())
_RULE = Field(
    kind=Kind.OBJECT,
    fields={
        "direction": Field(required=True, choices=("in", "out")),
        "protocol": Field(required=True, choices=("tcp", "udp", "icmp", "esp", "gre")),
        "port": Field(),
        "sourceIps": _NETWORKS,
        "destinationIps": _NETWORKS,
        "description": Field(),
    },
)
_TARGET = Field(kind=Kind.OBJECT, fields={"server": INTEGER, "labelSelector": Field()})


def _rules(value: Value) -> list[vendor.FirewallRule]:
    return [
        vendor.FirewallRule(
            direction=str(rule["direction"]),
            protocol=str(rule["protocol"]),
            port=text(rule.get("port")),
            source_ips=[str(network(ip)) for ip in texts(rule.get("sourceIps"))],
            destination_ips=[str(network(ip)) for ip in texts(rule.get("destinationIps"))],
            description=text(rule.get("description")),
        )
        for rule in (value if isinstance(value, list) else [])
        if isinstance(rule, dict)
    ]


def _rule_state(rule: vendor.FirewallRule) -> Value:
    state: dict[str, Value] = {"direction": rule.direction, "protocol": rule.protocol}
    if rule.port is not None:
        state["port"] = rule.port
    if rule.source_ips:
        state["sourceIps"] = list(rule.source_ips)
    if rule.destination_ips:
        state["destinationIps"] = list(rule.destination_ips)
    if rule.description is not None:
        state["description"] = rule.description
    return state


def on_server(key: int) -> vendor.FirewallResource:
    """A server as something a firewall is applied to."""
    return vendor.FirewallResource(
        type=vendor.FirewallResource.TYPE_SERVER, server=vendor.Server(id=key)
    )


def on_labels(selector: str) -> vendor.FirewallResource:
    """The servers with these labels as something a firewall is applied to."""
    return vendor.FirewallResource(
        type=vendor.FirewallResource.TYPE_LABEL_SELECTOR,
        label_selector=vendor.FirewallResourceLabelSelector(selector=selector),
    )


def _targets(value: Value) -> list[vendor.FirewallResource]:
    found = []
    for target in value if isinstance(value, list) else []:
        if isinstance(target, dict) and target.get("labelSelector"):
            found.append(on_labels(str(target["labelSelector"])))
        elif isinstance(target, dict):
            found.append(on_server(number(target.get("server"))))
    return found


def applied(firewall: vendor.BoundFirewall) -> tuple[list[int], list[str]]:
    """The servers and the label selectors a firewall is applied to."""
    servers, selectors = [], []
    for one in firewall.applied_to or []:
        if one.label_selector is not None and one.label_selector.selector is not None:
            selectors.append(one.label_selector.selector)
        elif one.server is not None and one.server.id is not None:
            servers.append(one.server.id)
    return sorted(servers), sorted(selectors)


def _state(firewall: vendor.BoundFirewall) -> Plain:
    servers, selectors = applied(firewall)
    targets: list[Value] = [{"server": key} for key in servers]
    targets += [{"labelSelector": selector} for selector in selectors]
    return {
        "name": firewall.name,
        "labels": plain_labels(firewall.labels),
        "rules": [_rule_state(rule) for rule in firewall.rules or []],
        "applyTos": targets,
    }


class Firewall(HcloudResource):
    """A set of rules in front of servers."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/firewall:Firewall",  # noqa: S106  a type's name
        inputs={
            "name": NAME,
            "labels": LABELS,
            "rules": Field(kind=Kind.LIST, item=_RULE),
            "applyTos": Field(kind=Kind.LIST, item=_TARGET),
        },
        delete_first=True,
    )
    kept: ClassVar[frozenset[str]] = frozenset({"labels", "applyTos"})

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse networks with host bits, which the cloud would refuse later."""
        wrong = []
        rules = inputs.get("rules")
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            for key in ("sourceIps", "destinationIps"):
                for ip in texts(rule.get(key)) if isinstance(rule, dict) else []:
                    try:
                        ip_network(str(network(ip)))
                    except ValueError:
                        path = f"rules[{index}].{key}"
                        wrong.append(Failure(path, f"'{ip}' is not the start of a network"))
        return wrong

    def normal(self, values: Plain) -> Plain:
        """Rules, networks and targets are sets; networks are compared in canonical form."""
        result = dict(values)
        rules = values.get("rules")
        if isinstance(rules, list):
            result["rules"] = sorted_values([_normal_rule(rule) for rule in rules])
        result["applyTos"] = sorted_values(values.get("applyTos"))
        return {key: value for key, value in result.items() if value is not None}

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make the firewall with its rules, then wait until it is applied."""
        del context
        what = f"firewall {inputs['name']}"
        made = await self.api.call(
            what,
            lambda client: client.firewalls.create(
                name=str(inputs["name"]),
                rules=_rules(inputs.get("rules")),
                labels=labels(inputs.get("labels")),  # type: ignore[arg-type]  # mistyped there
                resources=_targets(inputs.get("applyTos")),
            ),
        )
        key = known(made.firewall.id)
        try:
            await self.api.wait(what, made.actions or [])
            firewall = await self.api.call(what, lambda client: client.firewalls.get_by_id(key))
        except PluginError as error:
            raise InitError(
                f"{error}. The firewall exists (id {key}) and is kept in the state",
                resource_id=str(key),
                outputs=_state(made.firewall),
            ) from error
        return str(key), _state(firewall)

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The firewall as the project has it."""
        del context
        firewall = await self.api.find(
            f"firewall {resource_id}", lambda client: client.firewalls.get_by_id(int(resource_id))
        )
        return None if firewall is None else {**state, **_state(firewall)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change in place; as in the official provider an empty set of rules is never sent."""
        del context
        what, key = f"firewall {news['name']}", int(resource_id)
        found = vendor.Firewall(id=key)
        changed = {path.split("[")[0].split(".")[0] for path in self.differences({}, olds, news)}
        if "name" in changed:
            name = str(news["name"])
            await self.api.call(what, lambda client: client.firewalls.update(found, name=name))
        rules = _rules(news.get("rules"))
        if "rules" in changed and rules:
            actions = await self.api.call(
                what, lambda client: client.firewalls.set_rules(found, rules)
            )
            await self.api.wait(what, actions)
        if "labels" in changed:
            wanted = labels(news.get("labels"))
            await self.api.call(what, lambda client: client.firewalls.update(found, labels=wanted))
        if "applyTos" in changed:
            await self._move(what, key, olds.get("applyTos"), news.get("applyTos"))
        now = await self.api.call(what, lambda client: client.firewalls.get_by_id(key))
        return _state(now)

    async def _move(self, what: str, key: int, old: Value, new: Value) -> None:
        before = old if isinstance(old, list) else []
        after = new if isinstance(new, list) else []
        less = _targets([one for one in before if one not in after])
        more = _targets([one for one in after if one not in before])
        await move(self, what, key, less, more)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Take it off everything, then remove it."""
        del context
        what, key = f"firewall {state.get('name')}", int(resource_id)
        firewall = await self.api.find(what, lambda client: client.firewalls.get_by_id(key))
        if firewall is None:
            return
        servers, selectors = applied(firewall)
        less = [*map(on_server, servers), *map(on_labels, selectors)]
        await move(self, what, key, less, [])
        try:
            await self.api.insist(
                what,
                lambda client: client.firewalls.delete(firewall),
                ("resource_in_use", "conflict", "locked"),
            )
        except ApiError as error:
            if error.code != "not_found":
                raise


def _normal_rule(rule: Value) -> Value:
    if not isinstance(rule, dict):
        return rule
    result: dict[str, Value] = {}
    for key, value in rule.items():
        if isinstance(value, list):
            if value:
                result[key] = sorted_values([network(item) for item in value])
        elif value not in (None, ""):
            result[key] = value
    return result


async def move(
    resource: HcloudResource,
    what: str,
    key: int,
    less: Sequence[vendor.FirewallResource],
    more: Sequence[vendor.FirewallResource],
) -> None:
    """Take a firewall off some resources and put it in front of others; wait for both."""
    found = vendor.Firewall(id=key)
    if less:
        try:
            actions = await resource.api.call(
                what, lambda client: client.firewalls.remove_from_resources(found, list(less))
            )
            await resource.api.wait(what, actions)
        except ApiError as error:
            # The server went first; with it went the firewall's place.
            if error.code not in ("firewall_resource_not_found", "not_found"):
                raise
    if more:
        actions = await resource.api.call(
            what, lambda client: client.firewalls.apply_to_resources(found, list(more))
        )
        await resource.api.wait(what, actions)
