"""The real tools that judge what the renderers write."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from lab.image.recipe import Recipe

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def need(tool: str, *, package: str | None = None) -> str:
    """The path of a tool. Without it the test is skipped, but on CI it fails.

    Args:
        tool: its name.
        package: of Debian's, among those that the lab offers its machines, to take it from where
            it is not installed.
    """
    path = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if path is None and package is not None:
        path = _unpacked(tool, package)
    if path is None:
        reason = f"{tool} is not installed"
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(f"CI must run this, but {reason}")
        pytest.skip(reason)
    return path


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="backplane-tools-")


@cache
def _unpacked(tool: str, package: str) -> str | None:
    found = sorted(Recipe("debian-12").repository.glob(f"{package}_*.deb"))
    if not found or shutil.which("dpkg-deb") is None:
        return None
    into = Path(_directory().name, package)
    subprocess.run(["dpkg-deb", "-x", str(found[-1]), str(into)], check=True)
    return shutil.which(tool, path=str(into / "usr/bin"))


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
