"""Firewalls that forget: a stateful firewall's table of connections, emptied."""

from __future__ import annotations

import os
import socket
import struct
import sys

from lab.layout import LabError
from lab.machines.machine import Machine
from lab.process import run

_NETLINK_NETFILTER = 12  # linux/netlink.h
_DELETE = (1 << 8) | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE (linux/netfilter/nfnetlink*.h)
_REQUEST_ACK = 0x1 | 0x4
_ERROR = 2
_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct("=BBH")


def forget(machine: Machine) -> None:
    """Empty the table of the cloud firewall before a machine, as a long silence would.

    Raises:
        LabError: The kernel refused.
    """
    space = machine.book().firewall(machine.lab).namespace
    run(*space.entry, sys.executable, __file__)


def flush() -> None:
    """Empty the table of the network namespace that this runs in.

    Raises:
        LabError: The kernel refused.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as wire:
        wire.bind((0, 0))
        body = _GENERIC.pack(socket.AF_UNSPEC, 0, 0)
        length = _HEADER.size + len(body)
        wire.send(_HEADER.pack(length, _DELETE, _REQUEST_ACK, 1, 0) + body)
        answer = wire.recv(4096)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    (code,) = struct.unpack_from("=i", answer, _HEADER.size)
    if kind != _ERROR or code:
        message = f"the connections could not be forgotten: {os.strerror(-code)}"
        raise LabError(message)


if __name__ == "__main__":
    flush()
