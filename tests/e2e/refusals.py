"""Why a run can't begin here, every reason at once; nothing is asked of any cloud."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from backplane.declaration import DeclarationError, parse
from lab.setup import toolchain
from tests.e2e.offer import Cloud, fresh, locked

YES = "CONFIRM"
"""The variable that says yes where nobody can be asked."""

TOOLS = {"ip": "iproute2", "wg": "wireguard-tools"}
"""What the runner's tunnel needs, and the Debian packages that have it."""


def access(cloud: Cloud, environment: Mapping[str, str]) -> list[str]:
    """Why the account can't be opened, or is none."""
    home = Path(environment.get("HOME", "/nonexistent"))
    found = []
    if not any(environment.get(one) for one in cloud.variables) and not any(
        (home / name).is_file() for name in cloud.files
    ):
        names = " or ".join(cloud.variables)
        found.append(f"there are no credentials for {cloud.title}: set {names}")
    found += [
        f"{name} leads to something that is no real account: unset it"
        for name in cloud.stand_ins
        if environment.get(name)
    ]
    return found


def here(cloud: Cloud, environment: Mapping[str, str]) -> list[str]:
    """Why this machine or this checkout can't do it."""
    found = []
    if sys.platform != "linux":
        found.append(f"the runner's tunnel needs Linux and this is {sys.platform}")
    elif os.geteuid() != 0:
        found.append("the runner's tunnel needs root: run it with sudo")
    found += [
        f"there is no `{tool}` on PATH: install {package}"
        for tool, package in TOOLS.items()
        if shutil.which(tool, path=environment.get("PATH", os.defpath)) is None
    ]
    if locked(cloud.plugin) is None:
        found.append(f"pulumi-{cloud.plugin} is not in requirements.txt of this checkout")
    try:
        parse(cloud.mesh(fresh()))
    except DeclarationError as error:
        wrong = "; ".join(f"{one.path}: {one.what}" for one in error.mistakes)
        found.append(f"this checkout does not know what {cloud.name} needs: {wrong}")
    return found


def stand_ins() -> list[str]:
    """Why the plugins in use are no proof, with the way to better ones; empty if they are."""
    used = toolchain.stand_ins()
    if not used:
        return []
    ways = []
    for name in used:
        kind, _, short = name.partition("-")
        if kind == "language":
            ways.append(f"language-{short} comes beside the official engine (pulumi.com/docs)")
        else:
            ways.append(f"`pulumi plugin install resource {short} {locked(short)}`")
    shown = f"stand-ins are in use for {', '.join(used)}, and a run with them shows nothing"
    return [f"{shown}: {'; '.join(ways)}; then again"]


def agreed(environment: Mapping[str, str], ask: Callable[[str], str] | None) -> bool:
    """Whether somebody said yes: by the variable, or to the question where one can be asked."""
    said = environment.get(YES)
    if said is not None:
        return said == "yes"
    return ask is not None and ask("make them, at that price? (yes/no) ").strip() == "yes"
