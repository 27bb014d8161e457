"""One knock on an address, and what comes of it: the first part of the program that travels.

It needs Linux, Python 3.9 with its standard library, and no privilege.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
_ERRQUEUE = 0x2000
_LOCAL = 1  # SO_EE_ORIGIN_LOCAL, <linux/errqueue.h>
_ERROR = 16  # octets of struct sock_extended_err; who sent it follows
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}


def family(address: str) -> socket.AddressFamily:
    """The socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of `data`."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Knock:
    """What is sent where, and what came of it.

    Attributes:
        kind: `tcp`, `udp` or `echo`.
        address: to whom.
        port: 0 for an echo request.
        about: the name that is asked about and the type of record, of a question.
        left: packets that may still be sent.
        again: when the next is due, on the monotonic clock.
        until: when it is given up.
        what: `open`, `refused`, `answer` or `unreachable`; empty for silence.
        by: who sent the ICMP error.
        detail: more of the answer.
        data: the answer itself.
        failed: why this machine could not send.
    """

    def __init__(
        self,
        kind: str,
        address: str,
        port: int = 0,
        payload: bytes = b"",
        about: tuple[str, str] = ("", ""),
    ) -> None:
        self.kind, self.address, self.port = kind, address, port
        self.payload, self.about = payload, about
        self.left, self.again, self.until = 0, 0.0, 0.0
        self.what = self.detail = self.failed = ""
        self.by: str | None = None
        self.data = b""
        self.family = family(address)
        self.socket: socket.socket | None = None

    def start(self, tries: int) -> None:
        """Send the first packet.

        Raises:
            OSError: This machine cannot.
        """
        if self.kind == "echo":
            made = echo_socket(self.family)
        else:
            kind = socket.SOCK_STREAM if self.kind == "tcp" else socket.SOCK_DGRAM
            made = socket.socket(self.family, kind)
        self.socket = made
        made.setblocking(False)  # noqa: FBT003 - the standard library's signature
        made.setsockopt(*_RECVERR[self.family], 1)
        if self.kind == "tcp":
            # The kernel sends the others.
            code = made.connect_ex((self.address, self.port))
            if code in {0, errno.EINPROGRESS, errno.ECONNREFUSED}:
                self.what = {0: "open", errno.ECONNREFUSED: "refused"}.get(code, "")
                return
            raise OSError(code, os.strerror(code))
        if self.kind == "echo":
            made.connect((self.address, 0))
            head = struct.pack("!BBH", _REQUEST[self.family], 0, 0) + os.urandom(2) + b"\0\1"
            total = checksum(head + b"knock") if self.family == socket.AF_INET else 0
            self.payload = head[:2] + struct.pack("!H", total) + head[4:] + b"knock"
        self.left = tries
        self.send()

    def send(self) -> None:
        """Send a packet, the first or another.

        Raises:
            OSError: This machine cannot, or an answer to an earlier one is an error.
        """
        self.left -= 1
        if self.socket is None:
            return
        if self.kind == "echo":
            self.socket.send(self.payload)
        else:
            self.socket.sendto(self.payload, (self.address, self.port))

    def ready(self) -> bool:
        """Read what came; return whether that is the end of it."""
        if self.socket is None:
            return True
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        icmp = self.queued()
        if error or icmp:
            return self.failing(error, icmp)
        if self.kind == "tcp":
            self.what = "open"
            return True
        try:
            data, sender = self.socket.recvfrom(65535)
        except BlockingIOError:
            return False
        except OSError as told:
            return self.failing(told.errno or 0, self.queued())
        return self._received(data, sender)

    def _received(self, data: bytes, sender: tuple[str, int]) -> bool:
        """Take a datagram; one of somebody else's is no answer."""
        if self.kind == "echo":
            raw = self.socket is not None and self.socket.type == socket.SOCK_RAW
            if raw and self.family == socket.AF_INET and data:
                data = data[(data[0] & 0x0F) * 4 :]
            # A privileged socket hears the answers to everybody's requests on this machine.
            strange = raw and data[4:6] != self.payload[4:6]
            if not data or data[0] != _REPLY[self.family] or strange:
                return False
        elif sender[0].split("%")[0] != self.address:
            return False
        else:
            other = "" if sender[1] == self.port else f" from port {sender[1]}"
            self.detail = f"{len(data)} octets{other}"
        self.what, self.data = "answer", data
        return True

    def failing(self, code: int, icmp: tuple[str | None, str] | None) -> bool:
        """Take an error: an RST, somebody's ICMP, or this machine's own; it is the end."""
        if icmp:
            self.what = "unreachable"
            self.by, self.detail = icmp
        elif code == errno.ECONNREFUSED:
            self.what = "refused" if self.kind == "tcp" else "unreachable"
        elif code != errno.ETIMEDOUT:
            self.failed = os.strerror(code)
        return True

    def queued(self) -> tuple[str | None, str] | None:
        """The ICMP error that waits, if one does (ip(7), IP_RECVERR)."""
        if self.socket is None:
            return None
        try:
            _, control, _, _ = self.socket.recvmsg(512, 512, _ERRQUEUE)
        except OSError:
            return None
        for _, _, data in control:
            if len(data) < _ERROR or data[4] == _LOCAL:
                continue
            return _offender(data[_ERROR:]), f"type {data[5]} code {data[6]}"
        return None

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return -1 if self.socket is None else self.socket.fileno()

    def close(self) -> None:
        """Have no socket any more."""
        if self.socket is not None:
            self.socket.close()


def _offender(data: bytes) -> str | None:
    """The address in a struct sockaddr."""
    for inet, begin, length in ((socket.AF_INET, 4, 4), (socket.AF_INET6, 8, 16)):
        if data[:2] == struct.pack("=H", inet) and len(data) >= begin + length:
            return socket.inet_ntop(inet, data[begin : begin + length])
    return None


def echo_socket(inet: socket.AddressFamily) -> socket.socket:
    """A socket for echo requests: everybody's (icmp(7), ping_group_range), else root's.

    Raises:
        OSError: This machine allows neither.
    """
    protocol = socket.IPPROTO_ICMP if inet == socket.AF_INET else socket.IPPROTO_ICMPV6
    try:
        return socket.socket(inet, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return socket.socket(inet, socket.SOCK_RAW, protocol)
