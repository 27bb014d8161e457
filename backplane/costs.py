"""What a mesh costs a month: what is known of it, and by name what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from backplane.clouds import CLOUDS
from backplane.pairing import Json, part
from backplane.prices import CURRENCIES, DISK, IPV4, PRICES, Price

LEFT_OUT = "traffic, volumes, backups, VAT and the state's own storage are left out"
"""What no estimate knows: it follows from use, or is not ordered by this program."""

GIVEN = "given by you"
"""In the place of a day and a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Things of one kind.

    Attributes:
        what: in words.
        number: how many, in the unit that is paid for.
        price: what one costs; None where that is not known.
    """

    what: str
    number: int
    price: Price | None

    @property
    def monthly(self) -> Decimal | None:
        """What all of them cost; None where that is not known."""
        return None if self.price is None else self.price.monthly * self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month of a mesh.

    Attributes:
        items: what is paid for, by cloud.
        own: machines of somebody's own, whose price nobody knows here.
    """

    items: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    own: int = 0

    @property
    def unknown(self) -> tuple[str, ...]:
        """What has no price, with its number, by cloud and name."""
        found = [
            f"{item.number} x {item.what}"
            for items in self.items.values()
            for item in items
            if item.price is None
        ]
        own = [f"{self.own} x machine of your own"] if self.own else []
        return (*found, *own)

    def __str__(self) -> str:
        """The sum in each currency, as far as it is known."""
        sums = []
        for cloud, items in self.items.items():
            known = [item.monthly for item in items if item.monthly is not None]
            if known:
                least = "at least " if len(known) < len(items) else ""
                sums.append(f"{least}{sum(known, Decimal(0)):.2f} {CURRENCIES[cloud]}")
        if sums:
            return " and ".join(sums)
        return "unknown" if self.unknown else "nothing"


def bill(picture: Json, prices: Sequence[Price] = PRICES) -> Bill:
    """What the machines of a picture cost, with their disks and addresses.

    Machines that are off or retire are paid for until they are gone.

    Args:
        picture: of the mesh.
        prices: the first one that fits holds.
    """
    nodes = part(picture, "nodes").values()
    counted: Counter[tuple[str, str, str]] = Counter()
    for node in nodes:
        cloud, place = node.get("cloud"), node.get("location")
        if cloud in CURRENCIES:
            counted[cloud, node["type"], place] += 1
            counted[cloud, IPV4, place] += 1
            if disk := CLOUDS[cloud].disk:
                counted[cloud, DISK, place] += disk
    items: dict[str, list[Item]] = {}
    for (cloud, what, place), number in sorted(counted.items()):
        item = Item(
            what=f"{called(what)} in {place}",
            number=number,
            price=_price(cloud, what, place, prices),
        )
        items.setdefault(cloud, []).append(item)
    own = sum(node.get("cloud") not in CURRENCIES for node in nodes)
    return Bill(items={cloud: tuple(some) for cloud, some in items.items()}, own=own)


def told(old: Json | None, new: Json, given: Iterable[Price] = ()) -> str:
    """A month before and after, in a line, with what it does not know.

    Args:
        old: the picture before, if there was one.
        new: the picture after.
        given: prices that go before ours.
    """
    prices = (*given, *PRICES)
    after = bill(new, prices)
    before = bill(old, prices) if old is not None else Bill()
    said = f"{before} → {after}" if str(before) != str(after) else f"{after}, as before"
    wanting = dict.fromkeys((*before.unknown, *after.unknown))
    unknown = f"; **no price is known of {', '.join(wanting)}**" if wanting else ""
    return f"{said}{unknown}; {LEFT_OUT}"


def called(what: str) -> str:
    """A priced thing in words; a server type is called what it is."""
    return {IPV4: "IPv4 address", DISK: "GB of disk"}.get(what, what)


def given(told: Mapping[str, Mapping[str, Decimal]]) -> tuple[Price, ...]:
    """Prices of the user's own: by cloud and thing, what one costs a month."""
    return tuple(
        Price(cloud=cloud, what=what, monthly=monthly, seen=GIVEN, source=GIVEN)
        for cloud, things in told.items()
        for what, monthly in things.items()
    )


def _price(cloud: str, what: str, place: str, prices: Iterable[Price]) -> Price | None:
    fits = (one for one in prices if (one.cloud, one.what) == (cloud, what))
    return next((one for one in fits if not one.places or place in one.places), None)
