"""What is touched on a machine while something is done: WireGuard, nftables, daemons.

wireguard-go tells in its verbose log each thing that is set at a peer (`ip monitor` shows no such
change), `nft monitor` each change of the ruleset, and the journal the rest.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.machines.machine import Machine
from tests.lab.verbs import TestLab

_FRAME = "frame_"
_DROP_IN = "/run/systemd/system/wg-quick@.service.d/verbose.conf"
_UAPI = re.compile(r"\((wg\d)\) .*?(?:peer\((\S+)\) - )?UAPI: (.+)$")
# Each rollout has a timer that undoes it.
_OURS = re.compile(r"(ssh|backplane-(?!rollback-).*|wg-quick@.*)\.(service|socket|timer)")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Setting:
    """One thing set through WireGuard's own interface; `peer` is empty for the device itself."""

    interface: str
    peer: str
    what: str


@dataclass(slots=True)
class Touched:
    """What happened on one machine.

    Attributes:
        wireguard: all that was set, in order.
        nft: the ruleset's events.
        tool: what the node tool said.
        daemons: what systemd did with our units, and reloads of sshd.
    """

    wireguard: list[Setting] = field(default_factory=list)
    nft: list[str] = field(default_factory=list)
    tool: list[str] = field(default_factory=list)
    daemons: list[str] = field(default_factory=list)

    @property
    def peers(self) -> set[tuple[str, str]]:
        """Interface and peer of whatever was set; the peer as `short` writes it."""
        return {(setting.interface, setting.peer) for setting in self.wireguard}


def short(public: str) -> str:
    """A public key as wireguard-go's log writes it."""
    return f"{public[:4]}…{public[39:43]}"


@contextmanager
def talkative(lab: TestLab, names: Sequence[str]) -> Iterator[None]:
    """Let WireGuard say on these machines what is set; their planes start anew for it."""

    def restart(name: str) -> None:
        units = " ".join(f"wg-quick@wg{number}" for number in range(4))
        lab.on(name).succeed(f"systemctl daemon-reload && systemctl restart {units}")

    try:
        for name in names:
            text = "[Service]\\nEnvironment=LOG_LEVEL=verbose\\n"
            lab.on(name).succeed(f"mkdir -p $(dirname {_DROP_IN}); printf '{text}' >{_DROP_IN}")
            restart(name)
        yield
    finally:
        for name in names:
            lab.on(name).succeed(f"rm -f {_DROP_IN}")
            restart(name)


@contextmanager
def watching(lab: TestLab, names: Sequence[str]) -> Iterator[dict[str, Touched]]:
    """Watch machines during the block; what was seen is there after it, by name."""
    seen = {name: Touched() for name in names}
    machines = {name: lab.machine(name) for name in names}
    monitors = {name: _Monitor(machine) for name, machine in machines.items()}
    try:
        cursors = {name: _cursor(machine) for name, machine in machines.items()}
        yield seen
        for name, machine in machines.items():
            seen[name].nft = monitors[name].stop()
            _read_journal(machine, cursors[name], seen[name])
    finally:
        for monitor in monitors.values():
            monitor.kill()


class _Monitor:
    """`nft monitor` on a machine, between two tables of its own that frame what it has seen."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lines: list[str] = []
        # It ends with its nsenter: one that is killed leaves what it started.
        words = ("setpriv", "--pdeathsig", "KILL", "stdbuf", "-oL", "nft", "monitor")
        self._process = subprocess.Popen(
            machine.words(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._frame()

    def stop(self) -> list[str]:
        """End it, and give the events between the frames."""
        self._frame()
        self.kill()
        return [line for line in self._lines if _FRAME not in line and not line.startswith("#")]

    def kill(self) -> None:
        """End it if it runs."""
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.strip())

    def _frame(self) -> None:
        """Make and delete a table until the monitor tells of it: nothing else says it listens."""
        table = f"{_FRAME}{secrets.token_hex(4)}"
        end = time.monotonic() + 20
        while f"delete table inet {table}" not in self._lines:
            assert time.monotonic() < end, f"nft monitor is deaf: {self._lines}"
            done = self._machine.run("nft", f"add table inet {table}; delete table inet {table}")
            assert done.returncode == 0, done.stderr
            self._reader.join(timeout=0.1)


def _cursor(machine: Machine) -> str:
    done = machine.run("journalctl", "--quiet", "--lines=0", "--show-cursor")
    return done.stdout.strip().removeprefix("-- cursor: ")


def _read_journal(machine: Machine, cursor: str, seen: Touched) -> None:
    """Sort what the journal holds since then."""
    done = machine.run("journalctl", "--sync")
    assert done.returncode == 0, done.stderr
    done = machine.run("journalctl", "--quiet", "--output=json", f"--after-cursor={cursor}")
    assert done.returncode == 0, done.stderr
    for entry in map(json.loads, done.stdout.splitlines()):
        message, who = str(entry.get("MESSAGE")), entry.get("SYSLOG_IDENTIFIER")
        if who == "backplane-node":
            seen.tool.append(message)
        elif who == "wg-quick" and (found := _UAPI.search(message)):
            interface, peer, what = found.groups()
            seen.wireguard.append(Setting(interface=interface, peer=peer or "", what=what))
        elif (who == "systemd" and _OURS.fullmatch(str(entry.get("UNIT")))) or (
            who == "sshd" and "SIGHUP" in message
        ):
            seen.daemons.append(message)
