"""The page about a hostile node shows what the lab tries, and what came of it."""

from __future__ import annotations

from pathlib import Path

from tests.core import golden
from tests.lab.hostilities import ATTEMPTS, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hostile-node.md"


def test_the_page_has_every_attempt() -> None:
    """Its table is that of the test, which fails in the lab where it is not so; and its number."""
    golden.section(PAGE, "attempts", page())
    assert f"{len(ATTEMPTS)} attempts" in PAGE.read_text(encoding="utf-8")
