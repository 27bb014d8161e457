"""The tracked files of the checkout, by kind."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that is there; absolute paths, sorted."""
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = (ROOT / name for name in done.stdout.split("\0") if name)
    return tuple(sorted(file for file in files if file.is_file()))


def python() -> tuple[Path, ...]:
    """Every tracked Python file."""
    return tuple(file for file in tracked() if file.suffix == ".py")


def shell() -> tuple[Path, ...]:
    """Every tracked shell script, with or without a suffix."""
    return tuple(file for file in tracked() if _first_line(file).endswith(("sh", "bash")))


def _first_line(file: Path) -> str:
    with file.open("rb") as handle:
        line = handle.readline(80).decode(errors="replace").strip()
    return line if line.startswith("#!") else ""


@cache
def parsed(file: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(file.read_text(), filename=str(file))


def imported(file: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, wherever in it."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{short(file)}: relative import"
            yield str(node.module)


def short(file: Path) -> str:
    """The path inside the checkout."""
    return file.relative_to(ROOT).as_posix()
