"""The mesh with names, and monitoring, a node that is offline and one that retires, as outputs."""

import json
from typing import Any

from backplane import contract
from backplane.check import checked_plan
from backplane.contract import Outputs
from backplane.plan import Plan
from tests.core import golden, named

DOCUMENT = "export/outputs.json"
"""The golden file that holds its plain outputs; the program itself wrote them, under mocks."""


def raw() -> dict[str, Any]:
    """The declaration, fresh each time."""
    declared = named.raw()
    fsn, hel = (declared["sites"][name]["nodes"] for name in ("fsn", "hel"))
    fsn["fsn-b"]["roles"] = ["alertmanager", "prometheus"]
    hel["hel-b"]["offline"] = True
    hel["hel-old"] = {"id": 9, "retire": True, "roles": ["prometheus", "wiki"]}
    declared["segments"] = {"lan": {"id": 1, "nodes": ["fsn-a", "hel-b"]}}
    declared["planes"]["storage"] = {"rotated": {"keys": "1970-01-02"}}
    return declared


def plan() -> Plan:
    """The plan of it."""
    return checked_plan(raw(), project="backplane", stack="lab")


def document() -> dict[str, Any]:
    """Its plain outputs, fresh each time."""
    text = (golden.DIRECTORY / DOCUMENT).read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def outputs() -> Outputs:
    """The same, checked."""
    return contract.parse(document())
