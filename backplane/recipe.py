"""What all bundles of a mesh are made of, and the making: the one input of a rollout.

The state keeps this instead of the bundles, each of which holds a key for every peer: it grows with
the number of nodes and they would with its square.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from backplane import holders, keys
from backplane.declaration import parse
from backplane.keys import Card, Identity, SshKey
from backplane.plan import Plan, plan
from backplane.render.bundle import Bundle, bundle


def push_key(seed: str) -> SshKey:
    """The stack's one key that pushes, of its seed in base64."""
    return keys.ssh_key(b64decode(seed), purpose="push")


class Recipe(BaseModel):
    """A mesh and the stack's randomness. Secret.

    Attributes:
        project: the Pulumi project's name.
        stack: the Pulumi stack's name.
        program: versions of the node tool and of what makes bundles: other ones make others.
        mesh: the declaration, as the stack's config has it.
        absent: names of the nodes that this run goes on without.
        push_seed: of the key that pushes; this and all that is random in base64.
        seeds: of every node and person, by name.
        salts: the key salt of each plane, by slot, and that of consoles.
        roots: the PSK root of each plane, by slot.
        endpoints: the public address of every node, by name.
        private: the address of those that their sites call over a private network, by name.
        secrets: those that the declaration names, by name.
    """

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    project: str
    stack: str
    program: str
    mesh: JsonValue
    absent: list[str]
    push_seed: str = Field(repr=False)
    seeds: dict[str, str] = Field(repr=False)
    salts: dict[str, str] = Field(repr=False)
    roots: dict[str, str] = Field(repr=False)
    endpoints: dict[str, str]
    private: dict[str, str] = {}
    secrets: dict[str, str] = Field(repr=False)

    def encode(self) -> str:
        """One line of JSON, the same for the same content."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":")) + "\n"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote.

        Raises:
            ValueError: The text is no recipe; nothing of it is told.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            told = {str(place) for one in error.errors() for place in one["loc"][:1]}
            wrong = ", ".join(sorted(told & {*cls.model_fields})) or "as a whole"
            raise ValueError(f"what it is given is no recipe: {wrong}") from None

    def digest(self) -> str:
        """64 hex digits that change with anything in it, and tell nothing of what is random."""
        return hashlib.sha256(self.encode().encode()).hexdigest()

    @cached_property
    def plan(self) -> Plan:
        """The mesh."""
        whole = plan(parse(self.mesh), project=self.project, stack=self.stack)
        return whole.without(self.absent)

    @cached_property
    def directory(self) -> Mapping[str, Card]:
        """The public half of every node and person, by name."""
        login = push_key(self.push_seed).public
        nodes = {
            node.name: holders.node_card(
                self._identities[node.name],
                key=node.key,
                endpoint=self.endpoints[node.name],
                private=self.private.get(node.name),
            )
            for node in self.plan.nodes
        }
        people = {
            person.name: holders.card_of(person, self._identities[person.name], login)
            for person in self.plan.people
        }
        return {**people, **nodes}

    def bundles(self) -> Iterator[Bundle]:
        """The bundle of every node, in the plan's order."""
        roots = holders.decoded(self.roots)
        for node in self.plan.nodes:
            own = self._identities[node.name]
            yield bundle(self.plan, node.name, own, self.directory, roots, self.secrets)

    @cached_property
    def _identities(self) -> Mapping[str, Identity]:
        salts = holders.decoded(self.salts)
        nodes = {
            node.name: holders.of_node(
                node, b64decode(self.seeds[node.name]), salts, slots=self.plan.slots
            )
            for node in self.plan.nodes
        }
        people = {
            person.name: holders.of_person(person, b64decode(self.seeds[person.name]), salts)
            for person in self.plan.people
        }
        return {**people, **nodes}
