"""The runner's own tunnel to the nodes: wg0 to reach new ones, wg1 for everything after.

The tunnel belongs to the runner, not to the stack: it is in no state, lives while somebody uses it
and goes down with the last user. A node's wg0 has one of two keys, the one-time key of its
user-data or its lasting one; both are peers here, with keepalive and without addresses, and the
one that shook hands last gets the addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backplane.render.operator import interface_name
from runner.hold import Hold
from runner.problem import RunnerError
from runner.wire import Wire

CALLING = 5
"""Keepalive in seconds until a peer has answered: WireGuard calls at most every 5 s anyway."""

KEEPALIVE = 25
"""Keepalive in seconds from then on (the usual NAT timeout is 30 s or more)."""

LOOK = 0.5
"""Seconds between two looks at the handshakes."""

STALE = 180
"""Seconds after which WireGuard refuses a session's keys (whitepaper, REJECT_AFTER_TIME)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The runner's own end on one plane.

    Attributes:
        slot: The plane's slot.
        interface: Name of the interface on this machine.
        addresses: Own addresses with the plane's prefix length.
        mtu: MTU in bytes.
    """

    slot: str
    interface: str
    addresses: tuple[str, ...]
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One public key that a node's interface may have, and the PSK that goes with it.

    Attributes:
        public: Public key, base64.
        psk: Pre-shared key, base64; secret.
    """

    public: str
    psk: str

    def __repr__(self) -> str:
        return f"Door({self.public})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A node as the tunnel sees it on one plane.

    Attributes:
        node: Name of the node.
        slot: The plane's slot.
        endpoint: Public address and port, `198.51.100.17:51820` or `[2001:db8::1]:51820`.
        allowed: Its addresses on the plane, as /32 and /128.
        doors: Its possible keys, the lasting one last.
    """

    node: str
    slot: str
    endpoint: str
    allowed: tuple[str, ...]
    doors: tuple[Door, ...]

    def text(self) -> str:
        """The [Peer] sections for `wg addconf`; only a lone door gets the addresses at once."""
        sections = []
        for door in self.doors:
            lines = [
                "[Peer]",
                f"PublicKey = {door.public}",
                f"PresharedKey = {door.psk}",
                f"Endpoint = {self.endpoint}",
                f"PersistentKeepalive = {CALLING}",
            ]
            if len(self.doors) == 1:
                lines.append(f"AllowedIPs = {', '.join(self.allowed)}")
            sections.append("\n".join(lines))
        return "\n\n".join(sections) + "\n"


class Tunnel:
    """The runner's interfaces of one stack, their peers, and who has answered.

    Args:
        stack: Name of the stack; it is part of the interfaces' names.
        wire: Runs the network commands; one that needs no privilege in tests.

    Raises:
        RunnerError: This machine may not or cannot make the tunnel.
    """

    def __init__(self, stack: str, *, wire: Wire | None = None) -> None:
        self._wire = wire or Wire()
        self._hold = Hold(stack)
        self._sides: dict[str, Side] = {}
        self._keys: dict[str, str] = {}
        self._peers: dict[tuple[str, str], Peer] = {}
        self._open: dict[tuple[str, str], str] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    def open(self, sides: Iterable[Side], guards: Iterable[str]) -> None:
        """Make the interfaces with their addresses, and guard the planes' networks.

        Raises:
            RunnerError: A command failed; what was made is taken away again.
        """
        try:
            self._wire.guard(guards)
            for side in sides:
                self._wire.create(side.interface)
                self._wire.address(side.interface, side.addresses, side.mtu)
                self._sides[side.slot] = side
        except RunnerError:
            self.close()
            raise
        self._watcher = threading.Thread(target=self._watch, name="tunnel", daemon=True)
        self._watcher.start()

    def own_key(self, slot: str, private: str) -> None:
        """Set the runner's own private key (base64) of a plane; again is fine."""
        with self._lock:
            if self._keys.get(slot) != private:
                self._wire.key(self._sides[slot].interface, private, 0)
                self._keys[slot] = private

    def meet(self, peer: Peer) -> None:
        """Make a node a peer and start calling it; again is fine, changed is too."""
        with self._lock:
            at = (peer.node, peer.slot)
            if self._ended.is_set() or self._peers.get(at) == peer:
                return
            self._wire.add(self._sides[peer.slot].interface, peer.text())
            self._peers[at] = peer
            self._open.pop(at, None)

    def opened(self, node: str, slot: str) -> str | None:
        """The public key with which a node has answered on a plane lately, or None."""
        return self._open.get((node, slot))

    async def answered(self, node: str, slots: Iterable[str], seconds: float) -> bool:
        """Wait until a node has answered on any of the planes; False when the time is over."""
        until = time.monotonic() + seconds
        wanted = tuple(slots)
        while time.monotonic() < until and not self._ended.is_set():
            if any(self.opened(node, slot) for slot in wanted):
                return True
            await asyncio.sleep(LOOK / 2)
        return any(self.opened(node, slot) for slot in wanted)

    def close(self) -> None:
        """Leave; the last user takes the interfaces down. The guard routes stay."""
        self._ended.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join(timeout=5)
        with self._lock:
            if self._hold.release():
                for side in self._sides.values():
                    self._wire.delete(side.interface)
            self._sides.clear()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            for slot in tuple(self._sides):
                # A failed look (an interface on its way out) is followed by another.
                with self._lock, contextlib.suppress(RunnerError, OSError, ValueError, KeyError):
                    self.look(slot)

    def look(self, slot: str) -> None:
        """Read one plane's handshakes, and give each node's addresses to the door that answered."""
        interface = self._sides[slot].interface
        seen = {sighting.public: sighting for sighting in self._wire.sightings(interface)}
        for (node, where), peer in self._peers.items():
            if where != slot:
                continue
            answering = _newest(peer, {key: one.handshake for key, one in seen.items()})
            if answering is None:
                self._open.pop((node, slot), None)
                continue
            if self._open.get((node, slot)) != answering:
                self._wire.allow(interface, answering, peer.allowed, KEEPALIVE)
                self._open[node, slot] = answering
            if answering == peer.doors[-1].public:
                # The lasting key has answered: the one-time key is burnt here too.
                for door in peer.doors[:-1]:
                    if door.public in seen:
                        self._wire.remove(interface, door.public)


def sweep(stack: str, interfaces: Iterable[str] = ("wg0", "wg1")) -> None:
    """Take down what is left of a stack's tunnel when nobody uses it any more."""
    with contextlib.suppress(RunnerError):
        wire = Wire()
        for interface in interfaces:
            wire.delete(interface_name(stack, interface))


def _newest(peer: Peer, handshakes: Mapping[str, int]) -> str | None:
    """The door with the newest handshake that can still carry traffic."""
    fresh = [
        (handshakes.get(door.public, 0), place, door.public)
        for place, door in enumerate(peer.doors)
        if time.time() - handshakes.get(door.public, 0) < STALE
    ]
    return max(fresh)[2] if fresh else None
