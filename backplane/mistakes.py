"""Mistakes in a declaration, as people read them: where, what, the rule, the fix."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        path: where, as a path in the YAML below ``backplane:mesh``; empty for the whole of it.
        what: what stands there.
        rule: what may stand there.
        fix: what to do.
    """

    path: str
    what: str
    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path or '(top)'}: {self.what}\n  rule: {self.rule}\n  fix:  {self.fix}"


class DeclarationError(Exception):
    """All mistakes of one declaration, sorted by where they stand, each once.

    Its text is the whole report; nothing was touched when it is raised.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = tuple(sorted(set(mistakes)))
        super().__init__(self.report())

    def report(self) -> str:
        """The text for people."""
        count = len(self.mistakes)
        title = f"{count} mistake{'' if count == 1 else 's'} in backplane:mesh; nothing was touched"
        return "\n\n".join([title, *map(str, self.mistakes)])
