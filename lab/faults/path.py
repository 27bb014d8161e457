"""Paths that are blocked, lossy or slow. Everything between two ends passes the lab's router."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from lab.layout import Lab, LabError
from lab.machines.machine import Machine
from lab.network.namespace import Namespace

RUNNER = "runner"
"""The end where the runner is; any other end is a machine."""

End = str | Machine

_BURST = "32kb"
_LATENCY = "400ms"


@contextmanager
def blocked(
    lab: Lab, one: End, other: End, *, both: bool = True, ports: Sequence[int] = ()
) -> Iterator[None]:
    """Drop what goes from one end to the other, and back as well unless `both` is false.

    With `ports`, only UDP that leaves from or is meant for one of them: a link between two gateways
    without what else there is between them.
    """
    with _rules(lab, _ways(one, other, both=both), "drop", ports):
        yield


@contextmanager
def lossy(
    lab: Lab, one: End, other: End, *, percent: float, ports: Sequence[int] = ()
) -> Iterator[None]:
    """Drop that part of the packets between two ends, at random, both ways; `ports` as above."""
    verdict = f"numgen random mod 10000 < {round(percent * 100)} drop"
    with _rules(lab, _ways(one, other, both=True), verdict, ports):
        yield


@contextmanager
def narrow(
    lab: Lab, one: End, other: End, *, kilobytes: int, ports: Sequence[int] = ()
) -> Iterator[None]:
    """Drop what two ends send each other beyond so many kilobytes a second, each way.

    It has no queue: what fits is not later than before. `slow` is the other kind.
    """
    ways = _ways(one, other, both=True)
    # A bucket of 32 kB lets a handshake and its like pass at once, as a real line would.
    verdict = f"limit rate over {kilobytes} kbytes/second burst 32 kbytes drop"
    with _rules(lab, ways, verdict, ports):
        yield


@contextmanager
def slow(machine: Machine, *, rate: str) -> Iterator[None]:
    """Let a machine's line carry no more than `rate` (tc(8): `1mbit`) each way."""
    firewall = machine.book().firewall(machine.lab)
    ends = (
        (Namespace(machine.lab.namespace("core")), firewall.port),
        (firewall.namespace, "net"),
    )
    try:
        for space, link in ends:
            shape = ("root", "tbf", "rate", rate, "burst", _BURST, "latency", _LATENCY)
            space.run("tc", "qdisc", "replace", "dev", link, *shape)
        yield
    finally:
        for space, link in ends:
            with suppress(LabError):
                space.run("tc", "qdisc", "delete", "dev", link, "root")


def _port(end: End) -> str:
    """The router's interface towards an end."""
    return end if isinstance(end, str) else end.book().firewall(end.lab).port


def _ways(one: End, other: End, *, both: bool) -> list[tuple[str, str]]:
    way = (_port(one), _port(other))
    return [way, way[::-1]] if both else [way]


def _matches(ports: Sequence[int]) -> list[str]:
    """What a rule must say to match UDP from or to these ports; everything, without ports."""
    listed = ", ".join(map(str, sorted(ports)))
    return [f"udp {end} {{ {listed} }} " for end in ("sport", "dport")] if ports else [""]


@contextmanager
def _rules(
    lab: Lab, ways: list[tuple[str, str]], verdict: str, ports: Sequence[int] = ()
) -> Iterator[None]:
    core = Namespace(lab.namespace("core"))
    table = f"inet fault-{secrets.token_hex(4)}"
    rules = "".join(
        f'iifname "{a}" oifname "{b}" {match}jump spoil\n'
        for a, b in ways
        for match in _matches(ports)
    )
    core.nft(
        f"table {table} {{\nchain spoil {{\n{verdict}\nreturn\n}}\n"
        f"chain forward {{\ntype filter hook forward priority -10; policy accept;\n{rules}}}\n}}\n"
    )
    try:
        yield
    finally:
        core.nft(f"delete table {table}\n")
