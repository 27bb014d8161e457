"""IPv6 from a router on the wire: a kernel that hands packets on hears none unless told to.

It takes router advertisements while it forwards only where ``accept_ra`` is 2 (the kernel's
ip-sysctl.rst). What is 0 stays so: a daemon hears them there in its stead, or nobody is to.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from node import sysctl
from node.machine import Machine

SETTING = ".accept_ra"
_FORWARDS, _SHUT = "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.accept_ra"
HEARS, HEARS_ALWAYS = "1", "2"
_SOLICIT = bytes([133, 0, 0, 0, 0, 0, 0, 0])
"""RFC 4861, 4.1; the kernel puts in the checksum."""
_ROUTERS, _HOPS = "ff02::2", 255


def concerns(folder: Path) -> bool:
    """Whether a generation's node forwards, and has IPv6 from such a router.

    Args:
        folder: The generation's. Its settings shut routers' ears where the cloud has none.
    """
    told = dict(sysctl.declared(folder / "sysctl.conf"))
    return told.get(_FORWARDS) == "1" and _SHUT not in told


def deaf(machine: Machine) -> Iterator[tuple[str, str]]:
    """The settings of interfaces that hear routers only while nothing is forwarded, as wanted."""
    for path in sorted((machine.layout.settings / "net/ipv6/conf").glob("*/accept_ra")):
        name = path.parent.name
        # What comes out of a tunnel is no router's, and `all` and `default` are no interfaces.
        if name not in {"all", "default", "lo"} and not name.startswith("wg"):
            setting = sysctl.name_of("net", "ipv6", "conf", name, "accept_ra")
            if sysctl.read(machine, setting) == HEARS:
                yield setting, HEARS_ALWAYS


def hear(machine: Machine) -> None:
    """Let the kernel hear routers where it forwards, and ask for one: boot does not know of it."""
    if not concerns(machine.layout.active):
        return
    if not (found := list(deaf(machine))):
        return
    with machine.changing(), contextlib.suppress(OSError):
        for setting, value in found:
            sysctl.bring(machine, setting, value)
            _ask(sysctl.parts_of(setting)[3])


def _ask(interface: str) -> None:
    """Ask for a router on an interface; one that is not up yet asks by itself."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock,
    ):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        sock.sendto(_SOLICIT, (_ROUTERS, 0, 0, socket.if_nametoindex(interface)))
