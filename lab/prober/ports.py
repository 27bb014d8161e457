"""What the stranger knocks on, as data."""

from __future__ import annotations

WIREGUARD = (51820, 51821, 51822, 51823)

AUDIT_UDP = (53, 68, 123, 3784, 5353, *range(51820, 51836))
"""UDP ports that a scan after the fact asks: services this program knows, and the link ports."""

# Source: nmap 7.93 `nmap -oG - -v --top-ports 100` (its list of the most often open TCP ports).
_TOP_100 = """
7,9,13,21-23,25-26,37,53,79-81,88,106,110-111,113,119,135,139,143-144,179,199,389,427,443-445,
465,513-515,543-544,548,554,587,631,646,873,990,993,995,1025-1029,1110,1433,1720,1723,1755,1900,
2000-2001,2049,2121,2717,3000,3128,3306,3389,3986,4899,5000,5009,5051,5060,5101,5190,5357,5432,
5631,5666,5800,5900,6000-6001,6646,7070,8000,8008-8009,8080-8081,8443,8888,9100,9999-10000,32768,
49152-49157
"""


def expand(text: str) -> tuple[int, ...]:
    """Turn nmap's notation `7,21-23` into the ports it names, in order."""
    ports: list[int] = []
    for part in text.replace("\n", "").split(","):
        first, _, last = part.partition("-")
        ports += range(int(first), int(last or first) + 1)
    return tuple(ports)


TOP_TCP = expand(_TOP_100)
