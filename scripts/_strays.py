"""Objects at the clouds that carry a stack's label and are in no state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from backplane.mistakes import DeclarationError
from scripts._problem import Problem

if TYPE_CHECKING:
    from scripts._engine import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object at a cloud.

    Attributes:
        type: its type in a state.
        id: its id in a state.
        name: its name at the cloud.
        noun: what people call such a thing.
        rank: in which order it can be deleted among others, first ones first.
    """

    type: str
    id: str
    name: str
    noun: str
    rank: int

    @property
    def shown(self) -> str:
        """The object in a few words."""
        return f"{self.noun} {self.name} ({self.id})"


class Shore(Protocol):
    """What is seen of a cloud by one access to it."""

    def labelled(self, stack: str) -> list[Found]:
        """Every object there that carries the stack's label.

        Raises:
            Problem: There is no access.
        """
        ...

    def delete(self, found: Found) -> None:
        """Delete an object and wait until it is gone.

        Raises:
            Problem: The cloud refuses.
        """
        ...


def strays(found: Iterable[Found], state: State) -> list[tuple[Found, bool]]:
    """What is in no state, in the order of deletion, and whether a cut creation explains it.

    An object that no cut creation explains may be another stack's of the same name, or the rest
    of a state that was lost: only a person can say.
    """
    known, cut = state.ids, state.cut
    return sorted(
        ((one, (one.type, one.name) in cut) for one in found if (one.type, one.id) not in known),
        key=lambda pair: (pair[0].rank, pair[0].name),
    )


def shores(stack: str, state: State) -> list[Shore]:
    """Every access to a cloud that the stack's state or declaration tells of.

    Raises:
        Problem: One of them is not to be had.
    """
    from scripts._strays_aws import Aws  # noqa: PLC0415 - each loads what its cloud needs
    from scripts._strays_hetzner import Hetzner  # noqa: PLC0415

    places = state.places | _declared(stack) or {("hetzner", "")}
    found: list[Shore] = [Aws(place) for cloud, place in sorted(places) if cloud == "aws"]
    if any(cloud == "hetzner" for cloud, _ in places):
        found.append(Hetzner(stack))
    return found


def _declared(stack: str) -> set[tuple[str, str]]:
    """Cloud and location of each declared site; nothing while the declaration cannot be read."""
    from scripts import _declared  # noqa: PLC0415 - `--help` needs no pydantic

    try:
        sites = _declared.read(stack).declaration.sites.values()
    except (Problem, DeclarationError):
        return set()
    return {(site.cloud, site.location or "") for site in sites}
