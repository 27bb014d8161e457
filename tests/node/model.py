"""A machine in memory for the node tool: real files below a directory, everything else made up."""

from dataclasses import dataclass, replace
from pathlib import Path

from node.clock import Clock
from node.disk import Disk
from node.fixed import FILES
from node.layout import LINKS, Layout
from node.machine import Journal, Machine
from tests.node.kernel import Kernel
from tests.node.recipe import FIREWALL, Recipe


class FakeClock(Clock):
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now_ns(self) -> int:
        """Nanoseconds."""
        return int(self.time * 1e9)

    def seconds(self) -> float:
        """Seconds."""
        return self.time

    def wall(self) -> int:
        """Seconds since 1970."""
        return 1_700_000_000 + int(self.time)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += max(0.0, seconds)


class FakeJournal(Journal):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep one line."""
        self.lines.append(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A machine in memory and the parts of it that a test looks into."""

    machine: Machine
    kernel: Kernel
    clock: FakeClock
    journal: FakeJournal

    @property
    def layout(self) -> Layout:
        """Its paths."""
        return self.machine.layout

    def confirmed(self) -> str:
        """What boot would read."""
        return self.layout.confirmed.resolve().name

    def with_disk(self, disk: Disk) -> Machine:
        """The same machine, writing through another disk."""
        return replace(self.machine, disk=disk)


def born(root: Path) -> Box:
    """A machine as user-data leaves it: generation 0 is confirmed and live."""
    layout = Layout(root=root)
    first = layout.generation("0")
    (first / "wireguard").mkdir(parents=True)
    recipe = Recipe(peers={"wg0": ("runner",)}, epoch=0, renewed=frozenset({"runner"}))
    text, keys = recipe.config("wg0")
    for place in reversed(range(len(keys))):
        text = text.replace(f"@K{place}@", keys[place])
    (first / "wireguard" / "wg0.conf").write_text(text, encoding="ascii")
    (first / "nftables.nft").write_text(FIREWALL, encoding="ascii")
    (first / "sshd.conf").write_text("# one time\n", encoding="ascii")
    (first / "ssh_host_ed25519_key").write_text("one-time host key\n", encoding="ascii")
    layout.confirmed.symlink_to("generations/0")
    for directory in (layout.run, layout.wireguard, layout.boot_units, layout.hosts.parent):
        directory.mkdir(parents=True, exist_ok=True)
    settle(layout)
    (layout.boot_units / "wg-quick@wg0.service").symlink_to("/usr/lib/wg-quick@.service")
    layout.hosts.write_text("127.0.0.1 localhost\n", encoding="ascii")
    setting = layout.settings / "net/ipv4/ip_nonlocal_bind"
    setting.parent.mkdir(parents=True)
    setting.write_text("1\n", encoding="ascii")
    return booted(root)


def settle(layout: Layout) -> None:
    """Write the fixed files and links that first boot leaves behind."""
    for path, text in FILES.items():
        layout.at(path).parent.mkdir(parents=True, exist_ok=True)
        layout.at(path).write_text(text, encoding="ascii")
        layout.at(path).chmod(0o644)
    for path, target in LINKS:
        layout.at(path).parent.mkdir(parents=True, exist_ok=True)
        layout.at(path).symlink_to(target)


def booted(root: Path) -> Box:
    """A machine that boots from the disk below ``root``."""
    kernel, clock, journal = Kernel(root), FakeClock(), FakeJournal()
    layout = Layout(root=root)
    machine = Machine(layout=layout, commands=kernel, clock=clock, journal=journal)
    kernel.boot()
    return Box(machine=machine, kernel=kernel, clock=clock, journal=journal)
