"""The tests that SECURITY.md calls its proofs are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def missing(text: str) -> list[str]:
    """Proofs that a text names and that are no tests."""
    return [
        f"{path}::{name}"
        for path, name in _PROOF.findall(text)
        if not (ROOT / path).is_file() or f"\ndef {name}(" not in (ROOT / path).read_text()
    ]


def test_every_proof_is_a_test() -> None:
    """Each test that the table of attackers names is there, and every kind of claim has some."""
    text = (ROOT / "SECURITY.md").read_text()
    assert len(_PROOF.findall(text)) >= 10
    assert missing(text) == []


@pytest.mark.parametrize("what", ["tests/core/test_keys.py::test_none", "tests/none.py::test_x"])
def test_a_proof_that_is_gone_is_told(what: str) -> None:
    """A test that was renamed, or whose file was, is named."""
    assert missing(f"| `{what}` |") == [what]
