"""What a verb knows of a stack: its outputs, read through Pulumi into memory and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from scripts._problem import Problem

if TYPE_CHECKING:
    from runner.credentials import Credentials

StackOption = Annotated[
    str | None, typer.Option("--stack", "-s", help="The stack; default: the selected one.")
]
"""How every verb takes the stack's name."""

_UNREAD = "the outputs cannot be read"

RUNNER = "BACKPLANE_RUNNER"
"""Names this machine's entry in `runners:` when a stack has more than one."""


@dataclass(frozen=True, slots=False, kw_only=True)
class Stack:
    """The outputs of a stack; holds secrets, so it never prints them.

    Attributes:
        label: how messages name the stack.
        outputs: `docs/outputs.md` describes them.
    """

    label: str
    outputs: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Stack({self.label})"

    @cached_property
    def credentials(self) -> Credentials:
        """What the runner's tunnel and SSH need."""
        from runner.credentials import Credentials as Read  # noqa: PLC0415 - SSH is slow to import

        return Read(self.outputs["runner"])

    def require_node(self, node: str) -> None:
        """See that there is a node of this name.

        Raises:
            Problem: There is none.
        """
        nodes: Mapping[str, Any] = self.outputs["nodes"]
        if node not in nodes:
            raise Problem(
                where=self.label,
                what=f"there is no node {node}",
                why=f"its nodes are {', '.join(sorted(nodes))}",
                fix="name one of them",
            )

    @property
    def runner(self) -> str | None:
        """This machine's entry in `runners:`, where the environment names it."""
        return os.environ.get(RUNNER)


def project() -> Path:
    """The directory of the Pulumi project: the nearest above, else this checkout."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    return Path(__file__).resolve().parents[1]


def settings() -> tuple[str, Path]:
    """The project's name, and the folder of its stacks' files."""
    told = yaml.safe_load((project() / "Pulumi.yaml").read_text(encoding="utf-8"))
    return str(told["name"]), project() / told.get("stackConfigDir", ".")


def _label(stack: str | None) -> str:
    return f"stack {stack}" if stack else "the selected stack"


def pulumi(*words: str, where: str, what: str) -> str:
    """Run a pulumi command that asks nothing, and return what it prints.

    Raises:
        Problem: There is no pulumi, or it failed; `where` and `what` are told, with its last line.
    """
    if shutil.which("pulumi") is None:
        raise Problem(
            where=where,
            what=what,
            why="there is no `pulumi` on PATH",
            fix='install Pulumi; for the local lab run: eval "$(backplane lab env)"',
        )
    done = subprocess.run(
        ["pulumi", *words, "--non-interactive"],
        cwd=project(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Problem(
            where=where,
            what=what,
            why=said[-1].removeprefix("error: ") if said else f"pulumi ended {done.returncode}",
            fix="see `pulumi stack ls`; give --stack NAME, and the stack's passphrase or key",
        )
    return done.stdout


def selected(stack: str | None) -> str:
    """The stack's name: the given one, else the selected one's.

    Raises:
        Problem: no pulumi, or no stack is selected.
    """
    if stack:
        return stack
    return pulumi(
        "stack", "--show-name", where=_label(None), what="its name cannot be read"
    ).strip()


def receipt_urn(stack: Stack) -> str:
    """The URN of the rollout's receipt: what `pulumi up --replace` is given for another rollout.

    With the rollout's own, one that failed would not be tried again by a plain `pulumi up`.
    """
    name, _ = settings()
    kind = "backplane:index:Rollout$command:local:Command"
    return f"urn:pulumi:{stack.credentials.stack}::{name}::{kind}::mesh-receipt"


def setting(stack: str, key: str) -> str | None:
    """A value of the stack's configuration, decrypted into memory; None where there is none."""
    done = subprocess.run(
        ["pulumi", "config", "get", key, "--stack", stack, "--non-interactive"],
        cwd=project(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None if done.returncode == 0 else None


def deployed(stack: str | None) -> Stack | None:
    """Read the outputs of a stack; None while it has none.

    Raises:
        Problem: no pulumi, no such stack, or a wrong passphrase.
    """
    where = _label(stack)
    chosen = ["--stack", stack] if stack else []
    text = pulumi(
        *("stack", "output", "--json", "--show-secrets", *chosen),
        where=where,
        what=_UNREAD,
    )
    outputs = json.loads(text or "{}")
    return Stack(label=where, outputs=outputs) if "runner" in outputs else None


def plain(stack: str | None) -> Mapping[str, Any]:
    """Read the outputs of a stack without its secrets, for which no passphrase is needed.

    Raises:
        Problem: no pulumi, no such stack, or nothing deployed yet.
    """
    where = _label(stack)
    chosen = ["--stack", stack] if stack else []
    text = pulumi("stack", "output", "--json", *chosen, where=where, what=_UNREAD)
    outputs: Mapping[str, Any] = json.loads(text or "{}")
    if "version" not in outputs:
        raise _nothing(where)
    return outputs


def read(stack: str | None) -> Stack:
    """Read the outputs of a stack, its selected one when no name is given.

    Raises:
        Problem: no pulumi, no such stack, a wrong passphrase, or nothing deployed yet.
    """
    found = deployed(stack)
    if found is None:
        raise _nothing(_label(stack))
    return found


def _nothing(where: str) -> Problem:
    return Problem(
        where=where,
        what="there is nothing to look at",
        why="the stack has no outputs yet",
        fix="pulumi up",
    )
