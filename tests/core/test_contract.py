"""The contract of the plain outputs: its schema is current, and only additions go into it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from backplane import contract
from backplane.contract import ContractError
from backplane.rule import NAME_PATTERN
from scripts._problem import describe
from tests.core import contracts, exported, golden

DOCS = golden.DIRECTORY.parents[1] / "docs"
NAME = "outputs.schema.json"
COMMITTED: dict[str, Any] = json.loads((DOCS / NAME).read_text(encoding="utf-8"))
FIELDS = [*contracts.fields(COMMITTED)]


def test_the_committed_contract_is_kept_and_current() -> None:
    """Nothing that `docs/outputs.schema.json` promises is broken, and it has all that is new.

    `BACKPLANE_GOLDEN=write` comes too late for a breaking change: that needs a higher version.
    """
    schema = contract.json_schema()
    assert contracts.refused(COMMITTED, schema) == []
    golden.compare(NAME, json.dumps(schema, indent=2, ensure_ascii=False) + "\n", directory=DOCS)


def _changed(place: contracts.Path, change: str) -> dict[str, Any]:
    """The committed contract with one field changed."""
    schema = copy.deepcopy(COMMITTED)
    owner, name = contracts.at(schema, place[:-2]), str(place[-1])
    inside = owner["properties"]
    if change in {"gone", "renamed"}:
        field = inside.pop(name)
        owner["required"].remove(name)
        if change == "renamed":
            inside[f"{name}_new"] = field
            owner["required"].append(f"{name}_new")
    elif change == "optional":
        owner["required"].remove(name)
    elif change == "nullable":
        inside[name] = {"anyOf": [inside[name], {"type": "null"}]}
    elif change == "retyped":
        other = "integer" if inside[name].get("type") == "string" else "string"
        inside[name] = {"type": other}
    return schema


@pytest.mark.parametrize("change", ["gone", "renamed", "optional", "nullable", "retyped"])
@pytest.mark.parametrize("place", FIELDS, ids=lambda place: "-".join(map(str, place[1:])))
def test_a_breaking_change_of_any_field_is_found(place: contracts.Path, change: str) -> None:
    """Whichever field goes, moves, may be missing or empty, or has another type, is named."""
    found = contracts.refused(COMMITTED, _changed(place, change))
    assert found
    assert any(f".{place[-1]}" in line for line in found)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("$defs", "Node", "properties", "generation"), "pattern", "^.*$"),
        (("$defs", "Opening", "properties", "proto"), "enum", ["tcp", "udp", "sctp"]),
        (("$defs", "Opening", "properties", "port"), "maximum", 99999),
        (("$defs", "Dns", "properties", "guests", "items"), "type", "integer"),
        (("properties", "nodes", "additionalProperties"), "$ref", "#/$defs/Pair"),
    ],
)
def test_a_change_of_what_a_field_may_hold_is_found(
    place: contracts.Path, key: str, value: object
) -> None:
    """Another pattern, one more value, a wider range, other items, another model."""
    schema = copy.deepcopy(COMMITTED)
    contracts.at(schema, place)[key] = value
    assert contracts.refused(COMMITTED, schema)


def test_what_is_added_breaks_nothing() -> None:
    """A new field, required or not, at any level, a new definition, other words."""
    schema = copy.deepcopy(COMMITTED)
    schema["description"] = "Other words."
    schema["$defs"]["New"] = {"type": "object", "properties": {}}
    for place in [(), *(("$defs", name) for name in COMMITTED["$defs"])]:
        owner = contracts.at(schema, place)
        owner["properties"]["colour"] = {"type": "string"}
        owner["properties"]["shape"] = {"$ref": "#/$defs/New"}
        owner["required"].append("colour")
    assert contracts.refused(COMMITTED, schema) == []


def test_a_higher_version_may_break_and_a_lower_may_not() -> None:
    """What is gone in version 2 is no finding; the same in version 0 is."""
    for version, found in ((2, False), (0, True)):
        schema = _changed(FIELDS[1], "gone")
        schema["properties"]["version"]["const"] = version
        assert bool(contracts.refused(COMMITTED, schema)) is found


def test_every_object_takes_new_fields_and_every_field_is_told() -> None:
    """No object of the contract is closed; each of its fields is required and has a sentence."""
    for name, one in {"Outputs": COMMITTED, **COMMITTED["$defs"]}.items():
        assert one["additionalProperties"] is True, name
        assert one["required"] == [*one["properties"]], name
    for place in FIELDS:
        field = contracts.at(COMMITTED, place)
        told = field if "$ref" not in field else {**_named(field), **field}
        assert told["description"].endswith("."), place


def _named(field: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = COMMITTED["$defs"][field["$ref"].rpartition("/")[2]]
    return found


def test_a_document_is_read_without_its_secrets() -> None:
    """Outputs that are no part of the contract are left behind, also where they are in clear."""
    document = {**exported.document(), "runner": {"push_key": "canary-7716"}, "own": "x"}
    text = contract.text(contract.parse(document))
    assert "canary-7716" not in text
    assert json.loads(text) == exported.document()


@pytest.mark.parametrize(
    ("place", "value", "where", "what"),
    [
        (("version",), 2, "version", "is `2`"),
        (("nodes", "fsn-a", "endpoint"), "198.51.100.017", "nodes.fsn-a.endpoint", "017"),
        (("nodes", "fsn-a", "offline"), "no", "nodes.fsn-a.offline", "no"),
        (("plan", "planes", 0, "port"), 0, "plan.planes.0.port", "is `0`"),
        (("nodes", "fsn-a", "addresses", "fifth"), {}, "fifth", "is"),
        (("dns", "services", "wiki.mgmt"), ["nobody"], "outputs", "does not fit together"),
        (("ssh_config",), "no line", "ssh_config", "no line"),
        (("known_hosts",), "[secret]", "known_hosts", "secret"),
    ],
)
def test_what_does_not_keep_the_contract_is_told(
    place: contracts.Path, value: object, where: str, what: str
) -> None:
    """Another version, a value of another kind, a node that is not there: where, what, why, fix."""
    document = exported.document()
    contracts.at(document, place[:-1])[place[-1]] = value
    with pytest.raises(ContractError) as caught:
        contract.parse(document)
    told = describe(caught.value)
    assert [label for label, _ in told[:4]] == ["where", "what", "why", "fix"]
    assert any(where in text for label, text in told if label == "where")
    assert any(what in text for label, text in told if label == "what")


_EVIL = ["x -o ProxyCommand=touch", "../x", "x\n", "X", "", "a'b", "{{x}}", "x" * 64]


@pytest.mark.parametrize("evil", _EVIL)
def test_a_name_is_one_wherever_it_stands(evil: str) -> None:
    """No key, zone or reference of another form passes, so that no format has to quote one."""
    for mapping in ("nodes", "firewall_ids", "plan.sites", "plan.people", "dns.servers"):
        document = exported.document()
        owner = contracts.at(document, tuple(mapping.split(".")))
        owner[evil] = owner.pop(min(owner))
        assert _refused(document, "[key]")
    for place in (
        ("dns", "zones", "management"),
        ("dns", "services", "wiki.mgmt", 0),
        ("dns", "guests", 0),
        ("nodes", "fsn-a", "site"),
        ("nodes", "fsn-a", "roles", 0),
        ("plan", "nodes", "fsn-a", "was"),
    ):
        document = exported.document()
        contracts.at(document, place[:-1])[place[-1]] = evil
        assert _refused(document, ".".join(map(str, place)))


@pytest.mark.parametrize("evil", ["a\nb", "\x1b[2J", "a'b", 'a"b', "$(x)", "`x`", ""])
def test_other_words_are_a_line_without_quotes(evil: str) -> None:
    """Nor has a type, an image, a location or an id one; the cloud's own words pass."""
    for place in (
        ("server_ids", "fsn-a"),
        ("plan", "sites", "fsn", "location"),
        ("plan", "nodes", "fsn-a", "type"),
        ("plan", "nodes", "fsn-a", "image"),
    ):
        document = exported.document()
        contracts.at(document, place[:-1])[place[-1]] = evil
        assert _refused(document, ".".join(place))
    document = exported.document()
    document["plan"]["nodes"]["fsn-a"] |= {"image": "debian-12, snapshot 7", "type": "m7g.large"}
    document["dns"]["zones"]["management"] = "mgmt.example.org"
    contract.parse(document)


def _refused(document: dict[str, Any], where: str) -> bool:
    """Whether a document is refused there, in words that a terminal shows as they are."""
    with pytest.raises(ContractError) as caught:
        contract.parse(document)
    told = [one for one in caught.value.mistakes if one.path.endswith(where)]
    return bool(told) and all(f"{one.path}{one.what}".isprintable() for one in told)


def test_the_schema_says_of_keys_what_the_models_do() -> None:
    """Every mapping by name has a pattern for its keys, and none lets another key pass."""
    text = json.dumps(contract.json_schema())
    assert "patternProperties" not in text
    for place in (("nodes",), ("firewall_ids",), ("server_ids",)):
        field = contracts.at(contract.json_schema()["properties"], place)
        assert field["propertyNames"] == {"pattern": NAME_PATTERN}


def test_all_mistakes_are_told_at_once() -> None:
    """Two fields that are missing are two mistakes of one error."""
    document = exported.document()
    del document["nodes"]["fsn-a"]["site"], document["dns"]
    with pytest.raises(ContractError) as caught:
        contract.parse(document)
    assert [one.path for one in caught.value.mistakes] == ["dns", "nodes.fsn-a.site"]
    assert {one.what for one in caught.value.mistakes} == {"is missing"}
