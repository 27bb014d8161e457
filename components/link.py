"""The runner's tunnel as the program uses it: nothing at all in a preview."""

from __future__ import annotations

import atexit
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from backplane import keys
from backplane.plan import Plan, PlanNode, PlanPerson
from backplane.planes import REQUIRED
from backplane.render import wireguard
from backplane.render.operator import interface_name
from components import ways
from components.access import Access
from components.leave import leave_by
from runner.problem import RunnerError
from runner.tunnel import Door, Peer, Side, Tunnel

if TYPE_CHECKING:
    # At run time this loads the SSH library, which takes a second and which no preview needs.
    from runner.contact import Contact

RUNNER = "BACKPLANE_RUNNER"
"""Names this machine's entry in `runners:` when a stack has more than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What the tunnel needs to know of one node, as Outputs.

    Attributes:
        node: The planned node.
        identity: Its secret half.
        bootstrap: Its one-time set.
        endpoint: Its public address.
    """

    node: PlanNode
    identity: pulumi.Output[keys.Identity]
    bootstrap: pulumi.Output[keys.Bootstrap]
    endpoint: pulumi.Output[str]


class Link:
    """Brings the tunnel up before the first resource and keeps it while the program lives.

    Args:
        plan: The mesh.

    Raises:
        pulumi.RunError: This machine may not or cannot make the tunnel; nothing was changed.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.person = _this_runner(plan)
        self._tunnel: Tunnel | None = None
        self._ready: pulumi.Output[Contact] | None = None
        self._own: pulumi.Output[keys.Identity] | None = None
        self._roots: pulumi.Output[dict[str, bytes]] | None = None
        if pulumi.runtime.is_dry_run():
            return
        ways.guard(plan)
        try:
            self._tunnel = Tunnel(plan.stack)
            self._tunnel.open(sides(plan, self.person), guards(plan))
        except RunnerError as error:
            raise pulumi.RunError(str(error)) from error
        atexit.register(self._tunnel.close)
        leave_by(self._tunnel.close)

    def use(
        self,
        access: Access,
        own: pulumi.Output[keys.Identity],
        roots: pulumi.Output[dict[str, bytes]],
    ) -> None:
        """Hand over the push key, this runner's own keys and the PSK roots."""
        self._own, self._roots = own, roots
        tunnel = self._tunnel
        if tunnel is None:
            return

        from runner.contact import Contact  # noqa: PLC0415 - see above
        from runner.farewell import Farewell  # noqa: PLC0415 - see above
        from runner.ssh import private_key  # noqa: PLC0415 - see above

        met = [node for node in self._plan.nodes if not _left_alone(node)]
        # Until the rollout is through, a node that is being renamed is known by its old name.
        stay = self._plan.names | {node.was for node in met if node.was}

        def ready(parts: list[Any]) -> Contact:
            identity: keys.Identity = parts[1]
            for slot in REQUIRED:
                tunnel.own_key(slot, identity.wireguard[slot].base64())
            key = private_key(parts[0])
            farewell = Farewell(key, stay, len(met), pulumi.log.info)
            return Contact(tunnel, key, farewell, pulumi.log.info)

        self._ready = pulumi.Output.all(access.private_key, own).apply(ready)

    def call(self, ends: Ends) -> pulumi.Output[str]:
        """Its wg0 address, known as soon as this runner calls it there."""
        node = ends.node
        wg0 = node.addresses[REQUIRED[0]].v4
        if self._tunnel is None or self._ready is None or _left_alone(node):
            return pulumi.Output.from_input(wg0)

        def aim(parts: list[Any]) -> str:
            self._aim(node, *parts[1:])
            return wg0

        parts: pulumi.Output[list[Any]] = pulumi.Output.all(
            self._ready, ends.identity, ends.bootstrap, ends.endpoint, self._roots
        )
        return pulumi.Output.unsecret(parts.apply(aim))

    def first_contact(
        self, ends: Ends, way: pulumi.Output[str], machine: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        """The host key that the enrollment pins, as soon as the node has answered.

        Args:
            ends: The node.
            way: Its wg0 address, as `call` gives it.
            machine: Id of its machine: waiting starts when there is one.
        """
        node = ends.node
        if self._tunnel is None or self._ready is None or _left_alone(node):
            return _host_key(ends.bootstrap)

        async def wait(parts: list[Any]) -> str:
            contact: Contact = parts[0]
            identity, bootstrap, wg0 = parts[1:4]
            shown = (bootstrap.host.public, identity.ssh.public)
            try:
                return await contact.first(node.name, wg0, bootstrap=shown[0], lasting=shown[1])
            except RunnerError as error:
                raise pulumi.RunError(str(error)) from error

        parts: pulumi.Output[list[Any]] = pulumi.Output.all(
            self._ready, ends.identity, ends.bootstrap, way, machine
        )
        return pulumi.Output.unsecret(_awaited(parts, wait))

    def meet(
        self, ends: Ends, machine: pulumi.Output[str], after: pulumi.Output[Any]
    ) -> pulumi.Output[str]:
        """Its wg1 address, known once an enrolled node has been met, over wg0 if wg1 is silent.

        Args:
            ends: The node.
            machine: Id of its machine.
            after: What must be there before it is met.
        """
        node = ends.node
        wg0, wg1 = (node.addresses[slot].v4 for slot in REQUIRED)
        if self._tunnel is None or self._ready is None or _left_alone(node):
            return pulumi.Output.from_input(wg1)

        async def wait(parts: list[Any]) -> str:
            contact: Contact = parts[0]
            identity: keys.Identity = parts[1]
            try:
                await contact.meet(node.name, wg1, wg0, identity.ssh.public)
            except RunnerError as error:
                raise pulumi.RunError(str(error)) from error
            return wg1

        parts: pulumi.Output[list[Any]] = pulumi.Output.all(
            self._ready, ends.identity, machine, after
        )
        return pulumi.Output.unsecret(_awaited(parts, wait))

    def _aim(
        self,
        node: PlanNode,
        identity: keys.Identity,
        bootstrap: keys.Bootstrap,
        endpoint: str,
        roots: dict[str, bytes],
    ) -> None:
        assert self._tunnel is not None  # noqa: S101 - tells the type checker what callers made sure
        for slot in REQUIRED:
            lasting = Door(
                public=keys.public_key(identity.wireguard[slot]),
                psk=keys.psk(roots[slot], node.key, self.person.key, slot=slot).base64(),
            )
            first = Door(public=keys.public_key(bootstrap.wireguard), psk=bootstrap.psk.base64())
            address = node.addresses[slot]
            self._tunnel.meet(
                Peer(
                    node=node.name,
                    slot=slot,
                    endpoint=wireguard.endpoint(endpoint, self._plan.plane(slot).port),
                    allowed=(f"{address.v4}/32", f"{address.v6}/128"),
                    doors=(first, lasting) if slot == REQUIRED[0] else (lasting,),
                )
            )


def sides(plan: Plan, person: PlanPerson) -> tuple[Side, ...]:
    """The runner's own ends of its two planes."""
    ends = []
    for slot in REQUIRED:
        plane, address = plan.plane(slot), person.addresses[slot]
        prefix4, prefix6 = (net.split("/")[1] for net in (plane.supernet4, plane.supernet6))
        ends.append(
            Side(
                slot=slot,
                interface=interface_name(plan.stack, plane.interface),
                addresses=(f"{address.v4}/{prefix4}", f"{address.v6}/{prefix6}"),
                mtu=plane.mtu,
            )
        )
    return tuple(ends)


def guards(plan: Plan) -> tuple[str, ...]:
    """The networks that are unreachable on this machine while no tunnel carries them."""
    return (*(plane.supernet4 for plane in plan.planes), plan.ula)


def _left_alone(node: PlanNode) -> bool:
    """Whether no push goes to a node, so that nobody need wait for it."""
    return node.away or node.retire


def _awaited(
    parts: pulumi.Output[list[Any]], wait: Callable[[list[Any]], Awaitable[str]]
) -> pulumi.Output[str]:
    """Apply an asynchronous function: a blocking one would hold up all the others."""
    return parts.apply(wait)


def _host_key(bootstrap: pulumi.Output[keys.Bootstrap]) -> pulumi.Output[str]:
    return pulumi.Output.unsecret(bootstrap.apply(lambda made: made.host.public))


def _this_runner(plan: Plan) -> PlanPerson:
    wanted = os.environ.get(RUNNER, plan.runner.name)
    for person in plan.runners:
        if person.name == wanted:
            return person
    names = ", ".join(person.name for person in plan.runners)
    raise pulumi.RunError(
        f"{RUNNER}={wanted} is no runner of stack {plan.stack}\n  fix: use one of: {names}"
    )
