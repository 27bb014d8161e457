"""One value changed in a YAML text, and not a byte besides."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scripts import _edit
from scripts._edit import CannotEdit, drop, put

STACKS = Path(__file__).resolve().parents[2] / "stacks"
MESH = ("config", "backplane:mesh")
PROD = (STACKS / "Pulumi.prod.yaml").read_text()
LAB = (STACKS / "Pulumi.lab.yaml").read_text()


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, as a diff shows them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_a_value_that_is_there_is_replaced_where_it_stands() -> None:
    """The line keeps its layout, its neighbours and its place; comments stay."""
    after = put(PROD, (*MESH, "planes", "monitoring", "keys"), 2)
    assert changed(PROD, after) == [
        "-      monitoring: {keys: 1, psk: 1}",
        "+      monitoring: {keys: 2, psk: 1}",
    ]


def test_a_value_that_is_missing_joins_its_mapping() -> None:
    """In one line after the last value, in a block as a line of its own with its indent."""
    after = put(PROD, (*MESH, "planes", "storage", "rotated", "psk"), "2026-03-01")
    assert changed(PROD, after) == [
        "-      storage: {keys: 1, psk: 1}",
        '+      storage: {keys: 1, psk: 1, rotated: {psk: "2026-03-01"}}',
    ]
    after = put(PROD, (*MESH, "planes", "enrollment", "keys"), 2)
    assert changed(PROD, after) == ["+      enrollment: {keys: 2}"]
    after = put(PROD, (*MESH, "sites", "fsn", "nodes", "fsn-a", "incarnation"), 2)
    assert changed(PROD, after) == [
        "-          fsn-a: {id: 1}",
        "+          fsn-a: {id: 1, incarnation: 2}",
    ]


def test_a_section_that_is_missing_is_written() -> None:
    """A declaration without `planes` gets the section at its end, and nothing else changes."""
    after = put(LAB, (*MESH, "planes", "storage", "psk"), 2)
    assert changed(LAB, after) == ["+    planes:", "+      storage: {psk: 2}"]
    assert put(after, (*MESH, "planes", "storage", "psk"), 3) == after.replace("psk: 2", "psk: 3")


ODD = """\
# first
config:
    backplane:mesh:   # four spaces
        planes:
            storage:
                keys: 1   # of March
                # between

            # of nobody
            monitoring:
            management: {}
        sites: {}
# last
"""


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (
            ("storage", "keys"),
            2,
            [
                "-                keys: 1   # of March",
                "+                keys: 2   # of March",
            ],
        ),
        (("storage", "psk"), 2, ["+                psk: 2"]),
        (
            ("monitoring", "psk"),
            2,
            ["-            monitoring:", "+            monitoring: {psk: 2}"],
        ),
        (
            ("management", "psk"),
            2,
            ["-            management: {}", "+            management: {psk: 2}"],
        ),
    ],
)
def test_comments_and_indents_stay(path: tuple[str, ...], value: int, lines: list[str]) -> None:
    """Another indent, comments behind, between and after, and empty mappings: all as they were."""
    assert changed(ODD, put(ODD, (*MESH, "planes", *path), value)) == lines
    windows = ODD.replace("\n", "\r\n")
    after = put(windows, (*MESH, "planes", *path), value)
    assert after.count("\r\n") == after.count("\n")
    assert changed(ODD, after.replace("\r\n", "\n")) == lines


def test_a_text_without_a_last_newline_is_taken() -> None:
    """The new line begins on its own."""
    assert put("a:\n  b: 1", ("a", "c"), 2) == "a:\n  b: 1\n  c: 2\n"
    assert put("a:\n  b: 1", ("a", "b"), 2) == "a:\n  b: 2"


SHARED = """\
planes:
  storage: &usual {keys: 1}
  monitoring: *usual
  management:
    <<: *usual
    psk: 2
