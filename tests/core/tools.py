"""The real tools that judge what the renderers write."""

import os
import re
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
        tool: its name, or its path on a machine.
        package: of Debian's, among those that the lab offers its machines, to take it from where
            it is not installed; with the libraries that come with it there.
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
    if shutil.which("dpkg-deb") is None:
        return None
    into, left, seen = Path(_directory().name, package), [package], set[str]()
    while left:
        name = left.pop()
        found = sorted(Recipe("debian-12").repository.glob(f"{name}_*.deb"))
        if not found or name in seen:
            continue
        seen.add(name)
        subprocess.run(["dpkg-deb", "-x", str(found[-1]), str(into)], check=True)
        depends = subprocess.check_output(["dpkg-deb", "-f", str(found[-1]), "Depends"], text=True)
        left += [
            library for library in re.findall(r"[a-z0-9.+-]+", depends) if library[:3] == "lib"
        ]
    path = _named(tool, into)
    return path and _with_libraries(path, into)


def _named(tool: str, into: Path) -> str | None:
    if tool.startswith("/"):
        return str(into / tool[1:]) if (into / tool[1:]).exists() else None
    return shutil.which(tool, path=f"{into}/usr/bin:{into}/usr/sbin")


def _with_libraries(path: str, root: Path) -> str:
    """A program that runs the tool with the libraries that were unpacked beside it."""
    script = root / Path(path).name
    places = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*/frr")]
    folders = ":".join(str(one) for one in sorted(places))
    script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={folders} exec {path} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script)


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


def of_image(tool: str) -> str:
    """The path of a tool of the lab's image, with its libraries; without the image as `need`."""
    root = Recipe("debian-12").root
    found = shutil.which(tool, path=f"{root}/usr/bin:{root}/usr/sbin")
    if shutil.which(tool, path=_SBIN) is not None or found is None:
        return need(tool)
    into = Path(_directory().name, "image")
    into.mkdir(exist_ok=True)
    script = into / tool
    places = [*root.glob("usr/lib/*-linux-gnu"), root / "usr/libexec/sudo"]
    folders = ":".join(str(one) for one in places)
    script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={folders} exec {found} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script)
