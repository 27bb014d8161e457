"""What must be there, from the declaration alone: members, addresses, keys that may be live.

Addresses are computed here anew, from ids and nothing else, so that a mistake of the plan's would
not be repeated.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

Declaration = dict[str, Any]

PLANES = ("enrollment", "management", "monitoring", "storage")
"""The planes by index; the interface of plane N is wgN."""

WAYS_IN = PLANES[:2]
"""The planes on which the runner is a peer."""

PEOPLE = 255
"""The site number of operators and runners."""

LASTING = ("fsn-a", "hel-a")
"""Never removed, rebuilt or marked offline: between them every packet is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node as declared.

    Attributes:
        name: its name.
        site: its site's id.
        number: its own id inside the site.
        incarnation: how often it was built.
        epochs: how often its own keys were drawn, by plane; once where none is told.
        offline: whether it is left out for now.
    """

    name: str
    site: int
    number: int
    incarnation: int
    epochs: Mapping[str, int]
    offline: bool

    def address(self, index: int, network: int = 200) -> str:
        """Its IPv4 address on the plane of this index."""
        return f"10.{network + index}.{self.site}.{self.number}"


def members(declared: Declaration) -> Iterator[Member]:
    """The nodes of a declaration."""
    for site in declared["sites"].values():
        for name, node in site["nodes"].items():
            yield Member(
                name=name,
                site=site["id"],
                number=node["id"],
                incarnation=node.get("incarnation", 1),
                epochs=node.get("epochs", {}),
                offline=node.get("offline", False),
            )


def people(declared: Declaration, plane: str) -> dict[str, str]:
    """Operators and runners on a plane: names by IPv4 address."""
    index = PLANES.index(plane)
    found = {
        one["id"]: name
        for name, one in declared.get("operators", {}).items()
        if plane in one["planes"]
    }
    if plane in WAYS_IN:
        found |= {one["id"]: name for name, one in declared["runners"].items()}
    return {f"10.{200 + index}.{PEOPLE}.{number}": name for number, name in found.items()}


def expected_peers(declared: Declaration, node: str, plane: str) -> dict[str, str]:
    """Who a node's peers on a plane are: names by IPv4 address."""
    index = PLANES.index(plane)
    others = {one.address(index): one.name for one in members(declared) if one.name != node}
    return others | people(declared, plane)


def plane_settings(declared: Declaration, plane: str) -> dict[str, Any]:
    """What the declaration says of a plane; empty where it says nothing."""
    settings: dict[str, Any] = declared.get("planes", {}).get(plane, {})
    return settings


def epochs(declared: Declaration, plane: str) -> tuple[int, int]:
    """A plane's key epoch and PSK epoch."""
    settings = plane_settings(declared, plane)
    return settings.get("keys", 1), settings.get("psk", 1)


def chance(*parts: object) -> Random:
    """Randomness that follows from a seed and whatever else tells one use of it from another."""
    return Random(".".join(map(str, parts)))  # noqa: S311 - it must repeat, nothing hangs on it


def digest(secret: str) -> str:
    """What is kept of a secret: enough to tell it from another."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass(slots=True, kw_only=True)
class Model:
    """The mesh as it must be.

    Attributes:
        declared: what the stack's file says now.
        live: what it said at the last `up` that succeeded.
        off: nodes whose power is off on purpose.
        births: how often a name was declared anew: it is somebody else then.
        used: public keys and PSK digests that were live once, with what they depended on then:
            whoever shows one again must depend on the same.
    """

    declared: Declaration
    live: Declaration = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    births: dict[str, int] = field(default_factory=dict)
    used: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with a mesh that is as declared."""
        self.live = copy.deepcopy(self.declared)

    def converged(self) -> None:
        """Note that an `up` has succeeded."""
        self.live = copy.deepcopy(self.declared)

    @property
    def nodes(self) -> dict[str, Member]:
        """The nodes as declared now."""
        return {one.name: one for one in members(self.declared)}

    @property
    def present(self) -> tuple[str, ...]:
        """The nodes that were live at the last `up` and are powered."""
        return tuple(
            one.name for one in members(self.live) if one.name not in self.off and not one.offline
        )

    def shown(self, secret: str, depends: tuple[object, ...]) -> str | None:
        """Note a key that is live; say what is wrong when it served another purpose before.

        Args:
            secret: a public key, or the digest of a PSK.
            depends: whose it is, plane, epochs and incarnations.
        """
        before = self.used.setdefault(secret, depends)
        if before != depends:
            return f"a key of {before} is live again as one of {depends}"
        return None

    def one_key_each(self) -> list[str]:
        """What breaks the rule that one purpose has one key: purposes with two of them."""
        seen: dict[tuple[object, ...], str] = {}
        twice = []
        for secret, depends in self.used.items():
            if seen.setdefault(depends, secret) != secret:
                twice.append(f"two keys for {depends}")
        return twice
