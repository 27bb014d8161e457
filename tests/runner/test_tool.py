"""The node tool as one file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from runner import tool


def test_same_text_same_bytes(tmp_path: Path) -> None:
    """Copies with other times and orders on disk give the same bytes; another text does not."""
    copy = tmp_path / "node"
    shutil.copytree(tool.SOURCE, copy, copy_function=shutil.copyfile)
    assert tool.build(copy) == tool.build()
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    (other / "errors.py").write_text("")
    assert tool.build(other) != tool.build()


def test_it_runs_by_itself(tmp_path: Path) -> None:
    """The file answers for itself with Python alone, away from the checkout."""
    program = tmp_path / "backplane-node"
    program.write_bytes(tool.build())
    done = subprocess.run(
        [sys.executable, "-I", str(program), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: backplane-node VERB")
    wrong = subprocess.run([sys.executable, "-I", str(program), "no-such-verb"], check=False)
    assert wrong.returncode == 2


def test_version_is_what_a_node_sees() -> None:
    """The version is the start of the file's SHA-256, so a node can tell it without running it."""
    assert len(tool.version(tool.build())) == 12


def test_no_bundle_is_made_with_what_the_programs_version_leaves_out() -> None:
    """The version covers every module that making a bundle loads, and no other package of words."""
    code = (
        "import sys, backplane.recipe\n"
        "print(*(one for one in sys.modules if one.startswith('backplane.')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tool.SOURCE.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "backplane.render.bundle" in loaded
    assert not [one for one in loaded if one.split(".")[1] in tool.TELLING]


def test_the_programs_version_changes_with_a_module_and_with_nothing_else(tmp_path: Path) -> None:
    """An editor's leavings and the words of the report are no other program."""
    source = tmp_path / "backplane"
    (source / "report").mkdir(parents=True)
    (source / "one.py").write_text("1\n")
    before = tool.program(source)
    for stray in ("one.py~", ".one.py.swp", "report/page.py"):
        (source / stray).write_text("2\n")
    tool.program.cache_clear()
    assert tool.program(source) == before
    (source / "two.py").write_text("1\n")
    tool.program.cache_clear()
    assert tool.program(source) != before
