"""Many knocks, gently, and the public DNS: the last part of the program that travels.

An order (`backplane.audit.order`) goes in, one line of JSON comes out on stdout
(`backplane.audit.heard`), and lines `progress DONE ALL` on stderr. It knows nothing of a mesh.
"""

from __future__ import annotations

import fcntl
import json
import platform
import resource
import selectors
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scripts._knock import Knock, family
from scripts._lookup import printable, question, reply, resolver_of

MOST_OPEN = 400
"""Sockets at once."""

KEPT = 64
"""Ports that are named of those that answer alike."""

_DNS = 53
_V6 = socket.AF_INET6
_TUNNELS = {65534, 768, 769, 776, 778}
"""Kinds of interface that are tunnels (<linux/if_arp.h>): none, IP-IP, IP6-IP6, SIT, GRE."""

Order = dict[str, Any]


def run(knocks: Iterable[Knock], order: Order, tell: Callable[[int, int], None]) -> None:
    """Make all knocks, no more of them at once and in a second than the order says."""
    waiting = deque(knocks)
    open_: set[Knock] = set()
    total, told = len(waiting), 0.0
    selector = selectors.DefaultSelector()
    due = time.monotonic()
    while waiting or open_:
        now = time.monotonic()
        # Who was held up does not hurry afterwards.
        due = max(due, now - order["gap"])
        while waiting and len(open_) < MOST_OPEN and due <= now:
            due += order["gap"]
            knock = waiting.popleft()
            if _begin(knock, order, now):
                way = selectors.EVENT_WRITE if knock.kind == "tcp" else selectors.EVENT_READ
                selector.register(knock, way, knock)
                open_.add(knock)
        ended = {key.data for key, _ in selector.select(_pause(due - now)) if key.data.ready()}
        now = time.monotonic()
        ended |= {knock for knock in open_ - ended if _over(knock, now)}
        for knock in ended:
            selector.unregister(knock)
            knock.close()
        open_ -= ended
        if now - told >= 1:
            told = now
            tell(total - len(waiting) - len(open_), total)
    selector.close()


def _pause(left: float) -> float:
    return min(0.05, max(0.001, left))


def _begin(knock: Knock, order: Order, now: float) -> bool:
    """Send the first packet; return whether an answer is to be waited for."""
    try:
        knock.start(order["tries"])
    except OSError as error:
        knock.failed = error.strerror or str(error)
    if knock.failed or knock.what:
        knock.close()
        return False
    # A resolver may have to ask others first.
    patience = order["patience"] * (2 if knock.about[0] else 1)
    knock.again, knock.until = now + 1.0, now + patience
    return True


def _over(knock: Knock, now: float) -> bool:
    """Send once more if that is due; return whether no answer is waited for any longer."""
    if knock.until <= now:
        return True
    if knock.left > 0 and knock.again <= now:
        knock.again = now + 1.0
        try:
            knock.send()
        except OSError as error:
            return knock.failing(error.errno or 0, knock.queued())
    return False


# What must answer


def controls(order: Order, when: str) -> Iterator[tuple[dict[str, Any], Knock]]:
    """A knock in each way on each that must answer, and the row that tells of it."""
    wanted = {family(address) for address in order["addresses"]}
    at: list[tuple[str, int, str]] = []
    for host, port in order["controls"]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        first = {inet: str(where[0]) for inet, _, _, _, where in reversed(found)}
        at += [(host, port, address) for address in first.values()]
    resolver = resolver_of(order["resolver"])
    asked = [(host, address, port) for host, port, address in at if port == _DNS]
    if resolver:
        asked.append((resolver, resolver, _DNS))
    knocks = [(host, Knock("tcp", address, port)) for host, port, address in at]
    knocks += [
        (host, Knock("udp", address, port, question("", "NS"))) for host, address, port in asked
    ]
    if order["echo"]:
        knocks += [(host, Knock("echo", address)) for host, _, address in at]
    for host, knock in knocks:
        if knock.family in wanted:
            inet = "ipv6" if knock.family == _V6 else "ipv4"
            yield {"when": when, "host": host, "kind": knock.kind, "family": inet}, knock


def _controlled(order: Order, when: str) -> list[dict[str, Any]]:
    pairs = list(controls(order, when))
    run([knock for _, knock in pairs], order, lambda *_: None)
    return [
        {
            **row,
            # A control that refuses is heard as well as one that accepts.
            "answered": knock.what in {"open", "refused", "answer"},
            "detail": printable(knock.failed or knock.detail or knock.what or "silent"),
        }
        for row, knock in pairs
    ]


