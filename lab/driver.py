"""What the lab's cloud API asks of the machines: the line between state and effects.

`lab.api` keeps the cloud's books and calls a `Driver` for everything that happens in the
world. `lab.machines.driver.MachineDriver` boots real machines; `PaperDriver`, here, only
remembers which of them would be running, for tests and for scale runs.

A driver's methods are called one at a time per server, concurrently for different servers.
Each returns when its effect stands (the machine process runs, or is gone; the rules are
loaded) and raises `DriverError` when it cannot be had. None waits for cloud-init.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol


class DriverError(Exception):
    """A machine could not be made, changed or removed; the text says what and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One cloud firewall rule as posted to the API.

    Attributes:
        direction: `in` or `out`, as seen from the server.
        protocol: The IP protocol.
        port: `"22"`, `"80-85"` or `"any"` for tcp and udp; None for the others.
        source_ips: Networks (CIDR, both families) an inbound rule admits.
        destination_ips: Networks (CIDR, both families) an outbound rule admits.
    """

    direction: Literal["in", "out"]
    protocol: Literal["tcp", "udp", "icmp", "esp", "gre"]
    port: str | None = None
    source_ips: tuple[str, ...] = ()
    destination_ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """Everything a driver needs to make one machine.

    Attributes:
        id: The server's id in the API; never used twice in one lab.
        name: The server's name, which becomes its host name. It can change later.
        image: `debian-12`, `debian-13`, or the name given to `Driver.snapshot`.
        user_data: The cloud-init user-data, at most 32 KiB; empty for none.
        ipv4: The public address, without a prefix; None for none.
        ipv6: The public network, `2001:db8:1:N::/64`; the machine uses `::1` in it.
        ssh_keys: Public keys for root, each one line as in `authorized_keys`.
        rules: The union of the attached firewalls' rules. None: no firewall, all passes.
            Empty or without inbound rules: everything inbound is dropped.
    """

    id: int
    name: str
    image: str
    user_data: str
    ipv4: str | None
    ipv6: str | None
    ssh_keys: tuple[str, ...]
    rules: tuple[Rule, ...] | None


class Driver(Protocol):
    """Makes machines. Every method is idempotent: asked again, it succeeds again."""

    async def create(self, spec: MachineSpec, *, start: bool) -> None:
        """Make the machine's disk, network and firewall, in that order, and boot it if asked.

        The firewall stands before the machine's first packet.
        """

    async def delete(self, server: int) -> None:
        """Stop the machine hard and remove all that belongs to it; unknown ids are fine."""

    async def power_on(self, server: int) -> None:
        """Boot the machine from its disk."""

    async def power_off(self, server: int) -> None:
        """Cut the power: nothing that was not written to disk survives."""

    async def shutdown(self, server: int) -> None:
        """Ask the machine to shut down (ACPI); return when it is off or does not listen."""

    async def reboot(self, server: int) -> None:
        """Ask the machine to restart (ACPI)."""

    async def reset(self, server: int) -> None:
        """Cut the power and switch on again."""

    async def rebuild(self, spec: MachineSpec) -> None:
        """Replace the disk by a fresh one from `spec.image`, then boot it as at creation."""

    async def set_rules(self, server: int, rules: tuple[Rule, ...] | None) -> None:
        """Replace the firewall's rules at once; established connections go on."""

    async def set_addresses(self, server: int, ipv4: str | None, ipv6: str | None) -> None:
        """Re-plumb a machine that is switched off; it has these addresses at its next boot."""

    async def set_private(self, server: int, addresses: tuple[str, ...]) -> None:
        """Plug a machine into the private networks where it has these addresses, and no other."""

    async def snapshot(self, server: int, image: str) -> None:
        """Copy the machine's disk under the name `image`, for later `MachineSpec.image`."""

    async def delete_snapshot(self, image: str) -> None:
        """Remove a copy made by `snapshot`; unknown names are fine."""

    async def running(self, server: int) -> bool:
        """Whether the machine's process runs now; False for unknown ids."""


class PaperDriver:
    """A driver that boots nothing: it keeps each machine's specification and power state."""

    def __init__(self) -> None:
        """Start with no machine at all."""
        self.machines: dict[int, MachineSpec] = {}
        self.powered: set[int] = set()
        self.snapshots: set[str] = set()

    def _known(self, server: int) -> MachineSpec:
        spec = self.machines.get(server)
        if spec is None:
            message = f"machine {server}: no such machine; it was never created or is deleted"
            raise DriverError(message)
        return spec

    async def create(self, spec: MachineSpec, *, start: bool) -> None:
        """Remember the machine and whether it is on."""
        self.machines[spec.id] = spec
        if start:
            self.powered.add(spec.id)

    async def delete(self, server: int) -> None:
        """Forget the machine."""
        self.machines.pop(server, None)
        self.powered.discard(server)

    async def power_on(self, server: int) -> None:
        """Mark the machine as on."""
        self._known(server)
        self.powered.add(server)

    async def power_off(self, server: int) -> None:
        """Mark the machine as off."""
        self._known(server)
        self.powered.discard(server)

    async def shutdown(self, server: int) -> None:
        """Mark the machine as off."""
        await self.power_off(server)

    async def reboot(self, server: int) -> None:
        """Mark the machine as on."""
        await self.power_on(server)

    async def reset(self, server: int) -> None:
        """Mark the machine as on."""
        await self.power_on(server)

    async def rebuild(self, spec: MachineSpec) -> None:
        """Replace the specification; the machine is on afterwards."""
        self._known(spec.id)
        await self.create(spec, start=True)

    async def set_rules(self, server: int, rules: tuple[Rule, ...] | None) -> None:
        """Remember the rules."""
        self.machines[server] = replace(self._known(server), rules=rules)

    async def set_addresses(self, server: int, ipv4: str | None, ipv6: str | None) -> None:
        """Remember the addresses."""
        self.machines[server] = replace(self._known(server), ipv4=ipv4, ipv6=ipv6)

    async def set_private(self, server: int, addresses: tuple[str, ...]) -> None:
        """Nothing: no packet flows on paper."""
        del addresses
        self._known(server)

    async def snapshot(self, server: int, image: str) -> None:
        """Remember that the snapshot exists."""
        self._known(server)
        self.snapshots.add(image)

    async def delete_snapshot(self, image: str) -> None:
        """Forget the snapshot."""
        self.snapshots.discard(image)

    async def running(self, server: int) -> bool:
        """Whether the machine is marked as on."""
        return server in self.powered
