"""Orders of an audit made by hand, and the program that carries them out here."""

from __future__ import annotations

import json
from typing import Any

from scripts import _vantage
from tests.core import exported, golden

HERE = "127.0.0.1"
OUTPUTS = golden.DIRECTORY / exported.DOCUMENT
Json = dict[str, Any]


def order(**more: Any) -> Json:  # noqa: ANN401 - fields of an order
    """An order about this computer that asks nothing, but for what is given."""
    usual: Json = {
        "version": 1, "addresses": [HERE], "tcp": [], "udp": [], "echo": False, "names": False,
        "questions": [], "controls": [], "resolver": HERE, "gap": 0.001, "patience": 0.5,
        "tries": 2,
    }  # fmt: skip
    return {**usual, **more}


def look(order: Json) -> Json:
    """What the program prints, as it runs at a vantage."""
    told: Json = json.loads(_vantage.look(_vantage.of("local"), order, 60, lambda *_: None))
    return told
