"""Bring a stack back from a backup, onto a new control machine."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from scripts._problem import Problem
from scripts._stack import StackOption, project, pulumi, settings

if TYPE_CHECKING:
    from scripts._archive import Backup, State

Json = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(slots=True, kw_only=True)
class Restoring:
    """One run: all is checked before anything is written, and each step may be done again.

    Attributes:
        backup: what is restored.
        stack: under which name, with its organisation where there is one.
        keep: leave a stack's file that is there as it is.
        force: write over a file that differs, and over a newer state.
        done: what was done, in words.
        next: what is to be known, in words.
    """

    backup: Backup
    stack: str
    keep: bool
    force: bool
    done: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Check all of it, then put file and state in place."""
        from scripts import _backup  # noqa: PLC0415 - `--help` needs none of this

        self._same_mesh()
        path = _backup.settings_file(self.stack)
        there = path.read_bytes() if path.is_file() else None
        held = self._settings(path, there)
        now = _backup.present(self.stack)
        wanted = self._wanted(now)
        if there != held:
            _put(path, held)
            self.done.append(f"{path.name} written")
            self.next.append(
                f"{path.name} is the backup's: read it before `pulumi` does, since it may send the "
                "clouds' tokens to an endpoint of its own"
            )
        if now is None:
            self._init(path, held)
        if wanted:
            self._import()
        else:
            self.done.append("its state is there already")
        self._since(there)

    def _same_mesh(self) -> None:
        name = settings()[0]
        if name != self.backup.project:
            raise Problem(
                where=str(project()),
                what="the backup is of another project; nothing was changed",
                why=f"it is of {self.backup.project}, and this checkout is of {name}",
                fix="run it in a checkout of that project",
            )
        if not _NAME.fullmatch(self.backup.stack) or self.backup.stack.strip(".") == "":
            raise Problem(
                where="the backup",
                what="its stack has a name that no stack has; nothing was changed",
                why=f"{self.backup.stack[:40]!a} would name another file",
                fix="take a backup that `backplane backup` wrote",
            )
        if self.stack.rpartition("/")[2] != self.backup.stack:
            raise Problem(
                where=f"stack {self.stack}",
                what="the backup is of another stack; nothing was changed",
                why=f"it is of {self.backup.stack}, whose name is in all of its state",
                fix=f"give --stack {self.backup.stack}, with an organisation before it if you like",
            )

    def _settings(self, path: Path, there: bytes | None) -> bytes:
        """What the stack's file is to hold."""
        from scripts._backup import PROVIDER  # noqa: PLC0415 - `--help` needs none of this

        ours = self.backup.settings
        if there is None or there == ours or (self.force and not self.keep):
            return ours
        here, other = (yaml.safe_load(one) or {} for one in (there, ours))
        if here == other:
            # Another order or other remarks: what is there has them as people wrote them.
            return there
        keys = [{word: one.get(word) for word in PROVIDER} for one in (here, other)]
        if here == {word: held for word, held in other.items() if word not in PROVIDER}:
            return ours
        if not self.keep:
            raise Problem(
                where=str(path),
                what="this file is another one than the backup's; nothing was changed",
                why="the declaration has gone on since, or it is of another mesh",
                fix="--keep leaves it and brings the state back, which is right where it is newer; "
                "--force writes the backup's",
            )
        if keys[0] != keys[1]:
            raise Problem(
                where=str(path),
                what="this file cannot be kept; nothing was changed",
                why="its secrets are encrypted by another passphrase or key than the backup's",
                fix="--force writes the backup's; then bring `backplane:mesh` over by hand",
            )
        return there

    def _wanted(self, now: State | None) -> bool:
        """Whether the state is to be imported; False when the very one is there."""
        then = self.backup.state
        if now is None or not now.resources:
            return True
        if (now.saved, now.resources) == (then.saved, then.resources):
            return False
        both = (
            f"the stack's state is of {now.saved} and has {now.resources} resources, the backup's "
            f"is of {then.saved} and has {then.resources}"
        )
        if now.newer_than(then):
            if not self.force:
                raise Problem(
                    where=f"stack {self.stack}",
                    what="its state is newer than the backup; nothing was changed",
                    why=both,
                    fix="go on with what is there; --force throws it away for the backup's",
                )
            self.next.append(f"a newer state was thrown away: {both}")
        else:
            self.next.append(f"an older state was replaced: {both}")
        return True

    def _init(self, path: Path, held: bytes) -> None:
        provider = (yaml.safe_load(held) or {}).get("secretsprovider")
        words = ["--secrets-provider", str(provider)] if provider else []
        try:
            pulumi(
                *("stack", "init", self.stack, *words),
                where=f"stack {self.stack}",
                what="the stack cannot be made",
            )
        finally:
            # A KMS gets a new data key from it, which does not open what is restored.
            if path.read_bytes() != held:
                _put(path, held)
        self.done.append(f"stack {self.stack} made")

    def _import(self) -> None:
        done = subprocess.run(
            ["pulumi", "stack", "import", "--stack", self.stack, "--non-interactive"],
            cwd=project(),
            input=self.backup.raw_state,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Problem(
                where=f"stack {self.stack}",
                what="its state cannot be imported; run this again when that is mended",
                why=said[-1].removeprefix("error: ") if said else f"ended {done.returncode}",
                fix="the stack's own passphrase or key is needed besides the backup's",
            )
        self.done.append(f"state imported: {self.backup.state.resources} resources")

    def _since(self, there: bytes | None) -> None:
        """What the backup does not know, and what came out since and may come back."""
        from backplane.rebuild import since  # noqa: PLC0415 - `--help` needs none of this
        from scripts._backup import declaration  # noqa: PLC0415

        if self.backup.state.pending:
            self.next.append(
                f"{self.backup.state.pending} operations were cut when it was taken, and are "
                "forgotten by the import: `backplane recover` finds what they left at the cloud"
            )
        then, now = (
            declaration(held, self.backup.project) if held else None
            for held in (self.backup.settings, there)
        )
        if then is None or now is None:
            return
        gone_on = since(then, now)
        if self.keep:
            self.next += gone_on.lines
        elif back := (*gone_on.left, *gone_on.removed):
            self.next.append(f"the backup's file has them again: {', '.join(back)}")


def _put(path: Path, held: bytes) -> None:
    from scripts import _sealed  # noqa: PLC0415 - `--help` needs none of this

    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    _sealed.write(path, held)
    path.chmod(mode)


def main(
    file: Annotated[Path, typer.Argument(help="What `backplane backup` has written.")],
    *,
    stack: StackOption = None,
    identity: Annotated[
        Path | None,
        typer.Option("--identity", "-i", help="The private key's file, if sealed to public keys."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack's file that is here: it is newer.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write over a file that differs, and over a newer state."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Bring a stack back from a backup, onto a new control machine.

    Run it in a checkout of the program, logged in to a backend (`pulumi login`), with the stack's
    own passphrase or KMS. It opens and checks the file, puts the stack's file in place, makes the
    stack where there is none, and imports the state. No node and no cloud is touched. It may be run
    again. Exit code 0: restored; 1: refused or failed, and why.
    """
    from scripts import _backup  # noqa: PLC0415 - `--help` needs none of this

    backup = _backup.opened(file, identity)
    run = Restoring(backup=backup, stack=stack or backup.stack, keep=keep, force=force)
    # Before anything is changed: what is shown is the backup's own word.
    shown = _backup.shown(backup)
    run.run()
    commands = [f"pulumi preview --stack {run.stack}", f"pulumi up --stack {run.stack}"]
    if as_json:
        facts = {"stack": run.stack, "taken": backup.about["taken"], "saved": backup.state.saved}
        print(json.dumps({**facts, "done": run.done, "notes": run.next, "next": commands}))
        return
    for line in shown:
        print(line)
    for line in run.done:
        print(f"done: {line}")
    for line in run.next:
        print(f"note: {line}")
    print(f"next: `{commands[0]}` must say that nothing changes; then `{commands[1]}`")
