"""Prices of the user's own, out of a file."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from backplane.costs import given
from backplane.prices import CURRENCIES, Price
from scripts._problem import Problem

_LARGEST = 1 << 20
"""Characters of a file that are read."""


def read(path: Path) -> tuple[Price, ...]:
    """The prices of a file: `{hetzner: {cx23: 4.99, ipv4: 0.50}, aws: {disk: 0.0952}}`.

    Raises:
        Problem: It cannot be read, or a price in it is none.
    """
    try:
        with path.open(encoding="utf-8") as file:
            document = yaml.safe_load(file.read(_LARGEST))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(path, " ".join(str(error).split())[:300]) from error
    if not isinstance(document, dict):
        raise _wrong(path, "it is no mapping of clouds")
    return given({str(cloud): _cloud(path, cloud, some) for cloud, some in document.items()})


def _cloud(path: Path, cloud: object, things: object) -> dict[str, Decimal]:
    if cloud not in CURRENCIES:
        raise _wrong(path, f"`{cloud}` is none of {', '.join(sorted(CURRENCIES))}")
    if not isinstance(things, dict):
        raise _wrong(path, f"`{cloud}` is no mapping of things to prices")
    return {str(what): _amount(path, f"{cloud}.{what}", one) for what, one in things.items()}


def _amount(path: Path, where: str, told: Any) -> Decimal:  # noqa: ANN401 - whatever YAML has
    try:
        amount = Decimal("NaN") if isinstance(told, bool) else Decimal(str(told))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise _wrong(path, f"`{where}` is no price: a number of the cloud's currency a month")
    return amount


def _wrong(path: Path, why: str) -> Problem:
    return Problem(
        where=str(path),
        what="the prices cannot be read",
        why=why,
        fix="write them as docs/costs.md shows",
    )
