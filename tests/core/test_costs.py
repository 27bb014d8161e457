"""What a mesh costs: sums of what is known, names of what is not, and never a silent zero."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from backplane import costs
from backplane.declaration import parse
from backplane.picture import picture
from backplane.plan import plan
from backplane.prices import CURRENCIES, DISK, IPV4, PRICES
from tests.core import example


def _picture(raw: dict[str, Any]) -> dict[str, Any]:
    return picture(plan(parse(raw), project="backplane", stack="lab"))


def _mesh(number: int, **site: Any) -> dict[str, Any]:  # noqa: ANN401 - any fields
    nodes = {f"n-{one}": {"id": one} for one in range(1, number + 1)}
    return _picture({"sites": {"fsn": {"id": 1, "location": "fsn1", **site, "nodes": nodes}}})


@pytest.mark.parametrize("price", PRICES, ids=lambda price: f"{price.cloud} {price.what}")
def test_every_price_has_a_day_and_a_source(price: object) -> None:
    """And is more than nothing, of a cloud with a currency."""
    [known] = [one for one in PRICES if one is price]
    assert known.cloud in CURRENCIES
    assert known.monthly > 0
    assert re.fullmatch(r"20\d\d(-\d\d-\d\d)?", known.seen)
    assert known.source.startswith("https://")


def test_a_sum_is_of_machines_disks_and_addresses() -> None:
    """A Hetzner server has its disk; at AWS 20 GB of it are paid for by themselves."""
    assert str(costs.bill(_mesh(2, type="ccx13"))) == "86.98 EUR"
    own = costs.given({"aws": {"t3.small": Decimal(10), IPV4: Decimal(3), DISK: Decimal("0.1")}})
    aws = _mesh(2, cloud="aws", location="eu-central-1")
    assert str(costs.bill(aws, own)) == "30.00 USD"


def test_what_has_no_price_is_named() -> None:
    """An unknown type, or a known one at another place, is no zero: the sum is a least one."""
    for found in (_mesh(3, type="cx99"), _mesh(3, type="ccx13", location="ash")):
        bill = costs.bill(found)
        assert str(bill) == "at least 1.50 EUR"
        [unknown] = bill.unknown
        assert unknown.startswith("3 x c")
    aws = costs.bill(_mesh(1, cloud="aws", location="eu-north-1"), ())
    assert str(aws) == "unknown"
    assert aws.unknown == (
        "20 x GB of disk in eu-north-1",
        "1 x IPv4 address in eu-north-1",
        "1 x t3.small in eu-north-1",
    )


def test_machines_of_ones_own_are_unknown() -> None:
    """They cost something, and nobody here knows what."""
    nodes = {"a": {"id": 1, "machine": {"ipv4": "203.0.113.7", "host_key": "first-seen"}}}
    raw = {"sites": {"rack": {"id": 1, "cloud": "existing", "nodes": nodes}}}
    assert str(costs.bill(_picture(raw))) == "unknown"
    assert costs.bill(_picture(raw)).unknown == ("1 x machine of your own",)


def test_the_line_tells_before_and_after_and_its_gaps() -> None:
    """What you give goes before what is known; a mesh that was not there cost nothing."""
    old, new = _mesh(2, type="ccx13"), _mesh(3, type="ccx13")
    assert costs.told(old, new) == f"86.98 EUR → 130.47 EUR; {costs.LEFT_OUT}"
    assert costs.told(None, old) == f"nothing → 86.98 EUR; {costs.LEFT_OUT}"
    assert costs.told(old, old).startswith("86.98 EUR, as before; ")
    given = costs.given({"hetzner": {"ccx13": Decimal(1), IPV4: Decimal(0)}})
    assert costs.told(old, new, given).startswith("2.00 EUR → 3.00 EUR; ")
    line = costs.told(old, _mesh(2, type="cx23"))
    assert "86.98 EUR → at least 1.00 EUR" in line
    assert "**no price is known of 2 x cx23 in fsn1**" in line


def test_private_networks_change_no_sum() -> None:
    """They cost nothing by themselves, at either cloud."""
    raw = example.raw()
    before = str(costs.bill(_picture(raw)))
    raw["sites"]["fsn"]["private_network"] = True
    assert str(costs.bill(_picture(raw))) == before
