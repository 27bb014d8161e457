"""The meter: pings many addresses at a steady pace until told to stop, and counts to the packet.

It runs by itself on a machine (standard library only; see `tests/lab/flow.py`) and reads there, on
standard input, one JSON line: ``{"targets": {name: address}, "rate": per second}``. It answers
``ready`` on standard output once every target has answered. It sends until standard input ends,
waits for what is under way, and prints one JSON line: ``{"counts": {name: count}}``, see `Count`.

Two more words make it tell each packet's fate. ``"token"``, 16 hex digits, is in every packet that
it sends; ``"hears": {token: name}`` are other meters' tokens, whose requests it notes as they
arrive. Its last line then has ``"sent": {name: [[sent, answered], …]}`` and, as
``"heard": {name: [[target, sequence, moment], …]}``, what came of whom: times in ns since 1970,
0 for never, targets numbered in the order in which their sender was given them.

When an answer came is the kernel's word (SO_TIMESTAMPNS, socket(7)), so a busy machine on which
the meter itself waits for its turn makes no gap. `pause_ms` tells when it could not send in time.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from array import array
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise

WAIT = 2.0
"""Seconds that answers have after the last packet: what is under way then is not lost."""

FIRST = 30.0
"""Seconds that every target has for its first answer."""

CATCH_UP = 0.2
"""Seconds that a meter makes up for when it had to wait for its turn: more would be a burst, and
that would measure a queue.
"""

MOST_LOST = 50
"""How many lost packets are told one by one."""

_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_BODY = struct.Struct("!8sIQ")  # token, number of the target, sequence number
_HEADER = 8
# Of asm-generic/socket.h and linux/socket.h; Python has no names for them.
_SO_TIMESTAMPNS = 35
_SOL_RAW = 255
_STAMP = struct.Struct("qq")
_BUFFER = 4 << 20
_ALL_ICMP = 0xFFFFFFFF


@dataclass(slots=True, kw_only=True)
class Count:
    """What became of the packets to one address. Times are seconds since 1970.

    Attributes:
        sent: packets given to the kernel.
        lost: those that nobody answered.
        refused: those of the lost that the kernel did not take.
        gap_ms: the longest time between two answers, in milliseconds; a first or last packet that
            nobody answered ends a gap as an answer would.
        gap_at: when that gap began.
        late_ms: the longest that one answer took, in milliseconds.
        pause_ms: the longest time between two packets sent, in milliseconds.
        lost_at: when the first of the lost ones were sent.
    """

    sent: int = 0
    lost: int = 0
    refused: int = 0
    gap_ms: float = 0.0
    gap_at: float = 0.0
    late_ms: float = 0.0
    pause_ms: float = 0.0
    lost_at: list[float] = field(default_factory=list)


class Target:
    """One address, and every packet sent to it: when it left and when its answer came, in ns."""

    def __init__(self, number: int, name: str, address: str) -> None:
        self.number, self.name, self.address = number, name, address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sent, self.answered = array("q"), array("q")
        self.refused = 0

    def count(self, start: int = 0) -> Count:
        """Judge the packets from number `start` on."""
        sent, answered = self.sent[start:], self.answered[start:]
        came = sorted(moment for moment in answered if moment)
        # Silence from the first packet on, or until the last one, is a gap as well.
        if sent and not answered[0]:
            came = sorted([sent[0], *came])
        if sent and not answered[-1]:
            came = sorted([*came, sent[-1]])
        gap, began = max(
            ((later - one, one) for one, later in pairwise(came)),
            default=(0, 0),
        )
        lost = [left for left, moment in zip(sent, answered, strict=True) if not moment]
        took = (moment - left for left, moment in zip(sent, answered, strict=True) if moment)
        pauses = (later - one for one, later in pairwise(sent))
        return Count(
            sent=len(sent),
            lost=len(lost),
            refused=self.refused,
            gap_ms=round(gap / 1e6, 3),
            gap_at=round(began / 1e9, 3),
            late_ms=round(max(took, default=0) / 1e6, 3),
            pause_ms=round(max(pauses, default=0) / 1e6, 3),
            lost_at=[round(left / 1e9, 3) for left in lost[:MOST_LOST]],
        )


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Meter:
    """Sends echo requests to all targets in turn, evenly, and notes the answers.

    Args:
        targets: address by name.
        rate: packets a second to each.
        token: what marks its packets; a random one where it matters to nobody else.
        hears: other meters' names by their tokens.

    Attributes:
        heard: by meter and packet (target, sequence number), when it came here first, in ns.
    """

    def __init__(
        self,
        targets: dict[str, str],
        rate: float,
        token: bytes = b"",
        hears: dict[bytes, str] | None = None,
    ) -> None:
        self.targets = [Target(at, name, where) for at, (name, where) in enumerate(targets.items())]
        self._step = 1 / (rate * len(self.targets))
        self._token, self._hears = token or os.urandom(8), hears or {}
        self.heard: dict[str, dict[tuple[int, int], int]] = {
            name: {} for name in self._hears.values()
        }
        self._starts = [0] * len(self.targets)
        kinds = (_REPLY, _ECHO) if self._hears else (_REPLY,)
        families = {target.family for target in self.targets}
        self._sockets = {
            family: _open(family, [kind[family] for kind in kinds]) for family in families
        }

    def run(self, until: int) -> dict[str, Count]:
        """Send from now on, until the file `until` (a descriptor) comes to its end.

        The count begins when every target has answered once; that is told by `ready`.
        """
        starts: list[int] | None = None
        due, turn = time.monotonic(), 0
        patience = due + FIRST
        while True:
            left = due - time.monotonic()
            if left <= 0:
                self._send(self.targets[turn % len(self.targets)])
                turn += 1
                due = max(due + self._step, time.monotonic() - CATCH_UP)
                left = due - time.monotonic()
            if until in self._take(max(0.0, left), until) and not os.read(until, 4096):
                break
            if starts is None and all(any(target.answered) for target in self.targets):
                starts = [len(target.sent) for target in self.targets]
                print("ready", flush=True)
            elif starts is None and time.monotonic() > patience:
                silent = [target.name for target in self.targets if not any(target.answered)]
                raise SystemExit(f"no answer within {FIRST:g} s: {', '.join(silent)}")
        end = time.monotonic() + WAIT
        while (left := end - time.monotonic()) > 0:
            self._take(left)
        self._starts = starts or self._starts
        pairs = zip(self.targets, self._starts, strict=True)
        return {target.name: target.count(start) for target, start in pairs}

    def sent(self) -> dict[str, list[tuple[int, int]]]:
        """By target, when each packet left and when its answer came, in ns.

        Packets from before the count began have 0 for both.
        """
        return {
            target.name: [
                (left, came) if number >= start else (0, 0)
                for number, (left, came) in enumerate(
                    zip(target.sent, target.answered, strict=True)
                )
            ]
            for target, start in zip(self.targets, self._starts, strict=True)
        }

    def _send(self, target: Target) -> None:
        body = _BODY.pack(self._token, target.number, len(target.sent))
        packet = struct.pack("!BBHHH", _ECHO[target.family], 0, 0, 0, 0) + body
        if target.family == socket.AF_INET:  # for IPv6 the kernel sums up
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        target.sent.append(time.time_ns())
        target.answered.append(0)
        try:
            self._sockets[target.family].sendto(packet, (target.address, 0))
        except OSError:
            target.refused += 1

    def _take(self, seconds: float, *others: int) -> list[int]:
        """Wait for answers; give which of `others`, descriptors, can be read."""
        numbers = {sock.fileno(): family for family, sock in self._sockets.items()}
        ready, _, _ = select.select([*numbers, *others], [], [], seconds)
        for number in ready:
            if number in numbers:
                family = numbers[number]
                with suppress(BlockingIOError):
                    while True:
                        self._note(family, self._sockets[family])
        return ready

    def _note(self, family: socket.AddressFamily, sock: socket.socket) -> None:
        packet, told, _, _ = sock.recvmsg(2048, 256)
        offset = (packet[0] & 0x0F) * 4 if family == socket.AF_INET else 0
        if len(packet) < offset + _HEADER + _BODY.size:
            return
        answer = packet[offset] == _REPLY[family]
        token, number, sequence = _BODY.unpack_from(packet, offset + _HEADER)
        if token not in ({self._token} if answer else self._hears):
            return
        moment = time.time_ns()
        for level, kind, data in told:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, rest = _STAMP.unpack(data)
                moment = seconds * 1_000_000_000 + rest
        if not answer:
            self.heard[self._hears[token]].setdefault((number, sequence), moment)
            return
        target = self.targets[number]
        # A second answer to one packet counts once.
        target.answered[sequence] = target.answered[sequence] or moment


def _open(family: socket.AddressFamily, wanted: list[int]) -> socket.socket:
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    # Only what is wanted: everything else of the machine would fill the buffer.
    if family == socket.AF_INET:
        mask = _ALL_ICMP & ~sum(1 << kind for kind in wanted)
        sock.setsockopt(_SOL_RAW, 1, struct.pack("=I", mask))  # ICMP_FILTER, raw(7)
    else:
        kinds = [_ALL_ICMP] * 8
        for kind in wanted:
            kinds[kind >> 5] &= ~(1 << (kind & 31))
        sock.setsockopt(socket.IPPROTO_ICMPV6, 1, struct.pack("=8I", *kinds))  # ICMPV6_FILTER
    return sock


def main() -> int:
    """Read what to do, do it, and say what came of it."""
    # The meter shares its processors with what it measures; it must get its turn in time.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    line = bytearray()
    while not line.endswith(b"\n"):
        if not (piece := os.read(0, 1)):
            return 2
        line += piece
    order = json.loads(line)
    hears = {bytes.fromhex(token): name for token, name in order.get("hears", {}).items()}
    token = bytes.fromhex(order.get("token", ""))
    meter = Meter(order["targets"], float(order["rate"]), token, hears)
    told: dict[str, object] = {
        "counts": {name: asdict(count) for name, count in meter.run(0).items()}
    }
    if token:
        told["sent"] = meter.sent()
        told["heard"] = {
            name: [[*packet, moment] for packet, moment in came.items()]
            for name, came in meter.heard.items()
        }
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
