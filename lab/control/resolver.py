"""`python -m lab.control.resolver DIRECTORY BOOKS ADDRESS…`: the public DNS of the lab's internet.

It plays the part of resolvers such as 1.1.1.1: it knows a small zone by heart and, from the cloud
API's books, the reverse names of servers, says of every other name that it does not exist, and
writes each question down before it answers. It listens
on UDP and TCP port 53, and for DNS over TLS (RFC 7858) on port 853. It signs nothing (DNSSEC),
and asks nobody.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.zone

from lab.control import certificate, pointers
from lab.layout import SERVICES_V4, SERVICES_V6

Transport = Literal["udp", "tcp", "tls"]

NAMES = ("one.one.one.one", "cloudflare-dns.com", "dns.google")
"""Whom the certificate is for, beside the addresses."""

_PORT, _SECURE_PORT = 53, 853
_LEAST, _MOST = 512, 1232
"""Octets of a UDP answer: to those without EDNS (RFC 1035), and to anybody (DNS flag day 2020)."""

_IDLE = 30.0
"""Seconds that a connection may be silent."""

_LINKS = 8
"""Aliases that are followed one after the other."""

_QUESTIONS = "questions.jsonl"
_LONG = " ".join(f'"{letter * 250}"' for letter in "abcdefgh")

_ZONE = dns.zone.from_text(
    f"""
$TTL 300
. SOA ns.example.org. hostmaster.example.org. 1 1800 900 604800 60
. NS ns.example.org.
example.org. A {SERVICES_V4}
example.org. AAAA {SERVICES_V6}
example.org. TXT "the lab's own zone"
example.org. MX 10 mail.example.org.
ns.example.org. A {SERVICES_V4}
mail.example.org. A {SERVICES_V4}
www.example.org. A {SERVICES_V4}
www.example.org. AAAA {SERVICES_V6}
four.example.org. A {SERVICES_V4}
six.example.org. AAAA {SERVICES_V6}
alias.example.org. CNAME www.example.org.
long.example.org. TXT {_LONG}
""",
    origin=".",
    relativize=False,
)
"""All that exists. Its addresses are those of the apt repository, so something answers there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that the resolver got.

    Attributes:
        name: What about, in lower case, without the dot at its end.
        type: Which records, such as `AAAA`.
        source: The address it came from.
        transport: `udp`, `tcp`, or `tls` for DNS over TLS.
    """

    name: str
    type: str
    source: str
    transport: Transport


def asked(directory: Path) -> list[Question]:
    """Return all questions that were ever asked of a lab's resolver, in their order.

    Args:
        directory: The resolver's, see `lab.control.services.resolver_home`.
    """
    # Of a line that is just being written, nothing.
    lines = (directory / _QUESTIONS).read_text().rpartition("\n")[0].splitlines()
    return [Question(**json.loads(line)) for line in lines]


def answer(query: dns.message.Message, books: Path | None = None) -> dns.message.Message:
    """Return the answer to a message with one question; reverse names are in the cloud's books."""
    reply = dns.message.make_response(query, recursion_available=True, our_payload=_MOST)
    name, kind = query.question[0].name, query.question[0].rdtype
    if books is not None and kind == dns.rdatatype.PTR:
        pointer = pointers.find(books, name)
        if pointer is not None:
            reply.answer.append(pointer)
            return reply
    for _ in range(_LINKS):
        found = _ZONE.get_rrset(name, kind)
        if found is not None:
            reply.answer.append(found)
            break
        alias = _ZONE.get_rrset(name, dns.rdatatype.CNAME)
        if alias is None:
            if not any(known.is_subdomain(name) for known in _ZONE):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            # By it the asker knows how long to believe that there is nothing (RFC 2308).
            authority = _ZONE.get_rrset(".", dns.rdatatype.SOA)
            reply.authority += [authority] if authority is not None else []
            break
        reply.answer.append(alias)
        name = alias[0].target
    return reply


class Desk:
    """Writes questions down and answers them."""

    def __init__(self, directory: Path, books: Path | None = None) -> None:
        """Keep the questions in a directory, which is made, for its owner only.

        Args:
            directory: Of the questions.
            books: The cloud API's, which have the reverse names.
        """
        self._books = books
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._questions = os.open(directory / _QUESTIONS, flags, 0o600)

    def reply(self, wire: bytes, source: str, transport: Transport) -> bytes | None:
        """Return the answer to a message, both as octets; None to what is no question.

        Over UDP an answer that does not fit is cut off and says so: the asker comes again by TCP.
        """
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        asks = query.opcode() == dns.opcode.QUERY and not query.flags & dns.flags.QR
        if not asks or len(query.question) != 1:
            return None
        about = query.question[0]
        question = Question(
            name=about.name.to_text(omit_final_dot=True).lower(),
            type=dns.rdatatype.to_text(about.rdtype),
            source=source,
            transport=transport,
        )
        os.write(self._questions, f"{json.dumps(asdict(question))}\n".encode())
        most = max(_LEAST, min(query.payload, _MOST)) if transport == "udp" else 0xFFFF
        return answer(query, self._books).to_wire(max_size=most, prefer_truncation=True)


class _Datagrams(asyncio.DatagramProtocol):
    """Questions by UDP."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._desk.reply(data, addr[0], "udp")
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


async def _converse(
    desk: Desk, transport: Transport, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer question after question of one connection, each after its length (RFC 7766)."""
    source = str(writer.get_extra_info("peername")[0])
    with suppress(OSError, EOFError):
        while True:
            async with asyncio.timeout(_IDLE):
                length = int.from_bytes(await reader.readexactly(2))
                reply = desk.reply(await reader.readexactly(length), source, transport)
            if reply is None:
                break
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()
    writer.close()


Doors = tuple[asyncio.DatagramTransport, asyncio.Server, asyncio.Server]


async def open_doors(
    desk: Desk,
    address: str,
    context: ssl.SSLContext,
    *,
    port: int = _PORT,
    secure: int = _SECURE_PORT,
) -> Doors:
    """Listen on an address by UDP, TCP and TLS; return what listens, in this order."""
    loop = asyncio.get_running_loop()
    datagrams, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(desk), local_addr=(address, port)
    )
    streams = await asyncio.start_server(partial(_converse, desk, "tcp"), address, port)
    sealed = await asyncio.start_server(
        partial(_converse, desk, "tls"), address, secure, ssl=context
    )
    return datagrams, streams, sealed


def trusted(directory: Path, addresses: tuple[str, ...]) -> ssl.SSLContext:
    """Return what a server needs for TLS; its certificate is made at the first time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.ensure(directory, NAMES, addresses))
    return context


async def _serve(directory: Path, books: Path, addresses: tuple[str, ...]) -> None:
    desk = Desk(directory, books)
    context = trusted(directory, addresses)
    doors = [await open_doors(desk, address, context) for address in addresses]
    await asyncio.gather(*(server.serve_forever() for door in doors for server in door[1:]))


def main(directory: str, books: str, *addresses: str) -> None:
    """Serve until a signal ends it."""
    asyncio.run(_serve(Path(directory), Path(books), addresses))


if __name__ == "__main__":
    main(*sys.argv[1:])
