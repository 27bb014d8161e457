"""Every address that a lab can give to a server, whether it has done so or not."""

from __future__ import annotations

from lab.layout import SERVERS_V4

SERVERS_V6 = tuple(f"2001:db8:1:{number:x}::1" for number in range(1, len(SERVERS_V4) + 1))
"""The first address of each server's /64, the one that a machine gives itself."""

POOL = SERVERS_V4 + SERVERS_V6
