"""A file that a verb writes: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from scripts._problem import Problem


def replace(path: Path, data: bytes, mode: int) -> None:
    """Make a file's content this at once, and durably.

    Args:
        path: the file; its folder is there.
        data: all of it.
        mode: its permission bits; until all is written it is for its owner alone.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    # mkstemp makes it with mode 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write(path: Path, text: str) -> None:
    """Put a whole file there at once, unless it holds the same already: some programs watch it."""
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return
        replace(path, text.encode(), _mode(path))
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
