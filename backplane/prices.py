"""What clouds charge, as somebody has seen it: each price with its day and its source.

A price that no source tells for a place stands here not at all: it is unknown there, never zero.
All are without VAT, in the cloud's own currency, for machines that are ordered today.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

HOURS = 730
"""Hours of a month."""

IPV4 = "ipv4"
"""One public IPv4 address."""

DISK = "disk"
"""One GB of a machine's disk or of a volume."""

CURRENCIES: Mapping[str, str] = MappingProxyType({"hetzner": "EUR", "aws": "USD"})
"""By cloud; one that is not here meters nothing that is known of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one thing costs a month.

    Attributes:
        cloud: whose.
        what: a server type, `IPV4`, or `DISK` for each GB.
        places: locations where this was seen; none for everywhere.
        monthly: in the cloud's currency, net.
        seen: the day (ISO 8601) or the year of which the source speaks.
        source: where it was read.
    """

    cloud: str
    what: str
    places: tuple[str, ...] = ()
    monthly: Decimal
    seen: str
    source: str


def _hourly(price: str) -> Decimal:
    return Decimal(price) * HOURS


_LIST = "https://github.com/moveinfra/eu-cloud-prices (the clouds' own price lists)"

PRICES: tuple[Price, ...] = (
    # That list names the cloud and no location: taken for those in the EU.
    *(
        Price(
            cloud="hetzner",
            what=kind,
            places=("fsn1", "hel1", "nbg1"),
            monthly=Decimal(monthly),
            seen="2026-10-28",
            source=_LIST,
        )
        for kind, monthly in (("ccx13", "42.99"), ("ccx23", "85.99"), ("ccx33", "138.49"))
    ),
    Price(
        cloud="hetzner",
        what=IPV4,
        monthly=Decimal("0.50"),
        seen="2024-08-24",
        source="https://gist.github.com/justinharbour/d8075f4ddd406d236ee4220de932c2d7",
    ),
    Price(
        cloud="hetzner",
        what=DISK,
        monthly=Decimal("0.0572"),
        seen="2026-05-27",
        source="https://github.com/devantler-tech/platform/commit/cb791c6f (the price list)",
    ),
    Price(
        cloud="aws",
        what="m6a.large",
        places=("eu-central-1",),
        monthly=Decimal("75.55"),
        seen="2026-10-28",
        source=f"{_LIST}: 67.86 EUR, at its 1.1133 USD",
    ),
    Price(
        cloud="aws",
        what="t3.large",
        places=("us-east-1",),
        monthly=_hourly("0.0832"),
        seen="2026",
        source="https://go-cloud.io/?p=10607",
    ),
    Price(
        cloud="aws",
        what=IPV4,
        monthly=_hourly("0.005"),
        seen="2026-10-16",
        source="https://aws.amazon.com/vpc/pricing",
    ),
    Price(
        cloud="aws",
        what=DISK,
        places=("us-east-1",),
        monthly=Decimal("0.08"),
        seen="2026-10-16",
        source="https://aws.amazon.com/ebs/pricing",
    ),
)
"""Every price that is known, the first that fits a place holds."""
