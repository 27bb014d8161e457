"""The verbs of the lab's tests: do it on a machine, as a stranger or as the runner.

Nothing here sleeps for luck: what takes time is asked for again until it is so, and a failure
says what the last answer was.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from hcloud import Client

from lab.control import services, switch
from lab.control.settings import Settings
from lab.control.status import status
from lab.layout import Lab, LabError
from lab.machines.machine import Machine
from lab.network.namespace import Namespace
from lab.process import Process

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000


class _Runs(Protocol):
    def __call__(self, command: str, seconds: float) -> subprocess.CompletedProcess[str]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere commands run: a machine, the stranger, the runner."""

    name: str
    run: _Runs

    def succeed(self, command: str, seconds: float = 60) -> str:
        """Run a shell command that must succeed; return what it printed."""
        done = self.run(command, seconds)
        assert done.returncode == 0, f"{self.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def fail(self, command: str, seconds: float = 60) -> str:
        """Run a shell command that must fail; return what it printed, errors included."""
        done = self.run(command, seconds)
        assert done.returncode != 0, f"{self.name}: {command}: succeeded: {done.stdout}"
        return done.stdout + done.stderr

    def wait_until_succeeds(self, command: str, seconds: float = 30) -> str:
        """Run a shell command again until it succeeds; return what it printed then."""
        end = time.monotonic() + seconds
        while True:
            try:
                done = self.run(command, seconds)
                if done.returncode == 0:
                    return done.stdout
                said = done.stdout + done.stderr
            except LabError as error:  # a machine that is off for a moment
                said = str(error)
            assert time.monotonic() < end, f"{self.name}: {command}: not in {seconds:g} s: {said}"
            time.sleep(0.1)

    def wait_for_unit(self, unit: str, seconds: float = 60) -> None:
        """Wait until a systemd unit is active; a failed one fails at once."""
        state = self.wait_until_succeeds(
            f"s=$(systemctl is-active {unit}); [ $s = active ] || [ $s = failed ] && echo $s",
            seconds,
        )
        assert state.strip() == "active", f"{self.name}: unit {unit}: {state}"


def namespace(name: str, space: Namespace) -> Place:
    """Return a network namespace as a place; commands see this computer's files."""

    def run(command: str, seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*space.entry, "sh", "-c", command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    return Place(name, run)


class TestLab:
    """A lab that is up, with its machines, its internet and its cloud."""

    __test__ = False

    def __init__(self, lab: Lab) -> None:
        """Take a lab that is up."""
        self.lab = lab
        self.settings = Settings(lab)
        self.stranger = namespace("the stranger", Namespace(lab.namespace("internet")))
        self.runner = namespace("the runner", Namespace(lab.runner))
        self._thread = ThreadPoolExecutor(max_workers=1, initializer=self._enter)

    def _enter(self) -> None:
        """Put the calling thread where the runner is; the rest of the process stays."""
        path = Namespace(self.lab.runner).path
        if path is not None:
            with path.open() as handle:
                failed = ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET)
            assert failed == 0, os.strerror(ctypes.get_errno())

    def cloud(self, work: Callable[[Client], T], seconds: float = 120) -> T:
        """Do something with the vendor's client, on the runner."""

        def ask() -> T:
            token = self.settings.token_file.read_text()
            return work(Client(token=token, api_endpoint=self.settings.endpoint, poll_interval=0.1))

        return self._thread.submit(ask).result(timeout=seconds)

    def machine(self, name: str) -> Machine:
        """Return the machine of the server with this name."""
        found = [one for one in status(self.lab)["servers"] if one["name"] == name]
        assert len(found) == 1, f"server {name}: {len(found)} of them"
        return Machine(self.lab, found[0]["id"])

    def on(self, name: str) -> Place:
        """Return a machine as a place; commands get there without its network."""
        machine = self.machine(name)

        def run(command: str, seconds: float) -> subprocess.CompletedProcess[str]:
            return machine.run("sh", "-c", command, seconds=seconds)

        return Place(name, run)

    def exec(self, name: str, command: str) -> str:
        """Run a shell command that must succeed on a machine."""
        return self.on(name).succeed(command)

    def power_cut(self, name: str) -> None:
        """Cut a machine's power for real: what it has not synced is gone. It stays off."""
        self.machine(name).cut()

    def heard(self, what: Callable[[], object]) -> int:
        """Return how many IP packets reach the stranger while something is done."""
        space = Namespace(self.lab.namespace("internet"))
        space.nft(
            "table inet ears\ndelete table inet ears\ntable inet ears { chain in { "
            "type filter hook prerouting priority raw; iifname eth0 "
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; "
            "iifname eth0 counter\n}\n}\n"
        )
        what()
        rules = json.loads(space.run("nft", "-j", "list", "table", "inet", "ears"))["nftables"]
        return sum(
            part["counter"]["packets"]
            for entry in rules
            for part in entry.get("rule", {}).get("expr", [])
            if "counter" in part
        )

    def restart_api(self) -> None:
        """Kill the cloud API and start it again."""
        process = Process.read(services.record(self.lab, "api"))
        assert process is not None
        process.end()
        services.start_api(self.lab)


def begin(name: str) -> TestLab:
    """Switch a test's own lab on; one of this name that stands ends, with all that is in it."""
    stale()
    lab = Lab(name)
    switch.down(lab)
    switch.up(lab)
    return TestLab(lab)


def own_name(suffix: str = "") -> str:
    """Return a lab name that no other test run on this computer uses."""
    return f"t{os.getpid()}{suffix}"


def stale() -> None:
    """Switch off the labs of test runs that were killed."""
    for directory in (Lab("x").run.parent, Lab("x").state.parent):
        for entry in directory.glob("t[0-9]*") if directory.is_dir() else ():
            pid = "".join(letter for letter in entry.name if letter.isdigit())
            if not Path(f"/proc/{pid}").exists():
                with suppress(FileNotFoundError):
                    switch.down(Lab(entry.name))
