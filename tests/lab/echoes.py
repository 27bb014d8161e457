"""Numbered datagrams to the echo that the lab's own machines run (`user_data.yaml`)."""

from __future__ import annotations

from lab.control.status import status
from tests.lab.verbs import Place, TestLab

# Sends numbered datagrams to an echo; prints how many came back and the seconds it took.
_ECHOES = """python3 -c '
import socket, sys, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.connect((sys.argv[1], int(sys.argv[4])))
count, size, back = int(sys.argv[2]), int(sys.argv[3]), 0
begin = time.monotonic()
one.settimeout(0.5)
for number in range(count):
    one.send(b"x" * size)
    try:
        one.recv(2048)
        back += 1
    except TimeoutError:
        pass
print(back, time.monotonic() - begin)
' {address} {count} {size} {port}"""


def echoes(
    place: Place, address: str, count: int = 3, size: int = 10, *, port: int = 51820
) -> tuple[int, float]:
    """Send datagrams one after the other; how many came back, and in how many seconds."""
    command = _ECHOES.format(address=address, count=count, size=size, port=port)
    back, seconds = place.succeed(command).split()
    return int(back), float(seconds)


def address(lab: TestLab, name: str) -> str:
    """A server's IPv4 address on the lab's internet."""
    return next(str(one["ipv4"]) for one in status(lab.lab)["servers"] if one["name"] == name)
