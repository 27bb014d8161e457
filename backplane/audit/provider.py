"""The names that clouds give to every address by themselves: they tell nothing of whose it is."""

from __future__ import annotations

import ipaddress
import re

_AMAZON = re.compile(
    r"ec2-(?P<host>[0-9-]+)\."
    r"(compute-1\.amazonaws\.com|[a-z0-9-]+\.compute\.amazonaws\.com(\.cn)?)"
)


def default(address: str, name: str) -> bool:
    """Whether `name` is what its cloud calls `address` unless somebody says otherwise.

    Hetzner: `static.`, the octets backwards, `.clients.your-server.de`
    (https://docs.hetzner.com/cloud/servers/faq/). AWS: `ec2-`, the octets, then `.compute-1` or
    the region's `.compute` (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html). IPv6
    addresses have none.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return False
    said = name.lower().rstrip(".")
    backwards = ".".join(reversed(str(parsed).split(".")))
    if said == f"static.{backwards}.clients.your-server.de":
        return True
    amazon = _AMAZON.fullmatch(said)
    return amazon is not None and amazon["host"] == str(parsed).replace(".", "-")
