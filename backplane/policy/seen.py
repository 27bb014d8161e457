"""Resources as a rule sees them, whoever tells of them: an engine, a preview or a state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

NODE = "backplane:index:Node"
"""The component that a node's machine and addresses belong to."""


class Mark(Enum):
    """What stands where a value cannot be read."""

    SECRET = "secret"  # noqa: S105 - the mark, no secret
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One resource.

    Attributes:
        urn: Its URN.
        type: Its type token.
        inputs: What the program gave it, by the cloud's own names; a `Mark` for what is hidden.
        outputs: What it became.
        id: Its id at the provider, empty while it has none.
        parent: URN of the component it belongs to, empty where there is none.
        protect: Whether the engine refuses to delete it.
    """

    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    parent: str = ""
    protect: bool = False

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def node(self) -> str | None:
        """The node it belongs to, None for what belongs to no node."""
        kind, _, name = self.parent.rpartition("::")
        return name if kind.endswith(NODE) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that is judged together.

    Attributes:
        stack: Name of the stack.
        resources: What is seen of it.
        whole: Whether that is all of it.
        protect: What the declaration says of protection; None where that is not told.
        retired: Nodes that are to go, whose protection is lifted.
    """

    stack: str
    resources: tuple[Seen, ...]
    whole: bool
    protect: bool | None = None
    retired: frozenset[str] = frozenset()

    def of(self, *types: str) -> Iterator[Seen]:
        """The resources of these types."""
        return (one for one in self.resources if one.type in types)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value inside a value, with its path, such as `rules[0].port`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    else:
        yield path, value


def marked(value: object) -> Mark | None:
    """The mark of a value, or the first one inside it."""
    return next((leaf for _, leaf in leaves(value) if isinstance(leaf, Mark)), None)
