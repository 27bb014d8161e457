"""The hcloud stand-in's operations against the API on paper, without the engine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.plugins.common import Context, InitError, PluginError
from lab.plugins.common.resource import Plain
from lab.plugins.hcloud.address import PrimaryIp
from lab.plugins.hcloud.attachment import FirewallAttachment
from lab.plugins.hcloud.client import Api, Settings, settings
from lab.plugins.hcloud.firewall import Firewall
from lab.plugins.hcloud.server import Server
from tests.api_server import ApiServer

SERVER: Plain = {"serverType": "cx23", "image": "debian-12", "location": "fsn1"}
RULE: Plain = {"direction": "in", "protocol": "udp", "port": "1", "sourceIps": ["::/0"]}


async def _quiet(_severity: str, _message: str) -> None:
    return


CONTEXT = Context(urn="urn:pulumi:test::test::hcloud:index/server:Server::x", log=_quiet)


@contextmanager
def connected(api: ApiServer) -> Iterator[Api]:
    """The stand-in's connection to this server."""
    found = Api()
    found.configure(Settings(token=api.token, endpoint=api.endpoint, poll=0.01, exponential=False))
    try:
        yield found
    finally:
        found.close()


def run(api: ApiServer, scenario: Callable[[Api], Awaitable[None]]) -> None:
    """Run a scenario with a connection."""

    async def main() -> None:
        with connected(api) as found:
            await scenario(found)

    asyncio.run(main())


def test_public_net_changes_in_place(api: ApiServer) -> None:
    """Other primary IPs are swapped in with a power cycle; the undeclared old ones go."""

    async def scenario(found: Api) -> None:
        server, ip = Server(found), PrimaryIp(found)
        inputs: Plain = {**SERVER, "name": "net"}
        key, outputs = await server.create(CONTEXT, inputs)
        four, state = await ip.create(
            CONTEXT, {"name": "net-4", "type": "ipv4", "location": "fsn1"}
        )
        news: Plain = {**inputs, "publicNets": [{"ipv4": int(four), "ipv6Enabled": False}]}
        assert list(server.differences(outputs, inputs, news)) == ["publicNets"]
        now = await server.update(CONTEXT, key, {**inputs, **outputs}, news)
        assert (now["ipv4Address"], now["ipv6Address"]) == (state["ipAddress"], None)
        assert now["status"] == "running"
        assert {one["name"] for one in api.raw("GET", "/primary_ips").json()["primary_ips"]} == {
            "net-4"
        }
        back: Plain = {**inputs, "publicNets": [{"ipv4Enabled": True, "ipv6Enabled": True}]}
        now = await server.update(CONTEXT, key, {**news, **now}, back)
        assert now["ipv4Address"] not in (None, state["ipAddress"])
        assert now["ipv6Network"] is not None
        await server.delete(CONTEXT, key, back)
        await ip.delete(CONTEXT, four, state)
        assert api.raw("GET", "/primary_ips").json()["primary_ips"] == []

    run(api, scenario)


def test_cancelled_creation_is_no_orphan(api: ApiServer) -> None:
    """A run cancelled while the order is out gives the engine the id of what exists."""

    async def scenario(found: Api) -> None:
        server = Server(found)
        task = asyncio.create_task(server.create(CONTEXT, {**SERVER, "name": "cut"}))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(InitError, match="exists") as caught:
            await task
        made = await server.read(CONTEXT, caught.value.resource_id, {})
        assert made is not None
        assert made["name"] == "cut"
        await server.delete(CONTEXT, caught.value.resource_id, made)
        assert await server.read(CONTEXT, caught.value.resource_id, {}) is None

    run(api, scenario)


def test_taken_name_tells_what_to_do(api: ApiServer) -> None:
    """A server of the same name, left by a cut run, is named with its id and the way out."""

    async def scenario(found: Api) -> None:
        server = Server(found)
        key, state = await server.create(CONTEXT, {**SERVER, "name": "twice"})
        with pytest.raises(PluginError, match=rf"id {key}.*pulumi import"):
            await server.create(CONTEXT, {**SERVER, "name": "twice"})
        await server.delete(CONTEXT, key, state)

    run(api, scenario)


