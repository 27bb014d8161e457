"""The editor's schema of a stack file is current and as strict as the models."""

import json
from typing import Any

from backplane.declaration import json_schema
from backplane.rules import RULES
from tests.core import golden

STACKS = golden.DIRECTORY.parents[1] / "stacks"


def test_the_committed_schema_is_current() -> None:
    """`stacks/schema.json` is what the models say now."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    golden.compare("schema.json", text, directory=STACKS)


def _objects(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in schema["$defs"].items() if one.get("type") == "object"}


def test_unknown_keys_are_wrong_in_editors_too() -> None:
    """Every mapping of ours forbids what it does not know; a stack file's other parts are free."""
    schema = json_schema()
    assert set(_objects(schema)) == {
        "Console",
        "Declaration", "Dns", "Grafana", "Keep", "Login", "Machine", "Monitoring", "Nginx", "Node",
        "Operator", "PlaneSettings", "Pool", "Postgres", "Proxy", "Receiver", "Replication",
        "Rotated",
        "Runner", "Segment", "Service", "Site", "Traffic"
    }  # fmt: skip
    assert all(one["additionalProperties"] is False for one in _objects(schema).values())
    assert "additionalProperties" not in schema


def test_every_field_explains_itself() -> None:
    """Each field carries its rule as description, and each rule belongs to a field."""
    told = {
        field["description"]
        for one in _objects(json_schema()).values()
        for field in one["properties"].values()
    }
    fields = {path for path in RULES if path and not path.endswith("*")}
    assert told == {RULES[path].rule for path in fields}
