"""Port scans from outside with nmap, and what their XML says in plain figures."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from lab.prober.ports import AUDIT_UDP

_TCP = ("-sS", "-p-", "--min-rate", "5000", "--max-retries", "1")
_UDP = ("-sU", "--max-retries", "1", "-p")

SILENT = frozenset({"filtered", "open|filtered"})
"""nmap's states of a port that answered nothing."""


class ScanError(Exception):
    """nmap could not do its work; the text holds its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan of one address found.

    Attributes:
        address: the address that was scanned.
        states: ports by nmap's state, for example `{"filtered": 65535}`.
        answered: the ports that answered anything, as `tcp/22 open (syn-ack)`.
    """

    address: str
    states: Mapping[str, int]
    answered: tuple[str, ...]

    @property
    def dark(self) -> bool:
        """Whether something was asked and nothing answered."""
        return bool(self.states) and set(self.states) <= SILENT and not self.answered


def parse(text: str) -> tuple[Scan, ...]:
    """Read nmap's XML.

    Raises:
        ScanError: when a host was not scanned to its end.
    """
    root = ET.fromstring(text)  # noqa: S314 - written by the nmap that we started
    finished = root.find("./runstats/finished")
    if finished is None or finished.get("exit") != "success":
        raise ScanError("the scan did not end in success")
    return tuple(_host(host) for host in root.findall("host"))


def _host(host: ET.Element) -> Scan:
    address = next(
        item.get("addr", "") for item in host.findall("address") if item.get("addrtype") != "mac"
    )
    states: Counter[str] = Counter()
    answered: list[str] = []
    for group in host.findall("./ports/extraports"):
        states[group.get("state", "")] += int(group.get("count", "0"))
        # A host that sends errors for many ports is summed up; its reasons tell it from silence.
        answered += [
            f"{reason.get('count')} ports {group.get('state')} ({reason.get('reason')})"
            for reason in group.findall("extrareasons")
            if reason.get("reason") != "no-response"
        ]
    for port in host.findall("./ports/port"):
        state = port.find("state")
        if state is None:
            continue
        found, reason = state.get("state", ""), state.get("reason", "")
        states[found] += 1
        if found not in SILENT or reason != "no-response":
            answered.append(f"{port.get('protocol')}/{port.get('portid')} {found} ({reason})")
    return Scan(address=address, states=dict(states), answered=tuple(answered))


def command(kind: str, address: str, ports: Sequence[int] = AUDIT_UDP) -> tuple[str, ...]:
    """The nmap command for one address; `kind` is `tcp` or `udp`, `ports` are those of UDP."""
    what = _TCP if kind == "tcp" else (*_UDP, ",".join(map(str, ports)))
    family = ("-6",) if ":" in address else ()
    return ("nmap", "-n", "-Pn", *family, *what, "-oX", "-", address)


def scan(
    prefix: tuple[str, ...], kind: str, address: str, ports: Sequence[int] = AUDIT_UDP
) -> Scan:
    """Scan one address.

    Args:
        prefix: what makes the scanner a stranger, such as `("ip", "netns", "exec", NAME)`.
        kind: `tcp` (all 65,535 ports) or `udp` (the listed ones).
        ports: those of UDP.
        address: IPv4 or IPv6.

    Raises:
        ScanError: when nmap fails.
    """
    done = subprocess.run(
        (*prefix, *command(kind, address, ports)), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ScanError(f"nmap of {address} failed: {done.stderr.strip()}")
    scans = parse(done.stdout)
    if len(scans) != 1:
        raise ScanError(f"nmap of {address} told of {len(scans)} hosts instead of one")
    return scans[0]
