"""Remembers for a day which downloads cannot be had here, so that warm runs don't wait again."""

import json
import time
from pathlib import Path

from lab.setup import paths

_DAY = 24 * 3600


def _file(name: str) -> Path:
    return paths.cache() / "attempts" / f"{name}.json"


def failed_lately(name: str) -> str | None:
    """Why the attempt of that name failed within the last day; None if it may be tried."""
    try:
        record = json.loads(_file(name).read_text())
        if 0 <= time.time() - float(record["at"]) < _DAY:
            return str(record["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def failed(name: str, reason: str) -> None:
    """Remember a failure."""
    file = _file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"at": time.time(), "reason": reason}))
