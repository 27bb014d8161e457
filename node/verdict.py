"""Whether a sibling forwards: what echoes through it and past it say, round by round. Pure.

A lane is one plane and family towards one remote site.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

EVERY = 0.5  # seconds between two rounds
STRIKES = 4
"""Rounds that are lost through the sibling, and not from here, without one that is not between."""

Lane = tuple[int, str, str]
"""Remote site, interface of the plane, ``v4`` or ``v6``."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Counts rounds.

    Attributes:
        lost: Rounds lost since one came back, by lane.
        own: Whether the last round came back past the sibling, by lane.
    """

    lost: dict[Lane, int] = field(default_factory=dict)
    own: dict[Lane, bool] = field(default_factory=dict)

    def round(
        self, asked: Collection[Lane], through: Collection[Lane], own: Collection[Lane]
    ) -> None:
        """Take in a whole round; a lane that was not asked is forgotten.

        Args:
            asked: The lanes of the round.
            through: Those that answered through the sibling.
            own: Those that answered from here.
        """
        # Where both are lost the far end is: that says nothing of the sibling, either way.
        self.lost = {
            lane: 0 if lane in through else self.lost.get(lane, 0) + (lane in own) for lane in asked
        }
        self.own = {lane: lane in own for lane in asked}

    def broken(self) -> set[int]:
        """Remote sites that the sibling does not lead to on some lane."""
        return {lane[0] for lane, lost in self.lost.items() if lost >= STRIKES}

    def shown(self) -> dict[int, dict[str, dict[str, object]]]:
        """For people: by site and lane, rounds lost through the sibling and whether ours came."""
        told: dict[int, dict[str, dict[str, object]]] = {}
        for (site, plane, family), lost in sorted(self.lost.items()):
            mark: dict[str, object] = {
                "lost": min(lost, STRIKES),
                "own": self.own[site, plane, family],
            }
            told.setdefault(site, {})[f"{plane} {family}"] = mark
        return told
