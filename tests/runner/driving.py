"""`python -m tests.runner.driving`: the driver's process with an order in place of a recipe.

Fake nodes have host keys and ports that no recipe gives them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from runner.alone import go_on_alone, holding
from runner.driver import carry_out
from runner.order import Order, Target


def encode(order: Order) -> bytes:
    """The order for the process's standard input."""
    return json.dumps(asdict(order)).encode()


def decode(text: str) -> Order:
    """Read what `encode` wrote."""
    told = json.loads(text)
    told["targets"] = tuple(Target(**one) for one in told["targets"])
    return Order(**{**told, "absent": tuple(told["absent"]), "offline": tuple(told["offline"])})


if __name__ == "__main__":
    go_on_alone()
    told = decode(sys.stdin.read())
    with holding(told.stack):
        code = carry_out(told)
    sys.exit(code)
