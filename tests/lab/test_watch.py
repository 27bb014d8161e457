"""The watch on sockets sees what waits on every address of some network, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.watch import Watch

pytestmark = pytest.mark.lab

_LISTEN = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
one = socket.socket(family, kind)
one.bind((sys.argv[2], int(sys.argv[3])))
if kind == socket.SOCK_STREAM:
    one.listen()
print("ready", flush=True)
time.sleep(60)
"""


@contextmanager
def _listening(protocol: str, address: str, port: int) -> Iterator[None]:
    """A socket in a network of its own."""
    up = "ip link set lo up && exec "
    words = (sys.executable, "-c", _LISTEN, protocol, address, str(port))
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", f'{up}"$@"', "sh", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1", "::1"])  # noqa: S104
def test_a_socket_on_every_address_is_seen(protocol: str, address: str) -> None:
    """IPv4 and IPv6, TCP and UDP; one on a single address is not taken for it."""
    watch = Watch()
    with _listening(protocol, address, 4041):
        watch.look()
        watch.look_at_sockets()
    assert ((protocol, 4041) in watch.wild) == (address in {"0.0.0.0", "::"})  # noqa: S104


def test_a_moment_is_enough() -> None:
    """Two looks a second see a socket that is there for a second and a half."""
    watch = Watch()
    with watch.looking(), _listening("tcp", "0.0.0.0", 4042):  # noqa: S104
        time.sleep(1.5)
    assert ("tcp", 4042) in watch.wild
