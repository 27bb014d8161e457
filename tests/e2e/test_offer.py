"""What is told before a run: the price and the time, and what the run's name means."""

from __future__ import annotations

import ast
from decimal import Decimal

import pytest

from backplane.declaration import DeclarationError, parse
from tests.core import golden
from tests.e2e import offer
from tests.e2e.clouds import CLOUDS, HETZNER
from tests.e2e.fakes import STACK
from tests.gate import tree


@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_the_price_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that is paid for, the expected and the longest time, what either costs."""
    monkeypatch.setattr(offer, "locked", lambda _: "1.2.3")
    golden.compare(f"e2e/{name}.txt", offer.told(CLOUDS[name], STACK) + "\n")


def test_the_sum_is_that_of_the_rows() -> None:
    """Two servers and two addresses, each for each started hour; IPv6 costs nothing."""
    assert HETZNER.cost(1) == Decimal("0.044")
    assert HETZNER.cost(3) == 3 * HETZNER.cost(1)
    assert HETZNER.cost(0) == 0


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_whatever_is_ordered_is_in_the_price(cloud: offer.Cloud) -> None:
    """Of machines and addresses the prices count as many as there are places."""
    numbers = {price.what: price.number for price in cloud.prices}
    assert numbers["IPv4 address"] == len(cloud.places) == 2
    assert sum(number for what, number in numbers.items() if "cx23" in what or "t3" in what) == 2
    assert len({place.location for place in cloud.places}) == 2


def _known(cloud: offer.Cloud) -> bool:
    """Whether sites can be at that cloud at all."""
    site = {"id": 1, "cloud": cloud.name, "location": cloud.places[0].location}
    try:
        parse({"sites": {"a": {**site, "nodes": {"a": {"id": 1}}}}})
    except DeclarationError:
        return False
    return True


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=lambda cloud: cloud.name)
def test_a_row_is_a_declaration(cloud: offer.Cloud) -> None:
    """Valid, with nothing protected and nodes named after the run; a stray word is refused.

    While this checkout does not know a row's cloud, Hetzner's words stand in its words' place.
    """
    mesh = cloud.mesh(STACK)
    if not _known(cloud):
        for site in mesh["sites"].values():
            site.update(cloud=HETZNER.name, type=HETZNER.places[0].type)
    declared = parse(mesh)
    assert not declared.protect
    names = {name for site in declared.sites.values() for name in site.nodes}
    assert names == {f"{STACK}-{place.site}" for place in cloud.places}
    with pytest.raises(DeclarationError):
        parse({**mesh, "fifth": True})


def test_a_runs_name_is_its_own_and_known_again() -> None:
    """Another one each time, in a form that no person's stack has by chance."""
    names = {offer.fresh() for _ in range(50)}
    assert len(names) == 50
    assert all(offer.STACK.fullmatch(name) for name in names)
    for name in ("prod", "e2e", "e2e-", "e2e-0BADCAFE", "e2e-0badcafe-x", "xe2e-0badcafe", ""):
        assert not offer.STACK.fullmatch(name)


def test_the_label_is_the_programs() -> None:
    """The one that the program gives to what it makes."""
    told = [
        node.value.value
        for file in tree.python()
        if tree.short(file).startswith(("backplane/", "components/"))
        for node in tree.parsed(file).body
        if isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == ["STACK_LABEL"]
        and isinstance(node.value, ast.Constant)
    ]
    assert told == [offer.LABEL]


def test_the_version_is_that_of_the_lock() -> None:
    """Of a package that is not locked there is none."""
    version = offer.locked("hcloud")
    assert version is not None
    assert f"pulumi-hcloud=={version}" in (tree.ROOT / "requirements.txt").read_text()
    assert offer.locked("moon") is None
