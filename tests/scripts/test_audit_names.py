"""What an audit reads from the public DNS."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import _lookup

# Names


def _replied(query: bytes, *records: str, kind: str = "PTR", code: int = 0) -> bytes:
    """An answer by another library."""
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked)
    reply.set_rcode(dns.rcode.Rcode(code))
    for text in records:
        reply.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", kind, text))
    return reply.to_wire()


@pytest.mark.parametrize(
    ("kind", "records"),
    [
        ("PTR", ["db.example.org."]),
        ("PTR", ["a.example.org.", "b.a.example.org."]),
        ("A", ["192.0.2.1"]),
        ("AAAA", ["2001:db8::1"]),
        ("A", []),
    ],
)
def test_records_are_read_as_another_library_wrote_them(kind: str, records: list[str]) -> None:
    """Names that point back into the message too; a denial, and a server's failure."""
    query = _lookup.question("17.100.51.198.in-addr.arpa", kind)
    wire = _replied(query, *records, kind=kind)
    code, found = _lookup.reply(wire, query, kind)
    assert (code, found) == (0, [one.rstrip(".") for one in records])
    for denied in (2, 3):
        assert _lookup.reply(_replied(query, code=denied), query, kind) == (denied, [])


def test_an_answer_to_somebody_elses_question_is_none() -> None:
    """Another id, a question, half of one."""
    query, other = (_lookup.question("x.example.org", "A") for _ in range(2))
    wire = _replied(query, "192.0.2.1", kind="A")
    assert _lookup.reply(b"\0\0" + wire[2:], b"\1\1" + other[2:], "A")[0] is None
    assert _lookup.reply(query, query, "A")[0] is None
    assert _lookup.reply(wire[:-3], query, "A")[0] is None


@given(st.binary(max_size=80))
def test_no_datagram_breaks_the_reader(noise: bytes) -> None:
    """Whatever comes, also names that lead to themselves."""
    query = b"\x01\x02"
    code, found = _lookup.reply(query + b"\x81\x80\0\1\0\1\0\0\0\0" + noise, query, "PTR")
    assert code in {0, None}
    assert all(one.isprintable() for one in found)
