"""One network namespace: made, filled, entered and removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.process import run

_NAMED = Path("/run/netns")


def mac(kind: int, number: int = 0) -> str:
    """Return the hardware address of an interface: a kind (0-255) and a server's number.

    Addresses are locally administered (IEEE 802: the second-lowest bit of the first octet).
    """
    octets = (2, kind, *(number & 0xFFFFFFFF).to_bytes(4, "big"))
    return ":".join(f"{octet:02x}" for octet in octets)


def listed() -> tuple[str, ...]:
    """Return the names of all network namespaces of this computer."""
    return tuple(sorted(entry.name for entry in _NAMED.iterdir())) if _NAMED.is_dir() else ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace by its name; None is the computer's own."""

    name: str | None

    @property
    def path(self) -> Path | None:
        """The file that stands for it."""
        return None if self.name is None else _NAMED / self.name

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.path is None or self.path.exists()

    @property
    def entry(self) -> tuple[str, ...]:
        """The words to put before a command so that it runs inside."""
        return () if self.path is None else ("nsenter", f"--net={self.path}", "--")

    def create(self) -> None:
        """Make it, without anything in it but a loopback interface that is up."""
        if self.name is not None:
            run("ip", "netns", "add", self.name)
            self.ip("link set lo up")

    def delete(self) -> None:
        """Remove its name; it ends with the last process inside. Unknown is fine."""
        if self.name is not None and self.exists:
            run("ip", "netns", "delete", self.name)

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a command inside and return what it printed."""
        return run(*self.entry, *command, stdin=stdin)

    def ip(self, *lines: str) -> None:
        """Carry out lines of iproute2, in one go, in this order; the first failure ends it."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def nft(self, ruleset: str) -> None:
        """Load nftables text as one transaction."""
        self.run("nft", "-f", "-", stdin=ruleset)

    def sysctl(self, values: Mapping[str, int]) -> None:
        """Set kernel parameters of this namespace."""
        self.run("sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items()))

    def processes(self) -> tuple[int, ...]:
        """Return the numbers of the processes inside."""
        if self.name is None or not self.exists:
            return ()
        return tuple(int(pid) for pid in run("ip", "netns", "pids", self.name).split())


def router_sysctls(interfaces: Iterable[str] = ("all", "default")) -> dict[str, int]:
    """Return the parameters of a namespace that forwards: strict about sources, never chatty."""
    values = {
        "net.ipv4.ip_forward": 1,
        "net.ipv6.conf.all.forwarding": 1,
        "net.ipv4.conf.all.send_redirects": 0,
        "net.ipv4.conf.default.send_redirects": 0,
    }
    for interface in interfaces:
        values[f"net.ipv4.conf.{interface}.rp_filter"] = 1
        values[f"net.ipv6.conf.{interface}.accept_ra"] = 0
        values[f"net.ipv6.conf.{interface}.accept_dad"] = 0
    return values
