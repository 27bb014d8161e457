"""What a backup is made of, read where it is; and what is known of the stack there is now."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import yaml

from scripts._problem import Problem
from scripts._stack import RUNNER, project, pulumi, settings

if TYPE_CHECKING:
    from backplane.declaration import Declaration
    from scripts._archive import Backup, State

Json = dict[str, Any]

PROVIDER = ("secretsprovider", "encryptionsalt", "encryptedkey")
"""Keys of a stack's file by which its secrets are decrypted."""


def settings_file(stack: str) -> Path:
    """Where a stack's file is."""
    return settings()[1] / f"Pulumi.{stack.rpartition('/')[2]}.yaml"


def recipients_file(stack: str) -> Path:
    """Where the public keys are declared that may open a stack's backups."""
    return settings()[1] / f"{stack.rpartition('/')[2]}.recipients"


def collect(stack: str) -> Backup:
    """Read everything of a stack that a new control machine needs; secrets stay encrypted.

    Raises:
        Problem: There is no such stack, no file of it, or nothing in its state.
    """
    from scripts._archive import Backup, Broken, State  # noqa: PLC0415 - `--help` needs none of it

    where, path = f"stack {stack}", settings_file(stack)
    text = pulumi("stack", "export", "--stack", stack, where=where, what="its state cannot be read")
    try:
        held = path.read_bytes()
    except OSError as error:
        raise Problem(
            where=str(path),
            what="the stack's file cannot be read",
            why=error.strerror or str(error),
            fix="run this in the checkout that has it: its salt opens the state's secrets",
        ) from error
    try:
        state = State.read(text)
    except Broken as error:
        raise Problem(where=where, what="no backup", why=str(error), fix="see its text") from error
    if not state.resources:
        raise Problem(
            where=where,
            what="there is nothing to back up",
            why="its state has no resources",
            fix="run `pulumi up` first",
        )
    about = {
        "project": settings()[0],
        "stack": stack.rpartition("/")[2],
        "taken": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "version": metadata.version("backplane"),
        **_revision(),
        "state": {
            "saved": state.saved,
            "resources": state.resources,
            "pending": state.pending,
            "engine": str((state.deployment.get("manifest") or {}).get("version", "")),
        },
        "needs": _needs(stack, yaml.safe_load(held) or {}, state),
    }
    return Backup(about=about, raw_state=text.encode(), settings=held)


def _revision() -> Json:
    """The checkout's commit, whether it has changes beyond it, and where it was cloned from."""
    changed = _git("status", "--porcelain")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(changed),
        "origin": _bare(_git("remote", "get-url", "origin")),
    }


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=project(), capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _bare(url: str) -> str:
    """An address without who logs in there: that may be a token."""
    parts = urlsplit(url)
    if not parts.scheme:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _needs(stack: str, document: Mapping[str, Any], state: State) -> Json:
    """What no backup holds, and a new control machine must have."""
    from scripts._engine import State as Engine  # noqa: PLC0415

    told = json.loads(
        pulumi("whoami", "--json", "--verbose", where=f"stack {stack}", what="no backend")
    )
    return {
        "backend": _bare(str(told.get("url", ""))),
        "secrets": str(document.get("secretsprovider") or "passphrase"),
        "clouds": sorted({cloud for cloud, _ in Engine(dict(state.deployment)).places}),
        "runner": os.environ.get(RUNNER, ""),
    }


def present(stack: str) -> State | None:
    """The state of a stack that is there; None where the backend has no such stack.

    Raises:
        Problem: No pulumi, or no backend that is logged in to.
    """
    from scripts._archive import State  # noqa: PLC0415 - `--help` needs none of this

    where = f"stack {stack}"
    listed = pulumi("stack", "ls", "--json", where=where, what="the stacks cannot be listed")
    short = stack.rpartition("/")[2]
    if short not in {str(one["name"]).rpartition("/")[2] for one in json.loads(listed)}:
        return None
    return State.read(
        pulumi("stack", "export", "--stack", stack, where=where, what="its state cannot be read")
    )


def declaration(held: bytes, name: str) -> Declaration | None:
    """The declaration of a stack's file; None where it has none that this program accepts."""
    from backplane.declaration import parse  # noqa: PLC0415 - `--help` needs no pydantic
    from backplane.mistakes import DeclarationError  # noqa: PLC0415

    try:
        return parse(yaml.safe_load(held)["config"][f"{name}:mesh"])
    except (DeclarationError, KeyError, TypeError, yaml.YAMLError):
        return None


def shown(backup: Backup) -> list[str]:
    """What a backup is, for people."""
    about, state = backup.about, backup.state
    commit = str(about.get("commit", ""))[:12] or "unknown"
    changed = ", with changes that no commit has" if about.get("changed") else ""
    needs = about.get("needs", {})
    said = [
        f"stack {backup.stack} of project {backup.project}, taken {about['taken']}",
        f"program {about.get('version')}, commit {commit}{changed}",
        f"state of {state.saved}: {state.resources} resources, {state.pending} cut operations",
        f"needs besides: secrets by {needs.get('secrets')}, backend {needs.get('backend')}",
    ]
    if needs.get("clouds"):
        said.append(f"and a token for {', '.join(needs['clouds'])}")
    if needs.get("runner"):
        said.append(f"was made by {RUNNER}={needs['runner']}")
    return said


def opened(path: Path, identity: Path | None) -> Backup:
    """Open a backup and check it whole.

    Raises:
        Problem: The key is another one, or the file was changed or is none.
    """
    from scripts import _sealed  # noqa: PLC0415
    from scripts._archive import Broken, unpack  # noqa: PLC0415 - `--help` needs none of this

    plain = _sealed.open_file(path, identity)
    try:
        return unpack(plain)
    except Broken as error:
        raise Problem(
            where=str(path),
            what="it opens, and is no whole backup",
            why=str(error),
            fix="take another copy, or one from before",
        ) from error
