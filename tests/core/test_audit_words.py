"""A vantage's words are a stranger's; and the words that others get of an audit."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from backplane.audit import heard, tell
from backplane.audit.heard import HeardError
from backplane.audit.judge import KINDS
from tests.core.audits import (
    A4,
    ORDER,
    OUTPUTS,
    STRANGER,
    Json,
    answered,
    dark,
    judged,
    read,
)

# A vantage's words are a stranger's


@pytest.mark.parametrize(
    "more",
    [
        {"version": 2},
        {"more": 1},
        {"answers": [answered(address=STRANGER)]},
        {"answers": [answered(detail="\x1b[31m")]},
        {"answers": [answered(what="x")]},
        {"answers": [answered(ports=[1] * 65)]},
        {"answers": [answered(count=-1)]},
        {"sources": {STRANGER: {"address": A4, "interface": "x", "tunnel": False}}},
        {"failures": [{"address": STRANGER, "kind": "udp", "why": "", "count": 1}]},
        {"replies": [{"name": "x.example.org", "type": "PTR", "code": 0, "records": []}]},
        {"sent": "1"},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": -0.1},
        {"seconds": 86_401.0},
    ],
)
def test_another_answer_than_was_asked_for_is_refused(more: Json) -> None:
    """Other forms, other people's addresses, a terminal's codes."""
    assert read(dark())
    with pytest.raises(HeardError):
        read({**dark(), **more})


@given(st.text(max_size=50) | st.integers().map(str) | st.just("[" * 100_000))
def test_nothing_else_is_believed(text: str) -> None:
    """Whatever a vantage prints, it is refused in words."""
    with pytest.raises(HeardError):
        heard.read(text, ORDER)


def test_an_endless_answer_is_refused() -> None:
    """Before it is parsed."""
    with pytest.raises(HeardError, match="characters"):
        heard.read(" " * (heard.MOST + 1), ORDER)


# What others are told


def test_metrics_have_every_node_and_kind() -> None:
    """Zeros too, so that an alert ends; when it was, and whether it could see."""
    text = tell.metrics(judged({**dark(), "answers": [answered()]}), 1_700_000_000)
    assert 'backplane_audit_findings{node="fsn-a",kind="tcp"} 1\n' in text
    assert text.count("} 0\n") == len(OUTPUTS.nodes) * len(KINDS) - 1
    assert "backplane_audit_able 1\n" in text
    assert "backplane_audit_timestamp_seconds 1700000000\n" in text
    blind = tell.metrics(judged({**dark(), "controls": []}), 1)
    assert "backplane_audit_able 0\n" in blind


def test_a_node_is_told_of_those_it_knows() -> None:
    """Counts alone: neither addresses nor what anybody said."""
    told = tell.request(judged({**dark(), "answers": [answered()]}), 5, ["fsn-a", "fsn-b"])
    assert set(told["findings"]) == {"fsn-a", "fsn-b"}
    assert told["findings"]["fsn-a"]["tcp"] == 1
    assert (told["at"], told["able"]) == (5, True)


@given(st.text(alphabet=string.printable[:95], max_size=60))
@example("www.evil.example")
@example("https://evil.example/?a=1")
@example("mailto:a@evil.example @somebody #1 GH-1")
@example("`www.evil.example` ``x")
@example("a | b \\| c \\")
@example("<img src=x>")
def test_markdown_shows_a_strangers_words_as_text(words: str) -> None:
    """No cell ends, no tag; as code, of which GitHub makes no link and no mention."""
    report = tell.markdown(judged({**dark(), "answers": [answered(detail=words)]}), "T")
    row = next(one for one in report.splitlines() if one.startswith("| fsn-a"))
    tokens = MarkdownIt("commonmark").enable("table").parse(report)
    cells = [one for one in tokens if one.type == "inline" and one.map == _lines(report, row)]
    assert len(cells) == 5
    shown = [part for cell in cells for part in cell.children or ()]
    assert {part.type for part in shown} <= {"text", "code_inline"}
    code = [part.content for part in shown if part.type == "code_inline"]
    assert [one for one in code if words.replace("|", "\u00a6").strip() in one]
    bare = "".join(part.content for part in shown if part.type == "text")
    assert not re.search(r"www\.|://|[@#]", bare)


def _lines(report: str, row: str) -> list[int]:
    """Where a row stands, as the parser has it."""
    at = report.splitlines().index(row)
    return [at, at + 1]


def test_the_last_line_says_which_of_three_it_is() -> None:
    """Dark, not dark, cannot say."""
    assert tell.summary(judged(dark())).startswith("dark: 0 findings; ")
    assert tell.summary(judged({**dark(), "answers": [answered()]})).startswith("not dark: 1 ")
    assert tell.summary(judged({**dark(), "controls": []})).startswith("cannot say: ")
