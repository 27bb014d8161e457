"""What a role is: a service of a node that says where it listens."""

from dataclasses import dataclass
from typing import Literal

Proto = Literal["tcp", "udp"]
Listens = tuple[str, Proto, int]
"""Plane slot, protocol and port of one listener."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Opening:
    """One port that a node opens for its peers inside one plane, and the role it is for."""

    slot: str
    proto: Proto
    port: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A service a node runs.

    Attributes:
        name: how a declaration names it.
        everywhere: every node runs it, declared or not.
        listens: each of its listeners.
    """

    name: str
    everywhere: bool = False
    listens: tuple[Listens, ...]

    def openings(self) -> tuple[Opening, ...]:
        """What this role opens, sorted."""
        return tuple(
            sorted(
                Opening(slot=slot, proto=proto, port=port, role=self.name)
                for slot, proto, port in self.listens
            )
        )
