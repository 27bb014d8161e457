"""`backplane operator add`: which keys and which names an operator may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts._declared import read
from scripts._edit import put
from tests.scripts.test_edit import PROD, changed
from tests.scripts.test_operator import KEY, run


def test_a_second_key_of_one_plane_is_refused(file: Path) -> None:
    """Whether it is called by its slot or by its name: none of the two wins in silence."""
    named = put(PROD, ("config", "backplane:mesh", "planes", "management", "name"), "mgmt")
    file.write_text(named)
    for other in ("management", "mgmt"):
        keys = ("--public-key", f"management={KEY}", "--public-key", f"{other}={KEY}")
        told = run("add", "zoe", "-p", "management", *keys)
        assert "two keys for management" in str(told.exception), told.output
    assert file.read_text() == named


@pytest.mark.parametrize("name", ["on", "null"])
def test_somebody_may_be_called_what_yaml_takes_for_a_word_of_its_own(
    file: Path, name: str
) -> None:
    """They are added under that name, in one line."""
    told = run("add", name, "-p", "management")
    assert told.exit_code == 0, told.output
    (line,) = changed(PROD, file.read_text())
    assert line.startswith(f'+      "{name}": {{')
    assert name in read("prod").declaration.operators
