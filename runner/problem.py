"""One shape for what goes wrong on the runner: what happened, and what to do about it."""

from __future__ import annotations


def printable(said: object) -> str:
    """What a node says, so that a terminal shows it and obeys none of it, on one line."""
    return "".join(one if one.isprintable() else " " for one in str(said))


class RunnerError(Exception):
    """A trouble that a person reads: `what` happened and the `fix`, both whole sentences."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}\n  fix: {fix}")
        self.what = what
        self.fix = fix