def test_empty_rules_are_never_sent(api: ApiServer) -> None:
    """As in the official provider, dropping the last rule changes nothing in the cloud."""

    async def scenario(found: Api) -> None:
        wall = Firewall(found)
        inputs: Plain = {"name": "wall", "rules": [RULE]}
        key, state = await wall.create(CONTEXT, inputs)
        now = await wall.update(CONTEXT, key, {**inputs, **state}, {"name": "wall", "rules": []})
        assert now["rules"] == [RULE]
        again = {**RULE, "port": "2"}
        now = await wall.update(CONTEXT, key, {**inputs}, {"name": "wall", "rules": [again]})
        assert now["rules"] == [again]
        await wall.delete(CONTEXT, key, now)

    run(api, scenario)


def test_order_and_notation_are_no_change(api: ApiServer) -> None:
    """Rules and networks are sets: order and notation make no difference, a port does."""
    with connected(api) as found:
        wall = Firewall(found)
        other: Plain = {**RULE, "port": "2", "sourceIps": ["0.0.0.0/0", "2001:0db8::/32"]}
        same: Plain = {**other, "sourceIps": ["2001:db8::/32", "0.0.0.0/0"]}
        old: Plain = {"name": "w", "rules": [RULE, other]}
        assert wall.differences({}, old, {"name": "w", "rules": [same, RULE]}) == {}
        changed: Plain = {**same, "port": "3"}
        assert wall.differences({}, old, {"name": "w", "rules": [changed, RULE]}) != {}
        assert [one.path for one in wall.check({"rules": [{**RULE, "sourceIps": ["10.0.0.1/8"]}]})]


def test_attachment_and_protection(api: ApiServer) -> None:
    """An attachment follows its list of servers; protection holds until it is lifted."""

    async def scenario(found: Api) -> None:
        server, wall, link = Server(found), Firewall(found), FirewallAttachment(found)
        inputs: Plain = {**SERVER, "name": "kept", "deleteProtection": True}
        inputs["rebuildProtection"] = True
        key, state = await server.create(CONTEXT, inputs)
        wall_key, _ = await wall.create(CONTEXT, {"name": "kept", "rules": [RULE]})
        link_inputs: Plain = {"firewallId": int(wall_key), "serverIds": [int(key)]}
        link_key, linked = await link.create(CONTEXT, link_inputs)
        assert linked == link_inputs
        now = await server.read(CONTEXT, key, state)
        assert now is not None
        assert now["firewallIds"] == [int(wall_key)]
        await link.delete(CONTEXT, link_key, linked)
        with pytest.raises(PluginError, match="protected"):
            await server.delete(CONTEXT, key, state)
        free: Plain = {**SERVER, "name": "kept"}
        await server.update(CONTEXT, key, {**inputs, **state}, free)
        await server.delete(CONTEXT, key, free)
        await wall.delete(CONTEXT, wall_key, {"name": "kept"})
        assert await wall.read(CONTEXT, wall_key, {}) is None

    run(api, scenario)


def test_settings_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or short token and a bad interval are refused; the token is in no repr."""
    monkeypatch.delenv("HCLOUD_TOKEN", raising=False)
    monkeypatch.setenv("HCLOUD_ENDPOINT", "http://127.0.0.1:1/v1")
    with pytest.raises(PluginError, match="is missing"):
        settings({})
    with pytest.raises(PluginError, match="has 5 characters"):
        settings({"token": "short"})
    with pytest.raises(PluginError, match="pollInterval"):
        settings({"token": "t" * 64, "pollInterval": "soon"})
    good = settings({"token": "t" * 64, "pollInterval": "10ms"})
    assert (good.endpoint, good.poll) == ("http://127.0.0.1:1/v1", 0.01)
    assert "ttt" not in repr(good)


def test_no_answer_names_the_endpoint() -> None:
    """Where nobody listens, the error says so and what to look at."""

    async def scenario() -> None:
        found = Api()
        found.configure(
            Settings(token="t" * 64, endpoint="http://127.0.0.1:1/v1", poll=1, exponential=False)
        )
        with pytest.raises(PluginError, match=r"no answer from http://127\.0\.0\.1:1/v1"):
            await Server(found).read(CONTEXT, "1", {})
        found.close()

    asyncio.run(scenario())
