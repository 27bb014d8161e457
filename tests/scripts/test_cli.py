"""The command `backplane`: verbs, help, exit codes, and failures told in words."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import cli
from scripts._problem import Problem, describe

ROOT = Path(__file__).resolve().parents[2]


def _run(*words: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env={"PATH": path, "NO_COLOR": "1", "HOME": "/nonexistent", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_verb_file_is_in_the_help() -> None:
    """The help names each verb with its own first line; helpers and the command itself are none."""
    told = _run("--help")
    assert told.returncode == 0
    for verb, path in cli.verbs().items():
        assert f" {verb} " in told.stdout
        assert cli.summary(path).split()[0] in told.stdout
    assert {"verify", "tunnel", "lab"} <= set(cli.verbs())
    assert not {"cli", "_stack", "__init__"} & set(cli.verbs())


@pytest.mark.parametrize("verb", sorted(cli.verbs()))
def test_every_verb_has_help(verb: str) -> None:
    """`backplane VERB --help` works without a stack, a lab or privilege."""
    told = _run(verb, "--help")
    assert told.returncode == 0, told.stderr
    assert "Usage" in told.stdout


@pytest.mark.parametrize(
    "words", [["no-such-verb"], ["verify", "--no-such-option"], ["tunnel", "x"]]
)
def test_wrong_usage_is_two(words: list[str]) -> None:
    """An unknown verb, option or subcommand ends with 2, and nothing on stdout."""
    told = _run(*words)
    assert told.returncode == 2
    assert not told.stdout


def test_a_failure_is_told_in_labelled_lines() -> None:
    """Without pulumi, verify names where, what, why and the fix, ends with 1, no traceback."""
    told = _run("verify", "--stack", "nowhere", path="/nonexistent")
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    for line in ("where stack nowhere", "what  the outputs cannot be read", "why   ", "fix   "):
        assert line in told.stderr


def test_no_color_is_taken_anywhere_but_after_a_bare_dash() -> None:
    """`--no-color` may follow the verb; behind `--` it belongs to somebody else's command."""
    assert cli._take_no_color(["verify", "--no-color", "--json"]) == ["verify", "--json"]
    assert cli._take_no_color(["lab", "exec", "a", "--", "x", "--no-color"]) == [
        *("lab", "exec", "a", "--", "x", "--no-color")
    ]


def test_help_starts_fast() -> None:
    """The help imports no verb: under two seconds even on a busy machine, no SSH, no pulumi."""
    begin = time.monotonic()
    program = """
import sys
sys.argv = ["backplane", "--help"]
from scripts import cli
try:
    cli.main()
except SystemExit:
    pass
heavy = {"asyncssh", "pulumi", "pydantic", "scripts.verify", "scripts.lab"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < 2


def test_every_kind_of_error_is_described() -> None:
    """A problem, a runner's error with only a fix, and a bare exception all give lines."""
    problem = Problem(where="here", what="broken", why="because", fix="mend it")
    assert describe(problem) == [
        ("where", "here"),
        ("what", "broken"),
        ("why", "because"),
        ("fix", "mend it"),
    ]
    assert describe(ValueError("odd")) == [("what", "odd")]
    assert describe(ValueError()) == [("what", "ValueError")]