"""


def test_what_an_anchor_shares_is_not_changed_for_all() -> None:
    """What two places share is refused; what is merged in is overridden in its place."""
    for plane in ("storage", "monitoring"):
        with pytest.raises(CannotEdit, match="shared"):
            put(SHARED, ("planes", plane, "keys"), 2)
    after = put(SHARED, ("planes", "management", "keys"), 2)
    assert changed(SHARED, after) == ["+    keys: 2"]
    assert yaml.safe_load(after)["planes"]["storage"] == {"keys": 1}


@pytest.mark.parametrize("text", ["a: [1]\n", "a: text\n", "a: 1\nb: {c: \n", "- a\n", ""])
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    """No mapping where one should be, or no YAML: told, never guessed."""
    with pytest.raises(CannotEdit):
        put(text, ("a", "b"), 2)


NAMES = st.sampled_from(["a", "b", "c d", "ä"])
TREES: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 9) | st.text("xy: #{},é\n", max_size=4) | st.none() | st.booleans(),
    lambda below: (
        st.dictionaries(NAMES, below, max_size=3) | st.lists(below, min_size=1, max_size=2)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, TREES, min_size=1), st.lists(NAMES, min_size=1, max_size=3), TREES)
def test_any_layout_reads_as_wanted_or_is_refused(
    document: dict[str, Any], path: list[str], style: object
) -> None:
    """In any document, the edit means that one change; every other line stands as it was."""
    flow = {True: True, False: False}.get(isinstance(style, int))
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True, width=200)
    try:
        after = put(text, path, 7)
    except CannotEdit:
        return
    at = yaml.safe_load(after)
    for word in path:
        at = at[word]
    assert at == 7
    lost = [line for line in changed(text, after) if line.startswith("-")]
    # A text with line ends stands on several lines, and just those give way to the new value.
    node = yaml.compose(text)
    for word in path:
        node = _edit._below(node, word)
    assert len(lost) <= 1 + (node.end_mark.line - node.start_mark.line if node else 0)


# What is taken away


def test_an_entry_goes_with_its_line_and_nothing_else() -> None:
    """In a block its line or lines, in one line its part; comments of others stay."""
    path = (*MESH, "operators", "zoe")
    assert drop(put(PROD, path, {"id": 9, "planes": ["management", "storage"]}), path) == PROD
    text = "a: {b: 1, c: {d: 2}, e: [3]}\n"
    assert drop(text, ("a", "b")) == "a: {c: {d: 2}, e: [3]}\n"
    assert drop(text, ("a", "e")) == "a: {b: 1, c: {d: 2}}\n"
    assert drop(text, ("a", "c", "d")) == "a: {b: 1, e: [3]}\n"
    block = "a:\n  b:\n    c: 1\n    # of d\n    d:\n      - 2\n  # of e\n  e: 3\n"
    assert drop(block, ("a", "b", "d")) == block.replace("    d:\n      - 2\n", "")
    assert drop(block, ("a", "b")) == "a:\n  # of e\n  e: 3\n"


def test_a_section_that_is_left_empty_goes_too() -> None:
    """An empty `operators:` would be no mapping any more."""
    path = (*MESH, "operators", "zoe")
    bare = put(LAB, ("config", "backplane:mesh", "timer"), 60)
    assert "operators" not in drop(put(bare, path, {"id": 9}), path) or "operators" in bare
    assert drop("a:\n  b: 1\nc: 2\n", ("a", "b")) == "c: 2\n"


@pytest.mark.parametrize(
    "text", ["a: {}\n", "a: 1\n", "[]\n", "x: &x {b: 1}\na: *x\n", "a: {b: 1, b: 2}\n"]
)
def test_what_cannot_be_taken_away_is_refused(text: str) -> None:
    """Nothing there, no mapping, shared with another part, twice there."""
    with pytest.raises(CannotEdit):
        drop(text, ("a", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "a: {b: 1,  # of b\n  c: 2}\n",
        "a: {\n  c: 2,\n  # of d\n  d: 3}\n",
        "a: {\n  b: 1,\n  # of c\n  c: 2,\n}\n",
    ],
)
def test_a_comment_beside_an_entry_of_one_line_is_not_lost(text: str) -> None:
    """Whose it is cannot be told, so it is refused; a `#` in the entry itself is its own."""
    with pytest.raises(CannotEdit, match=r"a comment beside a\.c"):
        drop(text, ("a", "c"))
    assert drop('a: {b: 1, c: "x #y"}  # of a\n', ("a", "c")) == "a: {b: 1}  # of a\n"


@pytest.mark.parametrize("name", ["on", "no", "7", "null", "1e3", "~", "2026-01-01", "<<", "a: b"])
def test_a_key_that_yaml_reads_as_something_else_is_quoted(name: str) -> None:
    """It comes back as the text it was, in a line and in a block; a plain one stays plain."""
    for text in ("a: {b: 1}\n", "a:\n  b: 1\n", "c: 1\n"):
        after = put(text, ("a", name), {"id": 9})
        assert yaml.safe_load(after)["a"][name] == {"id": 9}
        assert drop(after, ("a", name)) == text
        assert yaml.safe_load(put(text, (name, "b", "c"), 1))[name] == {"b": {"c": 1}}
    assert put("a: {b: 1}\n", ("a", "c"), 2) == "a: {b: 1, c: 2}\n"
