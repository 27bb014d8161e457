"""How a verb tells a person that it could not do its work: where, what, why, how to fix it."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - a finding told to a person, named as the person sees it
    """A failure that the reader can act on; shown without a traceback.

    Attributes:
        where: the stack, file, node or plane it is about.
        what: what failed, one sentence without a full stop.
        why: the reason as far as it is known.
        fix: the next step, as a command where there is one.
    """

    def __init__(self, *, where: str, what: str, why: str, fix: str) -> None:
        super().__init__(what)
        self.where = where
        self.what = what
        self.why = why
        self.fix = fix


def _mistakes(error: Exception) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for mistake in getattr(error, "mistakes", ()):
        rows += [
            ("where", str(mistake.path)),
            ("what", str(mistake.what)),
            ("why", str(mistake.rule)),
            ("fix", str(mistake.fix)),
        ]
    return rows


def describe(error: Exception) -> list[tuple[str, str]]:
    """Give the labelled lines of any error: a `Problem`, a declaration's mistakes, or the rest.

    Errors of other parts join in by carrying `where`, `why` or `fix`, or a tuple `mistakes`
    of things with `path`, `what`, `rule` and `fix`.
    """
    if rows := _mistakes(error):
        return rows
    what = str(getattr(error, "what", "")) or str(error) or type(error).__name__
    rows = [("what", what)]
    for label in ("where", "why", "fix"):
        value = getattr(error, label, None)
        if isinstance(value, str) and value:
            rows.append((label, value))
    order = ("where", "what", "why", "fix")
    return sorted(rows, key=lambda row: order.index(row[0]))
