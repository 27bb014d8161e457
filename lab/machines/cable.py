"""A cable to a machine's console: a terminal of its own, with the machine's own getty and login.

It is what `machinectl login` does: a terminal of the machine, and `container-getty@` on it. No
network is in it, and what answers is the machine's login, its PAM and its /etc/shadow.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from dataclasses import dataclass, field

from lab.layout import LabError
from lab.machines.machine import Machine

_HOLDER = """\
import os, pty, select, sys
master, slave = pty.openpty()
print(os.ttyname(slave).rpartition("/")[2], flush=True)
while True:
    ready, _, _ = select.select([0, master], [], [])
    if master in ready:
        os.write(1, os.read(master, 65536))
    if 0 in ready:
        typed = os.read(0, 65536)
        if not typed:
            sys.exit()
        os.write(master, typed)
"""
"""Keeps both ends open: a getty that is started anew hangs up and opens its end again."""

_UNSEEN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")
PROMPT = "@@ready@@ "
"""What the shell is made to ask with, so that nothing else looks like it."""


@dataclass(slots=True)
class Cable:
    """A person at the machine's console.

    Attributes:
        machine: the machine.
        seen: all that the screen has shown, without colours; what is typed unseen is not in it.
    """

    machine: Machine
    seen: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _unit: str = ""
    _from: int = 0

    def plug(self) -> None:
        """Connect, and have the machine's getty ask who is there."""
        self._process = subprocess.Popen(
            self.machine.words("python3", "-c", _HOLDER),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        number = self._line()
        self._unit = f"container-getty@{number}.service"
        done = self.machine.run("systemctl", "start", self._unit)
        if done.returncode:
            raise LabError(f"the console of {self.machine.server}: {done.stderr.strip()}")

    def unplug(self) -> None:
        """Disconnect; whoever is logged in is not any more."""
        if self._unit:
            self.machine.run("systemctl", "stop", self._unit)
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(timeout=20)
            self._process = None

    def type(self, text: str) -> None:
        """Type a line and press enter."""
        if self._process is None or self._process.stdin is None:
            raise LabError("the cable is not plugged in")
        self._from = len(self.seen)
        self._process.stdin.write(f"{text}\r".encode())
        self._process.stdin.flush()

    def see(self, pattern: str, seconds: float = 30) -> str:
        """Wait until the screen shows a pattern, behind what was typed last; return what it shows.

        Raises:
            LabError: It does not, or the machine has hung up.
        """
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen[self._from :])):
            if not self._read(end):
                shown = self.seen[-600:]
                raise LabError(f"the console does not show {pattern!r} in {seconds:g} s: {shown}")
        shown = self.seen[self._from : self._from + found.end()]
        self._from += found.end()
        return shown

    def login(self, user: str, password: str) -> bool:
        """Log in at the prompt; False when the machine refuses."""
        self.see(r"login: $")
        self.type(user)
        self.see(r"Password: $")
        self.type(password)
        told = self.see(r"Login incorrect|[#$] $", 30)
        if "Login incorrect" in told:
            return False
        self.type(f"PS1='{PROMPT[:4]}'\"{PROMPT[4:]}\"; stty cols 500")
        self.see(re.escape(PROMPT))
        return True

    def run(self, command: str, seconds: float = 60) -> str:
        """Type a command into the shell; what it printed, once it asks for the next."""
        self.type(command)
        shown = self.see(re.escape(PROMPT), seconds)
        return shown.removesuffix(PROMPT).partition("\n")[2]

    def _line(self) -> str:
        """The holder's own first line: which terminal it is."""
        end = time.monotonic() + 10
        while "\n" not in self.seen:
            if not self._read(end):
                raise LabError(f"machine {self.machine.server} gives no terminal")
        number, _, self.seen = self.seen.partition("\n")
        return number.strip()

    def _read(self, until: float) -> bool:
        """Take what the screen shows; False when the time is over or the machine has hung up."""
        stdout = self._process.stdout if self._process else None
        left = until - time.monotonic()
        if stdout is None or left <= 0 or not select.select([stdout], [], [], left)[0]:
            return False
        got = os.read(stdout.fileno(), 65536)
        self.seen += _UNSEEN.sub("", got.decode(errors="replace")).replace("\r", "")
        return bool(got)
