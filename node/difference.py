"""One thing that is not as it was declared: what, both sides in words, and how to put it right."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Who puts it right: the rollout's flip, a push from the runner, or a person.
ROLLOUT, PUSH, HAND = "rollout", "pulumi up", "by hand"
_MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A deviation of this machine. Holds no key: a name, or 8 characters of a public one.

    Attributes:
        area: Which part of the machine: ``firewall``, ``files``, ``units``, …
        what: What it is about, in words.
        declared: How it should be; empty when it should not be at all.
        live: How it is; empty when it is not there.
        repair: Who puts it right.
        mend: What a flip does about it; None when that is done elsewhere.
        blocking: Whether a generation counts as not live because of it.
    """

    area: str
    what: str
    declared: str
    live: str
    repair: str = ROLLOUT
    mend: Callable[[], object] | None = None
    blocking: bool = True

    def document(self) -> dict[str, str]:
        """The finding as data."""
        return {
            "area": self.area,
            "what": self.what,
            "declared": self.declared,
            "live": self.live,
            "repair": self.repair,
        }


def told(area: str, what: str, sides: tuple[str, str], repair: str = ROLLOUT) -> Difference:
    """A finding that names a thing, with both sides: as declared, and live."""
    return Difference(area=area, what=what, declared=sides[0], live=sides[1], repair=repair)


def lines(declared: Sequence[str], live: Sequence[str]) -> tuple[str, str]:
    """The lines that only one side has; where both have the same in another order, all of them."""
    if sorted(declared) == sorted(live):
        return _short(declared), _short(live)
    return _short(_only(declared, live)), _short(_only(live, declared))


def _only(these: Sequence[str], those: Sequence[str]) -> list[str]:
    left = Counter(these) - Counter(those)
    found = []
    for line in these:
        if left[line] > 0:
            left[line] -= 1
            found.append(line)
    return found


def _short(text: Sequence[str]) -> str:
    shown = [line.strip() for line in text[:_MOST]]
    more = [f"… and {len(text) - _MOST} lines more"] if len(text) > _MOST else []
    return "\n".join([*shown, *more])
