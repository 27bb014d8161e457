"""The driver that boots real machines for the lab's cloud API."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from typing import TypeVar

from lab.driver import DriverError, MachineSpec, Rule
from lab.layout import Lab, LabError
from lab.machines import disk
from lab.machines.machine import Machine

_T = TypeVar("_T")


async def _aside(work: Callable[[], _T]) -> _T:
    """Do blocking work in a thread; its failure is the driver's."""
    try:
        return await asyncio.to_thread(work)
    except (LabError, OSError) as error:
        raise DriverError(str(error)) from error


class MachineDriver:
    """Implements `lab.driver.Driver` by machines of one lab; keeps nothing in memory."""

    def __init__(self, lab: str) -> None:
        """Drive the machines of the lab with this name; its network must be up."""
        self._lab = Lab(lab)

    def _machine(self, server: int) -> Machine:
        return Machine(self._lab, server)

    async def create(self, spec: MachineSpec, *, start: bool) -> None:
        """Make the machine, and boot it if asked."""
        machine = self._machine(spec.id)

        def work() -> None:
            if not machine.place.exists:
                machine.create(spec)
            if start:
                machine.start()

        await _aside(work)

    async def delete(self, server: int) -> None:
        """Remove the machine."""
        await _aside(self._machine(server).delete)

    async def power_on(self, server: int) -> None:
        """Boot the machine from its disk."""
        await _aside(self._machine(server).start)

    async def power_off(self, server: int) -> None:
        """Cut the machine's power."""
        await _aside(self._machine(server).cut)

    async def shutdown(self, server: int) -> None:
        """Press the machine's power button."""
        await _aside(self._machine(server).shutdown)

    async def reboot(self, server: int) -> None:
        """Ask the machine to restart."""
        await _aside(self._machine(server).reboot)

    async def reset(self, server: int) -> None:
        """Cut the machine's power and switch it on again."""
        await self.power_off(server)
        await self.power_on(server)

    async def rebuild(self, spec: MachineSpec) -> None:
        """Give the machine a fresh disk and boot it."""
        machine = self._machine(spec.id)

        def work() -> None:
            machine.rebuild(spec)
            machine.start()

        await _aside(work)

    async def set_rules(self, server: int, rules: tuple[Rule, ...] | None) -> None:
        """Replace the firewall's rules."""
        await _aside(lambda: self._machine(server).set_rules(rules))

    async def set_addresses(self, server: int, ipv4: str | None, ipv6: str | None) -> None:
        """Re-plumb the machine."""
        await _aside(lambda: self._machine(server).set_addresses(ipv4, ipv6))

    async def set_private(self, server: int, addresses: tuple[str, ...]) -> None:
        """Refuse: no wire but the public one leads to a machine of the lab's."""
        if addresses:
            message = f"machine {server}: the lab's machines have no private network"
            raise DriverError(message)

    async def snapshot(self, server: int, image: str) -> None:
        """Copy the machine's disks under a name."""
        await _aside(lambda: disk.snapshot(self._machine(server).place, image))

    async def delete_snapshot(self, image: str) -> None:
        """Remove a copy; machines made from it must be gone."""
        directory = disk.snapshots(self._lab) / image
        await _aside(lambda: shutil.rmtree(directory, ignore_errors=True))

    async def running(self, server: int) -> bool:
        """Whether the machine's power is on."""
        return await _aside(lambda: self._machine(server).running)
