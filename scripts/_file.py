"""A file that a verb writes for others: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from scripts._problem import Problem


def write(path: Path, text: str) -> None:
    """Put a whole file there at once, unless it holds the same already: some programs watch it."""
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(_mode(path))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Problem(
            where=str(path),
            what="the file cannot be written",
            why=error.strerror or str(error),
            fix="give --output a place that is there and that you may write to",
        ) from error


def _mode(path: Path) -> int:
    """A file keeps its mode; a new one has what the umask leaves."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
