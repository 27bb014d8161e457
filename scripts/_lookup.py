"""Questions to the public DNS (RFC 1035): the second part of the program that travels."""

from __future__ import annotations

import os
import socket
import struct

_POINTER = 0xC0
"""Of a length that is none, but the first half of where the name goes on."""

_RECORDS = {"PTR": 12, "A": 1, "AAAA": 28, "NS": 2}


def printable(text: object) -> str:
    """What somebody sent, with nothing in it that a terminal obeys."""
    return "".join(one if " " <= one <= "~" else "?" for one in str(text))[:200]


def question(name: str, kind: str) -> bytes:
    """A question, which asks for recursion."""
    labels = [label.encode() for label in name.split(".") if label]
    text = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    head = os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0)
    return head + text + struct.pack("!HH", _RECORDS[kind], 1)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name, which may go on elsewhere, and where what follows it begins."""
    labels: list[str] = []
    behind = 0
    for _ in range(128):
        length = data[at]
        if length >= _POINTER:
            behind = behind or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
            continue
        at += 1
        if not length:
            break
        labels.append(data[at : at + length].decode("latin-1"))
        at += length
    return ".".join(labels), behind or at


def reply(data: bytes, asked: bytes, kind: str) -> tuple[int | None, list[str]]:
    """The response code and the records of a kind; no code of what is no answer to `asked`."""
    try:
        head, flags, questions, answers = struct.unpack("!2sHHH", data[:8])
        if head != asked[:2] or not flags & 0x8000:
            return None, []
        at, found = 12, []
        for _ in range(questions):
            at = _name(data, at)[1] + 4
        for _ in range(answers):
            at = _name(data, at)[1]
            record, _, _, length = struct.unpack("!HHIH", data[at : at + 10])
            at += 10
            if record == _RECORDS[kind]:
                text = data[at : at + length]
                if kind == "PTR":
                    found.append(_name(data, at)[0])
                else:
                    inet = socket.AF_INET6 if kind == "AAAA" else socket.AF_INET
                    found.append(socket.inet_ntop(inet, text))
            at += length
        return flags & 0x0F, [printable(one) for one in found[:32]]
    except (IndexError, struct.error, ValueError):
        return None, []


def resolver_of(given: str | None) -> str | None:
    """Whom to ask: who was given, else the first of this machine's."""
    if given:
        return given
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            words = [line.split() for line in file]
    except OSError:
        return None
    return next((one[1] for one in words if len(one) > 1 and one[0] == "nameserver"), None)
