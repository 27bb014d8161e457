"""A socket that rings when the kernel's routes or rules change (rtnetlink(7)); nothing is read."""

import socket

# RTMGRP_IPV4_RULE, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE, and RTNLGRP_IPV6_RULE (19) as a bit.
_GROUPS = 0x80 | 0x40 | 0x400 | 1 << 18


def hang() -> socket.socket:
    """A bell that hangs."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    sock.settimeout(0)
    sock.bind((0, _GROUPS))
    return sock


def quiet(sock: socket.socket) -> None:
    """Have it ring again at the next change."""
    while True:
        try:
            sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            continue  # more has changed than it could hold: all the same to a bell
