"""The page of costs: its tables are computed from the one list of prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backplane import costs
from backplane.declaration import parse
from backplane.picture import picture
from backplane.plan import plan
from backplane.prices import CURRENCIES, HOURS, PRICES
from backplane.render.wireguard import KEEPALIVE
from backplane.report.markdown import table
from tests.core import golden

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"
NODES = 20
SITES: dict[str, dict[str, Any]] = {
    "hetzner": {"cloud": "hetzner", "location": "fsn1", "type": "ccx13"},
    "aws": {"cloud": "aws", "location": "eu-central-1", "type": "m6a.large"},
}


def example(cloud: str) -> costs.Bill:
    """The month of twenty nodes on two sites of one cloud."""
    sites = {
        name: {
            **SITES[cloud],
            "id": number,
            "nodes": {f"{name}-{one}": {"id": one} for one in range(1, NODES // 2 + 1)},
        }
        for number, name in enumerate(("one", "two"), start=1)
    }
    return costs.bill(picture(plan(parse({"sites": sites}), project="backplane", stack="prod")))


def twenty(cloud: str) -> str:
    """Its table."""
    bill, currency = example(cloud), CURRENCIES[cloud]
    rows = []
    for item in bill.items[cloud]:
        one = f"{item.price.monthly:.2f}" if item.price else "unknown"
        whole = f"{item.monthly:.2f}" if item.monthly is not None else "unknown"
        seen = item.price.seen if item.price else "fill it in"
        rows.append((item.what, str(item.number), one, whole, seen))
    rows.append(("**together**", "", "", f"**{bill}**", ""))
    return table(("what", "number", f"{currency} each", f"{currency} a month", "seen"), rows)


def prices() -> str:
    """Every known price with its day and source."""
    return table(
        ("cloud", "what", "where", "a month", "seen", "source"),
        [
            (
                one.cloud,
                costs.called(one.what),
                ", ".join(one.places) or "everywhere",
                f"{one.monthly.normalize():f} {CURRENCIES[one.cloud]}",
                one.seen,
                one.source,
            )
            for one in PRICES
        ],
    )


@pytest.mark.parametrize("name", ["hetzner", "aws", "prices"])
def test_the_tables_are_computed(name: str) -> None:
    """Each table stands in the page as it follows from the prices; a changed price changes it."""
    golden.section(PAGE, name, prices() if name == "prices" else twenty(name))


def test_what_is_not_known_is_not_summed_up() -> None:
    """AWS's disks have no price from a source in Frankfurt: the sum says that it is a least one."""
    assert str(example("aws")).startswith("at least ")
    assert example("aws").unknown == ("400 x GB of disk in eu-central-1",)
    assert example("hetzner").unknown == ()


def test_the_idle_mesh_is_counted() -> None:
    """Keepalives of 32 octets and handshakes of 148 and 92 (wireguard.com/protocol), 28 around."""
    seconds, planes, around = HOURS * 3600, 4, 28
    directions = NODES * (NODES - 1) * planes
    kept = directions * seconds / KEEPALIVE * (32 + around)
    shaken = directions / 2 * seconds / 120 * (148 + 92 + 2 * around)
    whole = (kept + shaken) / 10**9
    text = PAGE.read_text(encoding="utf-8")
    assert f"{whole:.1f} GB a month" in text
    assert f"{whole * 0.01 * 2:.2f} USD" in text
