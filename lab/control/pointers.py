"""Reverse names of the lab's servers, as its cloud has them at the moment of the question."""

from __future__ import annotations

from pathlib import Path

import dns.exception
import dns.name
import dns.rdatatype
import dns.reversename
import dns.rrset

from lab.api.state import load

_TTL = 60


def find(books: Path, name: dns.name.Name) -> dns.rrset.RRset | None:
    """What an address is called that the cloud has given out; None for every other question.

    Args:
        books: the cloud API's; that there are none yet is fine.
        name: the one that is asked about, such as `17.100.51.198.in-addr.arpa.`.
    """
    try:
        address = dns.reversename.to_address(name)
        state = load(books.read_bytes())
    except (dns.exception.DNSException, FileNotFoundError):
        return None
    for one in state.primary_ips.values():
        if target := one.dns_ptr.get(address):
            return dns.rrset.from_text(name, _TTL, "IN", dns.rdatatype.PTR, f"{target}.")
    return None
