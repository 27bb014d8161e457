"""The cloud at work: the books, the driver and the files brought together.

A request changes the books at once and starts an action; the effect runs in the background,
one at a time per server, and ends the action. Whatever changed what a server's firewall lets
through reaches the driver before the action that changed it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime

from lab.api import state_actions, state_firewalls, state_servers, views
from lab.api.state import Action, Firewall, FirewallRule, Pool, Server, State, Status
from lab.api.store import Store
from lab.driver import Driver, Rule

log = logging.getLogger("lab.api")

Effect = Callable[[], Awaitable[None]]
_UNKNOWN = object()


def clock() -> str:
    """Now, as the API writes it (RFC 3339, UTC)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Cloud:
    """One project in one lab.

    Attributes:
        state: The books.
        driver: What makes machines.
    """

    def __init__(self, store: Store, driver: Driver, pool: Pool) -> None:
        self.store = store
        self.driver = driver
        self.state: State = store.read(pool)
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushed: dict[int, tuple[Rule, ...] | object | None] = {}

    async def save(self) -> None:
        """Return when the books are on disk."""
        await self.store.save(lambda: self.state)

    async def settle(self) -> None:
        """Return when nothing that a client could see would be lost in a crash."""
        await self.store.settle(lambda: self.state)

    # Effects

    def launch(
        self,
        server: Server | None,
        actions: Sequence[Action],
        effect: Effect,
        *,
        failed: Callable[[], None] | None = None,
    ) -> None:
        """Run an effect in the background and end the actions with it.

        With a server, it waits for the effects on that server that were launched before.
        """

        async def run() -> None:
            error: str | None = None
            try:
                if server is None:
                    await effect()
                else:
                    async with self._locks[server.id]:
                        await effect()
            except asyncio.CancelledError:
                raise
            except Exception as fault:
                # Whatever went wrong belongs into the action, where the client looks.
                names = ", ".join(action.command for action in actions)
                log.exception("%s failed", names)
                error = str(fault) or type(fault).__name__
                if failed is not None:
                    failed()
            for action in actions:
                state_actions.end(action, clock(), error)
            await self.save()

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let running effects end, then save."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.save()

    # Firewalls

    def posted(self, firewall: Firewall) -> None:
        """Enter into the journal that these rules came in."""
        self.store.note(
            {
                "event": "posted",
                "time": datetime.now(UTC).isoformat(),
                "firewall": firewall.id,
                "name": firewall.name,
                "rules": [views.rule(one) for one in firewall.rules],
            }
        )

    def _in_force(self, server: Server, rules: tuple[Rule, ...] | None) -> None:
        self._pushed[server.id] = rules
        shown = None
        if rules is not None:
            shown = [views.rule(FirewallRule(rule=one)) for one in rules]
        self.store.note(
            {
                "event": "in_force",
                "time": datetime.now(UTC).isoformat(),
                "server": server.id,
                "name": server.name,
                "rules": shown,
            }
        )

    async def push(self, server: Server) -> None:
        """Hand the machine the rules that are in force, if it has others; within an effect."""
        if not server.made or server.id not in self.state.servers:
            return
        rules = state_firewalls.in_force(self.state, server)
        if self._pushed.get(server.id, _UNKNOWN) == rules:
            return
        await self.driver.set_rules(server.id, rules)
        self._in_force(server, rules)

    def push_rules(self, servers: Collection[int], actions: Sequence[Action] = ()) -> None:
        """Bring the firewalls of these servers up to date.

        An action that names a server ends with that server's push.
        """
        for key in servers:
            server = self.state.servers.get(key)
            if server is None:
                continue
            mine = [action for action in actions if ("server", key) in action.resources]

            async def effect(server: Server = server) -> None:
                await self.push(server)

            self.launch(server, mine, effect)

    # Machines

    async def make(self, server: Server, *, start: bool) -> None:
        """Build the server's machine."""
        spec = state_servers.spec(self.state, server)
        self._in_force(server, spec.rules)
        await self.driver.create(spec, start=start)
        server.made = True
        if server.status == "initializing":
            server.status = "running" if start else "off"
        await self.push(server)

    async def unmake(self, server: Server) -> None:
        """Remove the server's machine and strike it from the books."""
        await self.driver.delete(server.id)
        state_servers.forget(self.state, server)
        self._pushed.pop(server.id, None)
        self.store.note(
            {
                "event": "gone",
                "time": datetime.now(UTC).isoformat(),
                "server": server.id,
                "name": server.name,
            }
        )

    def set_status(self, server: Server, status: Status) -> None:
        """Note a new status, unless the server is on its way out."""
        if server.status != "deleting":
            server.status = status

    async def observe(self, servers: Collection[Server]) -> None:
        """Bring the status of idle servers in line with what their machines do."""
        idle = [
            one
            for one in servers
            if one.status in ("running", "off", "stopping")
            and one.made
            and not state_actions.busy(self.state, one)
        ]
        seen = await asyncio.gather(*(self.driver.running(one.id) for one in idle))
        for one, running in zip(idle, seen, strict=True):
            if one.status in ("running", "off", "stopping"):
                self.set_status(one, "running" if running else "off")

    async def replay(self) -> None:
        """Give a driver without a memory, as on paper, the machines that the books know."""
        for server in self.state.servers.values():
            if server.made:
                spec = state_servers.spec(self.state, server)
                await self.driver.create(spec, start=server.status != "off")

    async def recover(self) -> None:
        """After a start: settle what the last process left open, re-attach to machines."""
        for server in list(self.state.servers.values()):
            running = await self.driver.running(server.id)
            server.made = server.made or running
            if server.status != "deleting":
                server.status = "running" if running else "off"
        for action in self.state.actions.values():
            if action.status == "running" and action.command != "delete_server":
                self._settle(action)
        for snapshot in list(self.state.snapshots.values()):
            if snapshot.status == "creating":
                del self.state.snapshots[snapshot.id]
        for server in list(self.state.servers.values()):
            if server.status == "deleting":
                self._resume_delete(server)
        self.push_rules(list(self.state.servers))
        await self.save()

    def _settle(self, action: Action) -> None:
        keys = [key for kind, key in action.resources if kind == "server"]
        servers = [self.state.servers.get(key) for key in keys]
        ended_well = (
            action.command in ("create_server", "start_server", "rebuild_server")
            and all(one is not None and one.status == "running" for one in servers)
        ) or action.command in ("apply_firewall", "remove_firewall")
        error = None if ended_well else "the API server stopped while this action ran"
        state_actions.end(action, clock(), error)

    def _resume_delete(self, server: Server) -> None:
        open_actions = [
            action
            for action in self.state.actions.values()
            if action.status == "running" and ("server", server.id) in action.resources
        ]

        async def effect() -> None:
            await self.unmake(server)

        self.launch(server, open_actions, effect)
