"""Locks that leave no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.layout import runtime


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of this computer; it ends with its holder, however that ends.

    The file goes with the last holder, so whoever gets the lock makes sure that the file is
    still the one under its name.
    """
    path = runtime() / f".{name}.lock"
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(handle).st_ino:
                break
        os.close(handle)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
        with suppress(OSError):
            path.parent.rmdir()
