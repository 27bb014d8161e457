"""The runner's network commands: links, addresses, guard routes, WireGuard peers.

Nothing here keeps a key: keys travel to `wg` on its standard input and are never in an argument,
an environment or a file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from runner.problem import RunnerError

ROUTE_PROTOCOL = "151"
"""Marks the guard routes as ours in `ip route` (a number no routing daemon uses)."""

WORST_METRIC = "4294967295"
"""The highest metric a route can have: any other route to the same place wins."""

PATIENCE = 20.0
"""Seconds one network command may take; each takes milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One peer as `wg show IF dump` tells it.

    Attributes:
        public: Public key, base64.
        handshake: Unix seconds of the last handshake, 0 for never.
        allowed: Allowed addresses, sorted.
    """

    public: str
    handshake: int
    allowed: tuple[str, ...]


def privileged() -> tuple[str, ...]:
    """The words before a network command that need privilege: none for root, else `sudo -n`.

    Raises:
        RunnerError: Neither root nor password-less sudo.
    """
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
        if asked.returncode == 0:
            return ("sudo", "-n")
    raise unprivileged()


def unprivileged() -> RunnerError:
    """The one error for a machine or user that may not make network interfaces."""
    return RunnerError(
        "this machine's WireGuard tunnel to the nodes is needed, and user "
        f"{os.geteuid()} may not make network interfaces here. Nothing was changed.",
        "run it as root (CAP_NET_ADMIN in a container), or give this user password-less sudo for "
        "ip, wg and wireguard-go; `pulumi preview` needs no privilege.",
    )


class Wire:
    """Runs `ip`, `wg` and, where the kernel has no WireGuard, `wireguard-go`."""

    def __init__(self) -> None:
        self._prefix = privileged()
        missing = [tool for tool in ("ip", "wg") if shutil.which(tool) is None]
        if missing:
            raise RunnerError(
                f"this machine has no {' and no '.join(missing)}, which its tunnel needs.",
                "install the packages iproute2 and wireguard-tools. Nothing was changed.",
            )

    def run(self, *words: str, feed: str = "") -> str:
        """Run one command with `feed` on its standard input and return its output."""
        done = subprocess.run(
            [*self._prefix, *words],
            input=feed,
            text=True,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        if "ermission denied" in done.stderr or "not permitted" in done.stderr:
            raise unprivileged()
        if done.returncode:
            raise RunnerError(
                f"`{' '.join(words)}` failed: {done.stderr.strip() or done.returncode}",
                "see `ip -d link` and `wg show` on this machine, then run it again.",
            )
        return done.stdout

    def exists(self, interface: str) -> bool:
        """Whether an interface of that name is there."""
        return Path("/sys/class/net", interface).exists() or self._in_namespace(interface)

    def _in_namespace(self, interface: str) -> bool:
        # /sys may show another network namespace than ours after nsenter.
        with contextlib.suppress(RunnerError):
            self.run("ip", "link", "show", "dev", interface)
            return True
        return False

    def create(self, interface: str) -> None:
        """Make a WireGuard interface, by wireguard-go where the kernel can't; keep one there."""
        if self.exists(interface):
            return
        with contextlib.suppress(RunnerError):
            self.run("ip", "link", "add", "dev", interface, "type", "wireguard")
            return
        if shutil.which("wireguard-go") is None:
            raise RunnerError(
                "this machine's kernel has no WireGuard and there is no wireguard-go.",
                "install the package wireguard-go or load the kernel module. Nothing was changed.",
            )
        # A session of its own: a rollout outlives the terminal that started it, and so must this.
        started = subprocess.run(
            [*self._prefix, "wireguard-go", interface],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=PATIENCE,
        )
        if started.returncode:
            raise RunnerError(
                f"wireguard-go could not make {interface} (code {started.returncode}).",
                "it needs privilege and /dev/net/tun, and keeps one control socket a name: "
                f"no other network namespace of this machine may have {interface} up. "
                "Nothing was changed.",
            )
        until = time.monotonic() + PATIENCE
        while not self.exists(interface):
            if time.monotonic() > until:
                raise RunnerError(
                    f"{interface} did not appear.", "see the journal of this machine."
                )
            time.sleep(0.02)

    def address(self, interface: str, addresses: Iterable[str], mtu: int) -> None:
        """Give an interface exactly these addresses and this MTU, and bring it up."""
        self.run("ip", "address", "flush", "dev", interface, "scope", "global")
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            self.run("ip", "address", "replace", address, "dev", interface, *extra)
        self.run("ip", "link", "set", "dev", interface, "mtu", str(mtu), "up")

    def delete(self, interface: str) -> None:
        """Remove an interface; one that is not there is fine."""
        with contextlib.suppress(RunnerError):
            self.run("ip", "link", "delete", "dev", interface)

    def guard(self, networks: Iterable[str]) -> None:
        """Make networks unreachable unless a tunnel carries them (they stay so when it is down)."""
        for network in networks:
            family = f"-{ip_network(network).version}"
            self.run(
                *("ip", family, "route", "replace", "unreachable", network),
                *("metric", WORST_METRIC, "proto", ROUTE_PROTOCOL),
            )

    def unguard(self) -> None:
        """Take all guard routes of ours away."""
        for family in ("-4", "-6"):
            with contextlib.suppress(RunnerError):
                self.run("ip", family, "route", "flush", "proto", ROUTE_PROTOCOL)

    def key(self, interface: str, private: str, port: int) -> None:
        """Set an interface's private key (base64); `port` 0 lets the system choose the port."""
        self.run("wg", "set", interface, "private-key", "/dev/stdin", feed=f"{private}\n")
        if port:
            self.run("wg", "set", interface, "listen-port", str(port))

    def add(self, interface: str, text: str) -> None:
        """Add peers, given as the [Peer] sections of a `wg setconf` file."""
        self.run("wg", "addconf", interface, "/dev/stdin", feed=text)

    def allow(self, interface: str, public: str, allowed: Sequence[str], keepalive: int) -> None:
        """Give a peer these addresses; whoever had them loses them."""
        self.run(
            *("wg", "set", interface, "peer", public, "allowed-ips", ",".join(allowed)),
            *("persistent-keepalive", str(keepalive)),
        )

    def remove(self, interface: str, public: str) -> None:
        """Remove a peer."""
        self.run("wg", "set", interface, "peer", public, "remove")

    def sightings(self, interface: str) -> tuple[Sighting, ...]:
        """Every peer of an interface (`wg show IF dump`, without its secrets)."""
        lines = self.run("wg", "show", interface, "dump").splitlines()[1:]
        found = []
        for line in lines:
            public, _psk, _endpoint, allowed, handshake, *_rest = line.split("\t")
            addresses = () if allowed == "(none)" else tuple(sorted(allowed.split(",")))
            found.append(Sighting(public=public, handshake=int(handshake), allowed=addresses))
        return tuple(found)
