"""What becomes of a mesh when one picture of it takes another's place, as a reviewer asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What happens to one node.

    Attributes:
        name: as it is afterwards; a removed one's as it was.
        site: where.
        what: `added`, `removed`, `replaced` or `changed`.
        lines: what about it, each in a few words.
    """

    name: str
    site: str
    what: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One port that a node opens or shuts inside a plane, and the role it is for.

    Attributes:
        opens: whether it does; else it shuts.
        stays: whether the node is there before and after.
    """

    node: str
    slot: str
    proto: str
    port: int
    role: str
    opens: bool
    stays: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One plane, before and after.

    Attributes:
        slot: which.
        lines: what changes about it.
        pairs: of members that can have a session afterwards.
        gained: those of them that could not before.
        lost: those that can no more.
    """

    slot: str
    lines: tuple[str, ...]
    pairs: int
    gained: int
    lost: int

    @property
    def differs(self) -> bool:
        """Whether there is anything to say of it."""
        return bool(self.lines or self.gained or self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """Something that stands still for a while.

    Attributes:
        names: nodes or planes, or what else stands still.
        what: of them; nothing where it is all of each.
        lasts: for how long, in words.
        why: what brings it.
    """

    names: tuple[str, ...]
    lasts: str
    why: str
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeys:
    """Keys that are drawn anew.

    Attributes:
        names: nodes or planes.
        what: which of theirs.
    """

    names: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Everything that differs between two pictures, and what it means.

    Attributes:
        first: there was no mesh before.
        nodes: those that are added, removed, replaced or changed, by name.
        ports: those that open or shut, inside planes.
        planes: every plane of either picture, in order.
        people: by name, what happens to them.
        keys: whose keys are new.
        settings: what else is different, in words.
        interruptions: what stands still, for how long; the worst first.
        fetch: operators whose files for `wg-quick` are others afterwards.
        lines: paths of all that differs in the stack's file, where two files are compared.
    """

    first: bool
    nodes: tuple[Node, ...] = ()
    ports: tuple[Port, ...] = ()
    planes: tuple[Plane, ...] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: tuple[NewKeys, ...] = ()
    settings: tuple[str, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    fetch: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing is another, in the mesh or in the file that declares it."""
        told = (self.nodes, self.ports, self.people, self.keys, self.settings, self.lines)
        felt = (self.interruptions, self.fetch)
        return not any((*told, *felt)) and not any(plane.differs for plane in self.planes)
