"""The books without HTTP: the pool, what is in force, effects that fail or take time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.api import state_addresses, state_firewalls, state_servers
from lab.api.cloud import Cloud
from lab.api.errors import ApiError
from lab.api.labels import matches
from lab.api.state import LAB_POOL, PAPER_POOL, FirewallRule, Server, State, dump, load
from lab.api.state_actions import begin, check_unlocked
from lab.api.store import Store
from lab.driver import DriverError, MachineSpec, PaperDriver, Rule

NOW = "2026-01-01T00:00:00Z"


def order(state: State, name: str, **more: object) -> Server:
    """A server with fresh addresses."""
    values: dict[str, object] = {
        "name": name, "type": "cx23", "image": "debian-12",
        "addresses": {"ipv4": None, "ipv6": None},
    }  # fmt: skip
    values |= more
    return state_servers.create(state, state_servers.Order(**values), NOW)  # type: ignore[arg-type]


def udp(port: str) -> Rule:
    """Inbound UDP from everywhere."""
    return Rule(direction="in", protocol="udp", port=port, source_ips=("0.0.0.0/0", "::/0"))


def test_pool_is_the_labs_and_runs_out() -> None:
    """A lab has 14 addresses of each family; the next server is refused and leaves no trace."""
    assert LAB_POOL.ipv4()[0] == "198.51.100.17"
    assert LAB_POOL.ipv4()[-1] == "198.51.100.30"
    assert LAB_POOL.ipv6_networks()[0] == "2001:db8:1:1::/64"
    assert len(set(LAB_POOL.ipv6_networks())) == 14
    assert len(PAPER_POOL.ipv4()) >= 200
    state = State()
    for index in range(14):
        order(state, f"s{index}")
    before = dump(state)
    with pytest.raises(ApiError) as caught:
        order(state, "one-too-many")
    assert (caught.value.code, caught.value.status) == ("resource_unavailable", 412)
    assert dump(state) == before
    state_servers.forget(state, next(iter(state.servers.values())))
    assert state_addresses.take(state, "ipv4") == "198.51.100.17"


def test_state_survives_its_file() -> None:
    """What is written is what is read."""
    state = State()
    order(state, "s", labels={"a": "b"}, user_data="ä")
    assert load(dump(state)) == state
    with pytest.raises(ValueError, match="JSON"):
        load(b"{")


def test_rules_in_force_are_the_union() -> None:
    """No firewall is None, an empty one is nothing at all, several are united, labels count."""
    state = State()
    server = order(state, "s", labels={"role": "x"})
    assert state_firewalls.in_force(state, server) is None
    made = [
        state_firewalls.create(
            state,
            name=name,
            labels={},
            rules=[FirewallRule(rule=udp(port)) for port in ports],
            now=NOW,
        )
        for name, ports in (("none", []), ("a", ["1", "2"]), ("b", ["2", "3"]))
    ]
    state_firewalls.apply(state, made[0], [server.id], [])
    assert state_firewalls.in_force(state, server) == ()
    state_firewalls.apply(state, made[1], [server.id], [])
    state_firewalls.apply(state, made[2], [], ["role=x"])
    assert state_firewalls.in_force(state, server) == (udp("1"), udp("2"), udp("3"))
    server.labels = {}
    assert state_firewalls.in_force(state, server) == (udp("1"), udp("2"))


@given(
    labels=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")),
    key=st.sampled_from("abc"),
    value=st.sampled_from("xyz"),
)
def test_selectors(labels: dict[str, str], key: str, value: str) -> None:
    """Every form of a selector agrees with its meaning."""
    has = labels.get(key) == value
    assert matches(f"{key}={value}", labels) == has
    assert matches(f"{key}=={value}", labels) == has
    assert matches(f"{key}!={value}", labels) == (not has)
    assert matches(key, labels) == (key in labels)
    assert matches(f"!{key}", labels) == (key not in labels)
    assert matches(f"{key} in ({value},w)", labels) == has
    assert matches(f"{key} notin ({value})", labels) == (not has)
    assert matches(f"{key}={value},!{key}", labels) is False


@pytest.mark.parametrize("selector", ["", "a=b=c", "a,,b", "a in b", "=x", "a b"])
def test_malformed_selectors(selector: str) -> None:
    """What is no selector is refused."""
    with pytest.raises(ApiError):
        matches(selector, {})


def test_a_server_is_locked_while_an_action_runs() -> None:
    """A second action on the same server is refused with `locked`, one on another is not."""
    state = State()
    one, two = order(state, "one"), order(state, "two")
    begin(state, "start_server", NOW, ("server", one.id))
    begin(state, "apply_firewall", NOW, ("server", two.id))
    with pytest.raises(ApiError) as caught:
        check_unlocked(state, one)
    assert caught.value.status == 423
    check_unlocked(state, two)


class Slow(PaperDriver):
    """A driver that waits to be let go on, or breaks."""

    def __init__(self) -> None:
        """Hold from the start."""
        super().__init__()
        self.go = asyncio.Event()
        self.broken = False

    async def create(self, spec: MachineSpec, *, start: bool) -> None:
        """Create when let."""
        await self.go.wait()
        if self.broken:
            raise DriverError("no room on this machine")
        await super().create(spec, start=start)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the books tell nobody when they change
            await asyncio.sleep(0.01)


def test_rules_changed_during_creation_reach_the_machine(tmp_path: Path) -> None:
    """Rules posted while the machine is being made are in force when its creation is done."""

    async def scenario() -> None:
        driver = Slow()
        cloud = Cloud(Store(tmp_path / "state.json"), driver, LAB_POOL)
        wall = state_firewalls.create(cloud.state, name="w", labels={}, rules=[], now=NOW)
        server = order(cloud.state, "s", firewalls=[wall.id])
        made = begin(cloud.state, "create_server", NOW, ("server", server.id))
        cloud.launch(server, [made], lambda: cloud.make(server, start=True))
        await asyncio.sleep(0.05)
        wall.rules = [FirewallRule(rule=udp("1"))]
        pushed = begin(cloud.state, "apply_firewall", NOW, ("server", server.id))
        cloud.push_rules([server.id], [pushed])
        await asyncio.sleep(0.05)
        assert (made.status, pushed.status) == ("running", "running")
        driver.go.set()
        await _until(lambda: pushed.status == "success")
        assert made.status == "success"
        assert driver.machines[server.id].rules == (udp("1"),)
        await cloud.close()

    asyncio.run(scenario())


def test_a_failed_effect_ends_its_action_with_the_reason(tmp_path: Path) -> None:
    """A driver's error is in the action; the server stays, off, and can be deleted."""

    async def scenario() -> None:
        driver = Slow()
        driver.broken = True
        driver.go.set()
        cloud = Cloud(Store(tmp_path / "state.json"), driver, LAB_POOL)
        server = order(cloud.state, "s")
        made = begin(cloud.state, "create_server", NOW, ("server", server.id))
        cloud.launch(
            server,
            [made],
            lambda: cloud.make(server, start=True),
            failed=lambda: cloud.set_status(server, "off"),
        )
        await _until(lambda: made.status == "error")
        assert made.error_message == "no room on this machine"
        assert server.status == "off"
        await cloud.unmake(server)
        assert not cloud.state.servers
        await cloud.close()

    asyncio.run(scenario())


def test_recovery_settles_what_was_open(tmp_path: Path) -> None:
    """After a crash a machine that runs is attached again, a half-made one is told as failed."""

    async def scenario() -> None:
        driver = PaperDriver()
        store = Store(tmp_path / "state.json")
        cloud = Cloud(store, driver, LAB_POOL)
        runs, half = order(cloud.state, "runs"), order(cloud.state, "half")
        leaving = order(cloud.state, "leaving")
        for server in (runs, half):
            begin(cloud.state, "create_server", NOW, ("server", server.id))
        leaving.status = "deleting"
        gone = begin(cloud.state, "delete_server", NOW, ("server", leaving.id))
        await driver.create(state_servers.spec(cloud.state, runs), start=True)
        await cloud.save()

        again = Cloud(store, driver, LAB_POOL)
        await again.recover()
        await again.close()
        states = {one.name: one.status for one in again.state.servers.values()}
        assert states == {"runs": "running", "half": "off"}
        ended = {one.resources[0][1]: one.status for one in again.state.actions.values()}
        assert ended == {runs.id: "success", half.id: "error", leaving.id: "success"}
        assert again.state.actions[gone.id].status == "success"

    asyncio.run(scenario())
