"""The stranger's main loop: send on time, read what comes back, keep a report on disk."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.prober.capture import Packet, Tap, link_chatter
from lab.prober.packets import SOURCE_PORT, Knock, steady, sweep

TICK = 0.5
"""Seconds between two rounds of the steady knocks."""

SWEEP_TICKS = 10
"""The sweep over the top ports is spread over so many ticks: once in five seconds."""

_KEEP = 1000
_IPV6_CHECKSUM = 7  # <linux/in6.h>


@dataclass(slots=True, kw_only=True)
class Report:
    """What was sent and what came back.

    Attributes:
        addresses: every address that was knocked on.
        started: seconds since the epoch.
        seconds: how long it has run.
        sent: packets by kind and family, for example `syn22/4`.
        send_errors: packets the local kernel refused to send, by error.
        late_ticks: rounds that began more than a quarter of a second late.
        received_total: IP packets that came back, whoever sent them.
        received: the first thousand of them.
        link_chatter: neighbour discovery and MLD of the stranger's own gateway.
        capture_drops: packets the kernel did not hand over; with any, `received` proves nothing.
        done: whether it ended in an orderly way.
    """

    addresses: tuple[str, ...]
    started: float = field(default_factory=time.time)
    seconds: float = 0.0
    sent: dict[str, int] = field(default_factory=dict)
    send_errors: dict[str, int] = field(default_factory=dict)
    late_ticks: int = 0
    received_total: int = 0
    received: list[Packet] = field(default_factory=list)
    link_chatter: int = 0
    capture_drops: int = 0
    done: bool = False

    def note(self, packet: Packet, gateways: frozenset[str]) -> None:
        """Count one packet that came in."""
        if link_chatter(packet, gateways):
            self.link_chatter += 1
            return
        self.received_total += 1
        if len(self.received) < _KEEP:
            self.received.append(packet)

    def write(self, path: Path) -> None:
        """Replace the report on disk at once, so that a reader never sees half of it."""
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


class Sender:
    """Raw sockets for every kind of knock."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[str, int], socket.socket] = {}
        for family, inet, icmp in (
            (4, socket.AF_INET, socket.IPPROTO_ICMP),
            (6, socket.AF_INET6, socket.IPPROTO_ICMPV6),
        ):
            tcp = socket.socket(inet, socket.SOCK_RAW, socket.IPPROTO_TCP)
            if inet == socket.AF_INET6:
                tcp.setsockopt(socket.IPPROTO_IPV6, _IPV6_CHECKSUM, 16)
            udp = socket.socket(inet, socket.SOCK_DGRAM)
            if inet == socket.AF_INET6:
                udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            udp.bind(("::" if inet == socket.AF_INET6 else "0.0.0.0", SOURCE_PORT))
            ping = socket.socket(inet, socket.SOCK_RAW, icmp)
            for kind, raw in (("tcp", tcp), ("udp", udp), ("icmp", ping)):
                # What comes back is read from the tap; these only send.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                raw.setblocking(False)  # noqa: FBT003 - the standard library's signature
                self._sockets[kind, family] = raw

    def send(self, knock: Knock) -> None:
        """Send one packet.

        Raises:
            OSError: when the local kernel refuses it.
        """
        port = knock.port if knock.protocol == "udp" else 0
        self._sockets[knock.protocol, knock.family].sendto(knock.payload, (knock.address, port))

    def close(self) -> None:
        """Close every socket."""
        for raw in self._sockets.values():
            raw.close()


def source_addresses(addresses: tuple[str, ...]) -> dict[int, str]:
    """The stranger's own address of each family, as its routing table has it."""
    sources: dict[int, str] = {}
    for family, inet in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        target = next((item for item in addresses if (":" in item) == (family == 6)), None)  # noqa: PLR2004
        if target is None:
            continue
        with socket.socket(inet, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            sources[family] = str(probe.getsockname()[0])
    return sources


def interface_of(address: str) -> str:
    """The interface that carries an IPv4 address of ours.

    Raises:
        OSError: when none does.
    """
    # SIOCGIFADDR answers by name, so every interface is asked; IPv4 is always there in the lab.
    import fcntl  # noqa: PLC0415 - Linux only

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                raw = fcntl.ioctl(probe, 0x8915, struct.pack("256s", name.encode()))
            except OSError:
                continue
            if socket.inet_ntoa(raw[20:24]) == address:
                return name
    raise OSError(f"no interface has the address {address}")


def gateways() -> frozenset[str]:
    """The stranger's IPv6 gateways, from the kernel's routing table."""
    found: set[str] = set()
    for line in Path("/proc/net/ipv6_route").read_text(encoding="ascii").splitlines():
        columns = line.split()
        if int(columns[4], 16):
            found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(columns[4])))
    return frozenset(found)


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def _round(sender: Sender, knocks: tuple[Knock, ...], report: Report) -> None:
    for knock in knocks:
        kind = f"{knock.kind}/{knock.family}"
        try:
            sender.send(knock)
        except OSError as error:
            _count(report.send_errors, f"{kind} {os.strerror(error.errno or 0)}")
        else:
            _count(report.sent, kind)


def _listen(tap: Tap, report: Report, known: frozenset[str], until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        if not select.select([tap], [], [], left)[0]:
            return
        for packet in tap.read():
            report.note(packet, known)


def run(
    addresses: tuple[str, ...], path: Path, stopped: Callable[[], bool], seconds: float | None
) -> Report:
    """Knock until told to stop, or for so many seconds; the report on disk is at most 5 s old."""
    sources = source_addresses(addresses)
    tap = Tap(interface_of(sources[4]))
    sender = Sender()
    regular, ports = steady(sources, addresses), sweep(sources, addresses)
    share = -(-len(ports) // SWEEP_TICKS)
    report = Report(addresses=addresses)
    known = gateways()
    begin = time.monotonic()
    tick = 0
    while not stopped() and (seconds is None or tick * TICK < seconds):
        report.late_ticks += time.monotonic() - (begin + tick * TICK) > TICK / 2
        part = tick % SWEEP_TICKS
        _round(sender, regular + ports[part * share : (part + 1) * share], report)
        tick += 1
        _listen(tap, report, known, begin + tick * TICK)
        if part == 0:
            report.seconds = round(time.monotonic() - begin, 2)
            report.capture_drops = tap.drops()
            report.write(path)
    _listen(tap, report, known, time.monotonic() + TICK)
    report.seconds = round(time.monotonic() - begin, 2)
    report.capture_drops = tap.drops()
    report.done = True
    report.write(path)
    tap.close()
    sender.close()
    return report
