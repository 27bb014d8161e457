"""An operator's device: a WireGuard peer in the lab's internet, with the files the stack gives."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.network.namespace import Namespace
from tests.lab.mesh import Mesh
from tests.lab.verbs import Place, namespace

INTERFACE = "laptop"
_ANSWER = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from", re.MULTILINE)


@dataclass
class Echo:
    """Echo requests to one address, five a second, for as long as it lives.

    Attributes:
        answers: when each answer came, seconds since the epoch; filled by `end`.
    """

    process: subprocess.Popen[str]
    answers: list[float] = field(default_factory=list)

    def end(self) -> list[float]:
        """Stop asking; return when answers came."""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=20)
        self.answers = [float(moment) for moment in _ANSWER.findall(said)]
        return self.answers


class Laptop:
    """The device, its tunnel up.

    Args:
        mesh: The mesh.
        name: The operator.
        plane: Interface name of the plane, `wg1`.
    """

    def __init__(self, mesh: Mesh, name: str, plane: str) -> None:
        files: dict[str, str] = mesh.outputs()["operators"][name]
        self._text = next(text for file, text in files.items() if file.endswith(f"{plane}.conf"))
        self._space = Namespace(mesh.lab.lab.namespace("internet"))
        self.place: Place = namespace(f"{name}'s laptop", self._space)

    def up(self) -> None:
        """Bring the tunnel up, as wg-quick would."""
        own = re.findall(r"^Address = (\S+)", self._text, re.MULTILINE)
        peers = re.sub(r"^(Address|MTU) = .*\n", "", self._text, flags=re.MULTILINE)
        self._space.run("wireguard-go", INTERFACE)
        done = subprocess.run(
            [*self._space.entry, "wg", "setconf", INTERFACE, "/dev/stdin"],
            input=peers, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        for address in own:
            self.place.succeed(f"ip address add {address} dev {INTERFACE} nodad")
        self.place.succeed(f"ip link set {INTERFACE} mtu 1420 up")

    def down(self) -> None:
        """Take the tunnel down; again is fine."""
        self.place.run(f"ip link del {INTERFACE}", 20)

    def reaches(self, address: str, *, seconds: float) -> bool:
        """Whether an address answers an echo within some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.place.run(f"ping -c 1 -W 1 {address}", 10).returncode == 0:
                return True
        return False

    def echo(self, address: str) -> Echo:
        """Begin to ask an address five times a second."""
        return Echo(
            subprocess.Popen(
                [*self._space.entry, "ping", "-D", "-i", "0.2", address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )


@contextmanager
def laptop(mesh: Mesh, name: str, plane: str) -> Iterator[Laptop]:
    """The device of an operator with its tunnel of one plane up."""
    made = Laptop(mesh, name, plane)
    try:
        made.up()
        yield made
    finally:
        made.down()
