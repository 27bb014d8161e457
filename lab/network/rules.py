"""A server's cloud firewall as nftables text: exactly the posted rules, and silence."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from lab.driver import Rule

TABLE = "inet cloud"

NEIGHBOURS = (
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } "
    "ip6 hoplimit 255 accept"
)
"""The one thing a router of the lab says or hears itself: who has which address (RFC 4861)."""

_ICMP = {4: "icmp", 6: "ipv6-icmp"}
_FAMILY = {4: "ip", 6: "ip6"}


def _networks(cidrs: Iterable[str], version: int) -> list[str]:
    """Return the networks of one family, merged, sorted, as nft writes them."""
    parsed = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    if version == 4:  # noqa: PLR2004 - the protocol's name
        merged4 = ipaddress.collapse_addresses(
            net for net in parsed if isinstance(net, ipaddress.IPv4Network)
        )
        return [str(net) for net in merged4]
    merged6 = ipaddress.collapse_addresses(
        net for net in parsed if isinstance(net, ipaddress.IPv6Network)
    )
    return [str(net) for net in merged6]


def lines(rule: Rule) -> list[str]:
    """Return the nft rules that admit what one posted rule admits, one per address family."""
    cidrs, side = (
        (rule.source_ips, "saddr") if rule.direction == "in" else (rule.destination_ips, "daddr")
    )
    made = []
    for version, family in _FAMILY.items():
        networks = _networks(cidrs, version)
        if not networks:
            continue
        protocol = _ICMP[version] if rule.protocol == "icmp" else rule.protocol
        everywhere = any(net.endswith("/0") for net in networks)
        words = [f"meta nfproto ipv{version}"]
        if not everywhere:
            words.append(f"{family} {side} {{ {', '.join(networks)} }}")
        if rule.protocol in {"tcp", "udp"} and rule.port not in {None, "any"}:
            words.append(f"{rule.protocol} dport {rule.port}")
        else:
            words.append(f"meta l4proto {protocol}")
        made.append(" ".join([*words, "counter accept"]))
    return made


def _own(ipv4: str | None, ipv6: str | None, side: str, sign: str) -> list[str]:
    """Return rules that drop packets whose address on a side is (`==`) or is not the server's."""
    made = []
    for version, address in ((4, ipv4), (6, ipv6)):
        if address is not None:
            made.append(f"{_FAMILY[version]} {side} {sign} {address} counter drop")
        elif sign == "!=":
            made.append(f"meta nfproto ipv{version} counter drop")
    return made


def _chain(name: str, body: list[str]) -> str:
    return "\n".join([f"\tchain {name} {{", *(f"\t\t{line}" for line in body), "\t}"])


def ruleset(rules: tuple[Rule, ...] | None, ipv4: str | None, ipv6: str | None) -> str:
    """Return the whole firewall of one server, to be loaded as one transaction.

    Inbound passes what a posted rule admits and what belongs to a connection that the server
    began; outbound passes everything, or only what posted outbound rules admit when there is
    one. No rules at all (None) means no firewall. Whatever is dropped is dropped silently, and
    nobody sends with an address that is not theirs. Connections live in the namespace's own
    table and outlast a change of the rules.

    Args:
        rules: The union of the attached firewalls' rules; None without a firewall.
        ipv4: The server's address.
        ipv6: The server's network, with its prefix length.
    """
    established = "ct state established,related counter accept"
    inbound = [line for rule in rules or () if rule.direction == "in" for line in lines(rule)]
    outbound = [line for rule in rules or () if rule.direction == "out" for line in lines(rule)]
    incoming = [*_own(ipv4, ipv6, "saddr", "=="), *_own(ipv4, ipv6, "daddr", "!="), established]
    incoming += ["counter accept"] if rules is None else [*inbound, "counter drop"]
    outgoing = [*_own(ipv4, ipv6, "saddr", "!="), established]
    outgoing += [*outbound, "counter drop"] if outbound else ["counter accept"]
    chains = [
        _chain("input", ["type filter hook input priority 0; policy drop;", NEIGHBOURS]),
        _chain("output", ["type filter hook output priority 0; policy drop;", NEIGHBOURS]),
        _chain("incoming", incoming),
        _chain("outgoing", outgoing),
        _chain(
            "forward",
            [
                "type filter hook forward priority 0; policy drop;",
                'iifname "net" oifname "server" jump incoming',
                'iifname "server" oifname "net" jump outgoing',
            ],
        ),
    ]
    body = "\n".join(chains)
    return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{body}\n}}\n"
