"""Every test is collected, once, and says what it claims."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.gate import tree

# These two speak of skipping: the one leaves out whole levels, the other is this file.
LEVELS = ("tests/conftest.py", "tests/gate/test_collection.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def below_tests() -> Iterator[Path]:
    """Tracked Python files below tests/."""
    return (file for file in tree.python() if tree.short(file).startswith("tests/"))


def claims(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Tests by qualified name: functions of the module and methods of its `Test…` classes."""
    for node in module.body:
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for inner in node.body:
                if isinstance(inner, Function) and inner.name.startswith("test_"):
                    yield f"{node.name}.{inner.name}", inner


def missing_claims(module: ast.Module) -> list[str]:
    """Tests without a docstring."""
    return [name for name, test in claims(module) if not ast.get_docstring(test)]


def hidden(module: ast.Module) -> list[str]:
    """Tests whose name a later one of the same file takes, so that only the last would run."""
    return [
        name for name, times in Counter(name for name, _ in claims(module)).items() if times > 1
    ]


def test_every_test_stands_in_a_file_that_pytest_collects() -> None:
    """No file below tests/ but `test_*.py` holds tests."""
    stray = [
        tree.short(file)
        for file in below_tests()
        if not file.name.startswith("test_") and list(claims(tree.parsed(file)))
    ]
    assert stray == []


def test_every_test_states_its_claim() -> None:
    """Each test has a docstring; one without is found."""
    silent = {tree.short(file): missing_claims(tree.parsed(file)) for file in below_tests()}
    assert {file: names for file, names in silent.items() if names} == {}
    assert missing_claims(ast.parse("def test_x():\n    pass")) == ["test_x"]


def test_no_test_hides_another() -> None:
    """No two tests of one file share a name; two that do are found."""
    twice = {tree.short(file): hidden(tree.parsed(file)) for file in below_tests()}
    assert {file: names for file, names in twice.items() if names} == {}
    assert hidden(ast.parse("def test_x(): ...\ndef test_x(): ...")) == ["test_x"]


def test_no_test_is_switched_off() -> None:
    """Nothing is marked to be skipped or to fail; a skip for a missing tool fails on CI."""
    marks = re.compile(r"mark\.(skip|xfail)\b|pytest\.xfail\(")
    found = [
        tree.short(file)
        for file in below_tests()
        if tree.short(file) not in LEVELS and marks.search(file.read_text())
    ]
    assert found == []
