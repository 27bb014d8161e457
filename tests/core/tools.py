"""The real tools that judge what the renderers write."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def need(tool: str) -> str:
    """The path of a tool. Without it the test is skipped, but on CI it fails."""
    path = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if path is None:
        reason = f"{tool} is not installed"
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(f"CI must run this, but {reason}")
        pytest.skip(reason)
    return path


def accepts(*command: str | Path, stdin: str | None = None) -> tuple[bool, str]:
    """Whether a tool accepts its input, and everything it said."""
    done = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr
