"""Pieces of Markdown as GitHub renders it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

FEW = 8
"""Names that are written out; of more, the first of them and a number."""

LONGEST = 2_000
"""Characters of an answer: what is longer stands in a table below."""

_TICKS = re.compile(r"`+")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; text of cells is taken as it is, but for what would end one."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def folded(title: str, text: str) -> str:
    """What is seen by those who open it."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def fenced(text: str, language: str = "") -> str:
    """Text that means nothing to Markdown, whatever it holds."""
    longest = max((len(found) for found in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def some(names: Sequence[str]) -> str:
    """Names in a line, no more than a reader reads."""
    if len(names) <= FEW:
        return ", ".join(names)
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"


def cut(text: str) -> str:
    """A text no longer than an answer may be."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… and more, below"


def several(count: int, word: str) -> str:
    """A number and its noun."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
