"""What other programs may rely on in a stack's plain outputs, version 1: models and their schema.

Within a version a field never goes away, never changes its type and never its meaning; new ones
may come, at every level. `docs/outputs.schema.json` is written from these models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from backplane.contract_kinds import Identifier, Lines
from backplane.contract_parts import Dns, Node, Part, Plan
from backplane.mistakes import Mistake
from backplane.model import Name
from backplane.translate import shown


class Outputs(Part):
    """The plain outputs of a Backplane stack."""

    version: Literal[1]
    """The version of this contract."""
    nodes: dict[Name, Node]
    """Every node by name."""
    plan: Plan
    """What was computed before any resource existed."""
    ssh_config: Lines
    """Text for ~/.ssh/config: every node by its name, over management."""
    known_hosts: Lines
    """Text for ~/.ssh/known_hosts: the host keys that the names of ssh_config pin."""
    firewall_ids: dict[Name, Identifier]
    """By site, the id of the firewall at its cloud; a cloud without one leaves its sites out."""
    server_ids: dict[Name, Identifier]
    """By node, the id of the machine at its cloud."""
    dns: Dns
    """Names of machines and services."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """What is named is there."""
        told = [
            *(name for nodes in self.dns.services.values() for name in nodes),
            *self.dns.servers,
            *self.plan.openings,
            *self.server_ids,
        ]
        if strange := sorted({*told} - {*self.nodes}):
            raise ValueError(f"there is no node {', '.join(strange)}")
        planes = {plane.slot for plane in self.plan.planes}
        if dark := sorted(n for n, one in self.nodes.items() if planes - {*one.addresses}):
            raise ValueError(f"{', '.join(dark)} has no address on some plane in use")
        if outside := sorted({*self.dns.zones} - planes):
            raise ValueError(f"{', '.join(outside)} has a zone and is not in use")
        return self


class ContractError(Exception):
    """A document that does not keep the contract; `mistakes` has all of them, sorted."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n\n".join(map(str, self.mistakes)))


_FIX = "run `pulumi up` with this version of Backplane, or read it with the one that wrote it"


def parse(document: Mapping[str, Any]) -> Outputs:
    """Check outputs, as `pulumi stack output --json` prints them, and leave secret ones behind.

    Raises:
        ContractError: with every mistake.
    """
    # What is no field of the contract may be a secret, in clear where somebody asked for that.
    plain = {name: document[name] for name in Outputs.model_fields if name in document}
    try:
        return Outputs.model_validate(plain)
    except ValidationError as error:
        raise ContractError([*_mistakes(error)]) from None


def _mistakes(error: ValidationError) -> Iterator[Mistake]:
    whats = {"missing": "is missing", "value_error": "does not fit together"}
    for details in error.errors(include_url=False):
        # What a field holds is shown, the whole document is not.
        kind = details["type"] if details["type"] == "missing" or not details["loc"] else ""
        yield Mistake(
            path=_printable(".".join(map(str, details["loc"]))) or "outputs",
            what=_printable(whats.get(kind, f"is {shown(details['input'])}")),
            rule=details["msg"],
            fix=_FIX,
        )


def _printable(said: str) -> str:
    """What a document says, so that a terminal shows it and obeys none of it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in said)


def text(outputs: Outputs) -> str:
    """The contract as one JSON document, its keys sorted."""
    return as_json(outputs.model_dump(mode="json"))


def as_json(document: object) -> str:
    """A document as JSON for people and programs: the same bytes every time."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _Schema(GenerateJsonSchema):
    """Says of names that are keys what they must look like, where pydantic lets others pass."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        for pattern, value in made.pop("patternProperties", {}).items():
            made |= {"additionalProperties": value, "propertyNames": {"pattern": pattern}}
        return made


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the plain outputs as one document."""
    schema = Outputs.model_json_schema(
        ref_template="#/$defs/{model}", mode="validation", schema_generator=_Schema
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{key: value for key, value in schema.items() if key != "$defs"},
        "$defs": dict(sorted(schema["$defs"].items())),
    }
