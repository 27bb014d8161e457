"""Decides plugin by plugin: the official one wherever it can be had, else the lab's stand-in."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

from lab.setup import attempts, paths, toolchain
from lab.setup.steps import Say, SetupError

_LIMIT = 20
_LARGE = {"resource-aws": 300}
"""Seconds for those that are larger: pulumi-aws is a download of about 150 MB."""
_PATIENT = 600
"""Seconds that a download has where no stand-in may serve."""

_VARIABLE = "BACKPLANE_PLUGINS"


def ensure(say: Say) -> str:
    """Get official plugins where possible and link stand-ins for the rest; returns what is in use.

    `BACKPLANE_PLUGINS=stand-in` asks for the stand-ins, `official` refuses them.
    """
    wish = os.environ.get(_VARIABLE, "")
    if wish not in ("", "stand-in", "official"):
        raise SetupError(f"{_VARIABLE}={wish} means nothing", "say stand-in, official, or unset it")
    names = list(toolchain.PLUGINS)
    if wish != "stand-in":
        with ThreadPoolExecutor(max_workers=len(names)) as pool:
            patient = wish == "official"
            missing = list(pool.map(lambda name: _official(name, say, patient=patient), names))
        names = [name for name, reason in zip(names, missing, strict=True) if reason]
        if names and wish == "official":
            reasons = "; ".join(reason for reason in missing if reason)
            raise SetupError(reasons, f"unset {_VARIABLE}, and stand-ins are used for these")
    _link(names)
    return toolchain.announce().partition("plugins: ")[2]


def _official(name: str, say: Say, *, patient: bool) -> str:
    """Why the official plugin is not to be had; empty if it is there."""
    kind, _, short = name.partition("-")
    if kind == "language":
        return "" if toolchain.official_language(short) else f"{name}: not beside the engine"
    wanted = version(f"pulumi-{short}")
    if (toolchain.pulumi_home() / "plugins" / f"resource-{short}-v{wanted}").is_dir():
        return ""
    if not patient and (reason := attempts.failed_lately(name)):
        return f"{name}: {reason}"
    engine = toolchain.engine()
    if engine is None:
        raise SetupError("no engine", "run set-up again")
    say(f"asking for the official plugin {short} {wanted}")
    limit = _PATIENT if patient else _LARGE.get(name, _LIMIT)
    try:
        done = subprocess.run(
            [str(engine.program), "plugin", "install", "resource", short, wanted],
            env={**os.environ, "PULUMI_HOME": str(toolchain.pulumi_home())},
            capture_output=True, text=True, timeout=limit, check=False,
        )  # fmt: skip
        lines = re.findall(r"(?:dial|Get|error).*", done.stderr)
        reason = "" if done.returncode == 0 else (lines[-1] if lines else "not served")
    except subprocess.TimeoutExpired:
        reason = f"no answer within {limit} s"
    if reason:
        attempts.failed(name, reason)
    return reason and f"{name}: {reason}"


def _link(names: list[str]) -> None:
    """Make the links directory hold exactly these stand-ins."""
    links = toolchain.links()
    links.mkdir(parents=True, exist_ok=True)
    wanted = {f"pulumi-{name}" for name in names}
    for link in links.iterdir():
        if link.name not in wanted:
            link.unlink()
    for name in wanted:
        link = links / name
        target = paths.STAND_INS / name
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
