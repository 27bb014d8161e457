"""Imports point one way: effects know the core, the core knows nobody."""

import sys
from pathlib import Path

import pytest

from tests.gate import tree

OURS = (
    *("backplane", "components", "runner", "node", "scripts", "policy", "lab", "tests"),
    "examples",
)
MAY_IMPORT: dict[str, set[str]] = {
    "backplane": {"backplane"},
    "node": {"node"},
    "runner": {"backplane", "node", "runner"},
    "components": {"backplane", "components", "runner"},
    "policy": {"backplane", "policy"},
    "scripts": {"backplane", "components", "runner", "scripts"},
    "lab": {"backplane", "lab", "node", "runner"},
    # Other people's programs.
    "examples": set(),
}
# The one verb that switches the lab on and off, and what looks from its stranger.
EXCEPTIONS = {"scripts/lab.py": {"lab"}, "scripts/_vantage.py": {"lab"}}
CORE_LIBRARIES = {"pydantic", "pydantic_core", "cryptography", "bcrypt", "yaml"}


def packages(file: Path) -> set[str]:
    """The top-level names of what a file imports."""
    return {name.partition(".")[0] for name in tree.imported(file)}


def files(package: str) -> list[Path]:
    """The tracked Python files of a top-level package."""
    return [file for file in tree.python() if tree.short(file).startswith(f"{package}/")]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_each_package_imports_only_what_lies_below_it(package: str) -> None:
    """No file of ours imports one of ours that it must not know."""
    wrong = {}
    for file in files(package):
        allowed = MAY_IMPORT[package] | EXCEPTIONS.get(tree.short(file), set())
        if bad := (packages(file) & set(OURS)) - allowed:
            wrong[tree.short(file)] = sorted(bad)
    assert wrong == {}


def test_nobody_imports_tests() -> None:
    """Only tests import tests."""
    wrong = [
        tree.short(file)
        for file in tree.python()
        if not tree.short(file).startswith("tests/") and "tests" in packages(file)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "libraries"), [("backplane", CORE_LIBRARIES), ("node", set[str]())]
)
def test_the_core_and_the_node_tool_need_almost_no_library(
    package: str, libraries: set[str]
) -> None:
    """The core uses data and arithmetic of three, the node tool the standard library alone."""
    allowed = sys.stdlib_module_names | set(OURS) | libraries
    wrong = {
        tree.short(file): sorted(packages(file) - allowed)
        for file in files(package)
        if packages(file) - allowed
    }
    assert wrong == {}


def test_the_core_has_no_effects() -> None:
    """The core imports no module that reads files, clocks, networks or randomness."""
    effects = {
        "asyncio", "datetime", "glob", "io", "os", "pathlib", "random", "secrets", "shutil",
        "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
    }  # fmt: skip
    wrong = {
        tree.short(file): sorted(packages(file) & effects)
        for file in files("backplane")
        if packages(file) & effects
    }
    assert wrong == {}
