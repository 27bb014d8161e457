"""Linters and type checkers are part of the suite, so that there is one gate."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ON_CI
from tests.gate import tree


def clean(*arguments: str) -> None:
    """Run a tool of the virtual environment over the checkout; its findings fail the test."""
    tool = str(Path(sys.executable).with_name(arguments[0]))
    done = subprocess.run(
        [tool, *arguments[1:]], cwd=tree.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    """Every rule is on; each ignore in pyproject.toml has its reason."""
    clean("ruff", "check", "--output-format", "concise", ".")


def test_ruff_would_format_nothing() -> None:
    """All code is formatted."""
    clean("ruff", "format", "--check", ".")


def test_mypy_finds_nothing() -> None:
    """All Python is typed, strictly."""
    clean("mypy", ".")


def test_every_ignored_rule_has_a_reason() -> None:
    """In pyproject.toml a comment stands beside every rule that is switched off."""
    inside = False
    for line in (tree.ROOT / "pyproject.toml").read_text().splitlines():
        if line.startswith("[tool.ruff"):
            inside = True
        elif line.startswith("[tool."):
            inside = False
        if inside and line.strip().startswith('"') and line.strip().endswith(('",', "],")):
            raise AssertionError(f"no reason beside: {line}")


@pytest.mark.parametrize("script", tree.shell(), ids=tree.short)
def test_shell_is_strict_short_and_clean(script: Path) -> None:
    """Every script is in strict mode, under 60 lines, and shellcheck finds nothing in it."""
    text = script.read_text()
    assert len(text.splitlines()) < 60
    assert "set -eu" in text
    if shutil.which("shellcheck") is None:
        assert not ON_CI, "CI needs shellcheck"
        return
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
