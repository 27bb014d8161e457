"""Who uses the tunnel of a stack: the last one to leave takes it down.

A rollout goes on alone when its pulumi dies, and two programs may share one tunnel. Each user
holds a shared lock on one file; the kernel drops it with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from pathlib import Path


class Hold:
    """A shared lock on a stack's tunnel, taken when made."""

    def __init__(self, stack: str) -> None:
        folder = Path("/run") if os.geteuid() == 0 else Path(tempfile.gettempdir())
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", stack)
        # Interfaces belong to a network namespace, so the lock does too.
        namespace = Path("/proc/self/ns/net").stat().st_ino
        self._path = folder / f"backplane-{os.geteuid()}-{namespace}-{safe}.lock"
        self._file: int | None = self._take()

    def release(self) -> bool:
        """Let go; True when nobody else holds it, and then the file is gone too."""
        if self._file is None:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            last = False
        else:
            last = True
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None
        return last

    def _take(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            file = os.open(self._path, flags, 0o600)
            fcntl.flock(file, fcntl.LOCK_SH)
            # The last holder may have removed the file between the two calls.
            if self._path.exists() and os.fstat(file).st_ino == self._path.stat().st_ino:
                return file
            os.close(file)
