"""Which engine and which plugins are in use, and the environment that makes Pulumi use them.

Set-up decides once and leaves its decision on disk: the engine at a known place, the stand-in
plugins that are needed as links in the virtual environment. Everybody else only asks here.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from lab.setup import paths

ENGINE_VERSION = "3.259.0"
"""The engine that the official installer is asked for and that the Go tool pins."""

PLUGINS = (
    "language-python",
    "resource-aws",
    "resource-command",
    "resource-hcloud",
    "resource-random",
)
"""Every plugin that a stack of this project uses, by its program's name after `pulumi-`."""


class ToolchainError(Exception):
    """No engine, or no plugins, yet; the text says what to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A usable `pulumi`.

    Attributes:
        program: the executable.
        version: its version without the leading v.
        origin: `PATH`, `official installer` or `built from source`.
    """

    program: Path
    version: str
    origin: str


def links() -> Path:
    """Where the stand-ins in use are linked; one directory per checkout."""
    return paths.ROOT / ".venv" / "stand-ins"


def pulumi_home() -> Path:
    """Where the engine keeps plugins and its own settings for the lab, apart from the user's."""
    return paths.cache() / "pulumi"


def official_engine() -> Path:
    """Where the official installer is told to put the engine."""
    return paths.cache() / "engine" / f"official-{ENGINE_VERSION}" / "bin" / "pulumi"


@remembered
def version_of(program: Path) -> str | None:
    """What `pulumi version` says, without the v; None if it does not run."""
    try:
        done = subprocess.run(
            [str(program), "version"], capture_output=True, text=True, check=True, timeout=60,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+\.\d+\.\d+)", done.stdout)
    return found.group(1) if found else None


def new_enough(version: str | None) -> bool:
    """Whether an engine of that version takes this project's programs."""
    if version is None:
        return False
    return _numbers(version) >= _numbers(ENGINE_VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def engine() -> Engine | None:
    """The engine to use, in this order: PATH, official installer, built from source."""
    on_path = shutil.which("pulumi", path=_foreign_path())
    candidates = [("official installer", official_engine())]
    if on_path:
        candidates.insert(0, ("PATH", Path(on_path)))
    go = paths.go_version()
    if go:
        candidates.append(("built from source", paths.built_engine(go)))
    for origin, program in candidates:
        if not program.is_file():
            continue
        version = version_of(program)
        if version and new_enough(version):
            return Engine(program=program, version=version, origin=origin)
    return None


def official_language(name: str) -> bool:
    """Whether the engine in use has its own language host beside it."""
    found = engine()
    return found is not None and (found.program.parent / f"pulumi-language-{name}").is_file()


def _foreign_path() -> str:
    """PATH without the places that this project itself puts there."""
    ours = (str(paths.cache()), str(paths.ROOT))
    entries = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if not entry.startswith(ours))


def stand_ins() -> tuple[str, ...]:
    """The plugins for which a stand-in is in use, such as `resource-random`; sorted."""
    if not links().is_dir():
        return ()
    return tuple(sorted(link.name.removeprefix("pulumi-") for link in links().iterdir()))


def ready() -> bool:
    """Whether set-up has run: an engine is there and the plugins are decided."""
    return links().is_dir() and engine() is not None


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which `pulumi` finds engine, plugins and this checkout's Python.

    Args:
        base: what to start from; the present process's environment by default.

    Raises:
        ToolchainError: set-up has not run here.
    """
    found = engine()
    if found is None or not links().is_dir():
        raise ToolchainError(
            "the Pulumi engine or its plugins are not set up here. Fix: `make setup`"
        )
    env = dict(os.environ if base is None else base)
    front = [str(found.program.parent), str(links()), str(Path(sys.prefix) / "bin")]
    rest = [p for p in env.get("PATH", os.defpath).split(os.pathsep) if p and p not in front]
    env["PATH"] = os.pathsep.join([*front, *rest])
    env["PULUMI_HOME"] = str(pulumi_home())
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env["PULUMI_SKIP_CONFIRMATIONS"] = "true"
    if env.get("PYTHONDONTWRITEBYTECODE"):
        # Each preview starts six Python processes, and each would compile its modules anew.
        env["PYTHONDONTWRITEBYTECODE"] = ""
    return env


def announce() -> str:
    """One sentence for people: the engine and the kind of each plugin."""
    found = engine()
    if found is None:
        return "engine: none yet"
    mine = stand_ins()
    kinds = (
        f"{name.split('-', 1)[1]} ({'stand-in' if name in mine else 'official'})"
        for name in PLUGINS
    )
    return f"engine {found.version} ({found.origin}); plugins: {', '.join(kinds)}"
