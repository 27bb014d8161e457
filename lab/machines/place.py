"""Where one machine keeps its disks and its books."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lab.driver import MachineSpec, Rule
from lab.layout import Lab
from lab.network.firewall import Firewall


@dataclass(frozen=True, slots=True)
class Place:
    """The directories and files of one machine.

    Attributes:
        lab: The lab it belongs to.
        server: The server's id.
    """

    lab: Lab
    server: int

    @property
    def state(self) -> Path:
        """Its directory; root's own, since user-data is in it."""
        return self.lab.state / "machines" / str(self.server)

    @property
    def upper(self) -> Path:
        """What the machine has written over its image."""
        return self.state / "upper"

    @property
    def work(self) -> Path:
        """What overlayfs needs beside `upper`."""
        return self.state / "work"

    @property
    def disk(self) -> Path:
        """The file behind the file system on /var/lib/backplane, which a power cut is real for."""
        return self.state / "backplane.ext4"

    @property
    def console(self) -> Path:
        """The machine's console since its creation."""
        return self.state / "console.log"

    @property
    def record(self) -> Path:
        """The record of the process that keeps the machine running."""
        return self.lab.run / f"machine-{self.server}"

    @property
    def cgroup(self) -> str:
        """The control group of all the machine's processes."""
        return f"{self.lab.cgroup}/m{self.server}"

    @property
    def exists(self) -> bool:
        """Whether the machine was created and not deleted."""
        return (self.state / "spec.json").is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What is remembered of a machine between two processes of the lab.

    Attributes:
        spec: What the cloud asked for.
        machine_id: Its /etc/machine-id, 32 hex digits; new with each new disk.
    """

    spec: MachineSpec
    machine_id: str

    @classmethod
    def new(cls, spec: MachineSpec) -> Book:
        """Open the book of a machine with a fresh disk."""
        return cls(spec=spec, machine_id=uuid.uuid4().hex)

    @classmethod
    def read(cls, place: Place) -> Book:
        """Read the book of a machine that exists."""
        raw = json.loads((place.state / "spec.json").read_text())
        spec = raw["spec"]
        rules = spec.pop("rules")
        spec["ssh_keys"] = tuple(spec["ssh_keys"])
        made = None if rules is None else tuple(_rule(rule) for rule in rules)
        return cls(spec=MachineSpec(**spec, rules=made), machine_id=raw["machine_id"])

    def write(self, place: Place) -> None:
        """Keep the book, readable by its owner only, complete or not at all."""
        fresh = place.state / "spec.json.new"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(self), file)
        fresh.rename(place.state / "spec.json")

    def with_rules(self, rules: tuple[Rule, ...] | None) -> Book:
        """Return the book with other firewall rules."""
        return replace(self, spec=replace(self.spec, rules=rules))

    def with_addresses(self, ipv4: str | None, ipv6: str | None) -> Book:
        """Return the book with other addresses."""
        return replace(self, spec=replace(self.spec, ipv4=ipv4, ipv6=ipv6))

    def firewall(self, lab: Lab) -> Firewall:
        """Return the machine's network."""
        return Firewall(lab=lab, server=self.spec.id, ipv4=self.spec.ipv4, ipv6=self.spec.ipv6)


def _rule(raw: dict[str, object]) -> Rule:
    """Return a rule from its JSON form."""
    lists = ("source_ips", "destination_ips")
    return Rule(**{key: tuple(value) if key in lists else value for key, value in raw.items()})  # type: ignore[arg-type]
