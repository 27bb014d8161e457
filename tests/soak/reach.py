"""Whether the runner can get in: it asks every powered node's sshd for its banner, all the time."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lab.network.namespace import Namespace

PERIOD = 1.5
"""Seconds between two rounds."""

PATIENCE = 2.5
"""Seconds for one answer."""

_CLONE_NEWNET = 0x40000000


def enter(space: Namespace) -> None:
    """Put the calling thread into a network namespace; the rest of the process stays."""
    path = space.path
    assert path is not None
    with path.open() as handle:
        failed = ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET)
    assert failed == 0, os.strerror(ctypes.get_errno())


def banner(address: str) -> bool:
    """Whether an sshd answers at an address."""
    try:
        with socket.create_connection((address, 22), timeout=PATIENCE) as door:
            door.settimeout(PATIENCE)
            return door.recv(4) == b"SSH-"
    except OSError:
        return False


@dataclass(slots=True)
class Reach:
    """The rounds, and how long each node was out of reach.

    Attributes:
        space: where the runner is.
        targets: the ways into each node that counts now, the first one first.
        since: by node, when it last answered or began to count; monotonic seconds.
        worst: the longest time that a node was out of reach, and which one.
        rounds: how many rounds there were.
    """

    space: Namespace
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    worst: tuple[float, str] = (0.0, "")
    rounds: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the rounds; nobody counts yet."""
        self._thread = threading.Thread(target=self._rounds, name="reach", daemon=True)
        self._thread.start()

    def count(self, targets: Mapping[str, tuple[str, ...]]) -> None:
        """Count these nodes from now on; those that did so already go on."""
        with self._lock:
            self.targets = dict(targets)
            now = time.monotonic()
            self.since = {name: self.since.get(name, now) for name in targets}

    def excuse(self, names: Iterable[str]) -> None:
        """Do not count some for now."""
        gone = set(names)
        with self._lock:
            self.targets = {name: ways for name, ways in self.targets.items() if name not in gone}
            self.since = {name: when for name, when in self.since.items() if name not in gone}

    def late(self, seconds: float) -> list[str]:
        """Nodes that count and have not answered for so long."""
        with self._lock:
            now = time.monotonic()
            return sorted(name for name, when in self.since.items() if now - when > seconds)

    def stop(self) -> None:
        """End the rounds."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _rounds(self) -> None:
        with ThreadPoolExecutor(8, initializer=enter, initargs=(self.space,)) as pool:
            while not self._ended.wait(PERIOD):
                with self._lock:
                    targets = dict(self.targets)
                answers = pool.map(lambda ways: any(map(banner, ways)), targets.values())
                for name, answered in zip(targets, answers, strict=True):
                    self._note(name, answered=answered)
                self.rounds += 1

    def _note(self, name: str, *, answered: bool) -> None:
        with self._lock:
            if name not in self.since:
                return
            now = time.monotonic()
            self.worst = max(self.worst, (round(now - self.since[name], 1), name))
            if answered:
                self.since[name] = now
