"""An audit of the example's mesh: what is ordered, and what a vantage tells of it."""

from __future__ import annotations

import json
from typing import Any

from backplane.audit import heard, judge
from backplane.audit import order as orders
from backplane.audit.heard import Heard
from backplane.audit.judge import Verdict
from backplane.audit.order import Order
from tests.core import exported

OUTPUTS = exported.outputs()
ORDER = orders.of(OUTPUTS)
A4, A6 = OUTPUTS.nodes["fsn-a"].public.ipv4, str(OUTPUTS.nodes["fsn-a"].public.ipv6)
POINTER = ORDER.questions[0][0]
STRANGER = "192.0.2.99"
Json = dict[str, Any]


def dark(order: Order = ORDER) -> Json:
    """What a vantage tells of a mesh that is dark, as the program prints it."""
    ways = [(kind, family) for kind in ("tcp", "udp", "echo") for family in ("ipv4", "ipv6")]
    return {
        "version": 1,
        "python": "3.11.2",
        "sent": order.knocks,
        "seconds": 61.25,
        "answers": [],
        "failures": [],
        "replies": [
            {"name": name, "type": kind, "code": 3, "records": []} for name, kind in order.questions
        ],
        "controls": [
            {
                "when": when, "host": "1.1.1.1", "kind": kind, "family": family,
                "answered": True, "detail": "open",
            }
            for when in ("before", "after")
            for kind, family in ways
        ],
        "sources": {
            at: {"address": "192.0.2.50", "interface": "eth0", "tunnel": False}
            for at in order.targets
        },
    }  # fmt: skip


def read(told: Json, order: Order = ORDER) -> Heard:
    """Read it, as the verb does."""
    return heard.read(json.dumps(told), order)


def judged(told: Json, order: Order = ORDER) -> Verdict:
    """What it comes to."""
    return judge.judge(order, read(told, order))


def answered(**more: Any) -> Json:  # noqa: ANN401 - fields of the program's answer
    """An accepted connection to fsn-a, or what is given."""
    usual = {
        "address": A4, "kind": "tcp", "what": "open", "by": None, "ports": [22], "count": 1,
        "detail": "",
    }  # fmt: skip
    return {**usual, **more}