# Where packets leave


def _interface(address: str) -> str:
    """The interface that has an address of ours; empty where none is found."""
    if ":" in address:
        mine = socket.inet_pton(_V6, address).hex()
        with open("/proc/net/if_inet6", encoding="ascii") as file:  # noqa: PTH123
            return next((row[-1] for row in map(str.split, file) if row[0] == mine), "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                # SIOCGIFADDR, <linux/sockios.h>
                raw = fcntl.ioctl(probe, 0x8915, struct.pack("256s", name.encode()))
            except OSError:
                continue
            if socket.inet_ntoa(raw[20:24]) == address:
                return name
    return ""


def source(address: str) -> dict[str, Any] | None:
    """From where packets to an address leave; None where there is no way."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
            mine = str(probe.getsockname()[0]).split("%")[0]
            name = _interface(mine)
            # SIOCGIFHWADDR; the kind of the interface stands before its address.
            raw = fcntl.ioctl(probe, 0x8927, struct.pack("256s", name.encode())) if name else b""
        except OSError:
            return None
    kind = struct.unpack("=H", raw[16:18])[0] if raw else 0
    return {"address": mine, "interface": name, "tunnel": kind in _TUNNELS}


# All of it


def knocks_of(order: Order) -> list[Knock]:
    """Every knock of an order, port by port, so that no machine gets many at once."""
    each = [("tcp", port, b"") for port in order["tcp"]]
    each += [("udp", port, bytes.fromhex(data)) for port, data in order["udp"]]
    each += [("echo", 0, b"")] if order["echo"] else []
    addresses = order["addresses"]
    return [Knock(kind, at, port, data) for kind, port, data in each for at in addresses]


def answers(knocks: Iterable[Knock]) -> list[dict[str, Any]]:
    """What answered, those that did so alike together."""
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    for one in knocks:
        if not one.what:
            continue
        key = (one.address, one.kind, one.what, one.by)
        row = rows.setdefault(
            key,
            {
                "address": one.address, "kind": one.kind, "what": one.what, "by": one.by,
                "ports": [], "count": 0, "detail": printable(one.detail),
            },
        )  # fmt: skip
        if one.port not in row["ports"]:
            row["count"] += 1
            row["ports"] += [one.port] if one.port and row["count"] <= KEPT else []
    return list(rows.values())


def failures(knocks: Iterable[Knock]) -> list[dict[str, Any]]:
    """What could not be sent, and why."""
    rows: dict[tuple[str, str, str], int] = {}
    for one in knocks:
        if one.failed:
            key = (one.address, one.kind, printable(one.failed))
            rows[key] = rows.get(key, 0) + 1
    return [
        {"address": at, "kind": kind, "why": why, "count": count}
        for (at, kind, why), count in rows.items()
    ]


def heard(order: Order, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """Carry an order out."""
    begin = time.monotonic()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
    ways = {address: source(address) for address in order["addresses"]}
    checked = _controlled(order, "before")
    knocks = knocks_of(order)
    resolver = resolver_of(order["resolver"])
    asked = [
        Knock("udp", resolver, _DNS, question(name, kind), (name, kind))
        for name, kind in order["questions"]
        if resolver
    ]
    run([*knocks, *asked], order, tell)
    checked += _controlled(order, "after")
    return {
        "version": 1,
        "python": platform.python_version(),
        "sent": len(knocks) + len(asked),
        "seconds": time.monotonic() - begin,
        "answers": answers(knocks),
        "failures": failures(knocks),
        "replies": list(_replies(asked)),
        "controls": checked,
        "sources": {address: way for address, way in ways.items() if way},
    }


def _replies(asked: Iterable[Knock]) -> Iterator[dict[str, Any]]:
    for one in asked:
        name, kind = one.about
        code, records = reply(one.data, one.payload, kind)
        yield {"name": name, "type": kind, "code": code, "records": records}


def main(text: str) -> int:
    """Carry out the order in a JSON text."""

    def tell(done: int, total: int) -> None:
        print("progress", done, total, file=sys.stderr, flush=True)

    if not sys.platform.startswith("linux"):
        print("this vantage has no Linux", file=sys.stderr)
        return 1
    print(json.dumps(heard(json.loads(text), tell)), flush=True)
    return 0
