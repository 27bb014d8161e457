"""The page about a hostile node shows what the lab tries, and what came of it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.hostilities import ATTEMPTS, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hostile-node.md"
BEGIN, END = "<!-- attempts -->\n\n", "\n<!-- end -->"


def test_the_page_has_every_attempt() -> None:
    """Its table is that of the test, which fails in the lab where it is not so; and its number."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("BACKPLANE_GOLDEN") == "write":
        PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}")
        shown = table()
    assert shown == table()
    assert f"{len(ATTEMPTS)} attempts" in text
