"""Where set-up keeps things: always outside the checkout."""

import hashlib
import os
import subprocess
from functools import cache as remembered
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

STAND_INS = ROOT / "lab" / "plugins" / "bin"
"""Stand-in plugins; put on PATH only where the official ones cannot be had."""


def cache() -> Path:
    """The cache, shared by all checkouts of this user: `BACKPLANE_CACHE`, else the XDG place."""
    named = os.environ.get("BACKPLANE_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "backplane"


def engine_source() -> Path:
    """The Go module that pins the engine."""
    return ROOT / "lab" / "engine"


def built_engine(go_version: str) -> Path:
    """Where the engine built from source by that Go release is kept."""
    digest = hashlib.sha256(go_version.encode())
    for name in ("go.mod", "go.sum"):
        digest.update((engine_source() / name).read_bytes())
    return cache() / "engine" / digest.hexdigest()[:16] / "bin" / "pulumi"


@remembered
def go_version() -> str | None:
    """What `go env GOVERSION` says, such as `go1.26.0`; None without Go."""
    try:
        done = subprocess.run(
            ["go", "env", "GOVERSION"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
