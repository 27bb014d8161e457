"""Back a stack up into one sealed file; look into one and say what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._problem import Problem
from scripts._stack import StackOption, selected, settings

if TYPE_CHECKING:
    from scripts._archive import Backup, State

Json = dict[str, Any]


def _take(stack: str, out: Path | None, lock_of: tuple[list[str], list[Path], bool]) -> Json:
    from scripts import _backup, _sealed  # noqa: PLC0415 - `--help` needs none of this

    given, files, by_passphrase = lock_of
    declared = _backup.recipients_file(stack)
    if not (given or files or by_passphrase) and declared.is_file():
        files = [declared]
    keys = () if by_passphrase else _sealed.recipients(given, files)
    if not keys and not by_passphrase:
        raise Problem(
            where=f"stack {stack}",
            what="nobody is named who may open the backup",
            why=f"{declared.name} beside the stack's file has no public key, nor was one given",
            fix="give --recipient age1..., write that file, or say --passphrase",
        )
    phrase = _sealed.chosen() if by_passphrase else ""
    lock = _sealed.Lock(recipients=keys, passphrase=phrase)
    made = _backup.collect(stack)
    when = str(made.about["taken"]).replace("-", "").replace(":", "")
    path = out or Path(f"backplane-{made.stack}-{when}.age")
    sealed = _sealed.seal(made.pack(), lock)
    digest = _sealed.write(path, sealed)
    return {
        "file": str(path),
        "bytes": len(sealed),
        "sha256": digest,
        "opens": lock.shown,
        **_facts(made),
    }


def _facts(backup: Backup) -> Json:
    return {
        "project": backup.project,
        "stack": backup.stack,
        "taken": backup.about["taken"],
        "version": backup.about.get("version"),
        "commit": backup.about.get("commit"),
        "saved": backup.state.saved,
        "resources": backup.state.resources,
        "pending": backup.state.pending,
        "needs": backup.about.get("needs"),
    }


def _look(path: Path, identity: Path | None, stack: str | None) -> tuple[Backup, Json]:
    from scripts import _backup  # noqa: PLC0415 - `--help` needs none of this

    backup = _backup.opened(path, identity)
    now: State | None = None
    why = ""
    if settings()[0] == backup.project:
        try:
            now = _backup.present(stack or backup.stack)
            why = "" if now else "there is no such stack here"
        except Problem as problem:
            why = f"{problem.what}: {problem.why}"
    else:
        why = "this checkout is of another project"
    verdict: Json = {"file": str(path), **_facts(backup), "older": None, "not_compared": why}
    if now is not None:
        verdict["older"] = now.newer_than(backup.state)
        verdict["present"] = {"saved": now.saved, "resources": now.resources}
    return backup, verdict


def _show(backup: Backup, verdict: Json) -> None:
    from scripts import _backup  # noqa: PLC0415 - `--help` needs none of this

    for line in _backup.shown(backup):
        print(line)
    if verdict["older"] is None:
        print(f"not compared with the present state: {verdict['not_compared']}")
    elif verdict["older"]:
        now = verdict["present"]
        print(
            f"older than the present state, which is of {now['saved']} and has "
            f"{now['resources']} resources: take a new one"
        )
    else:
        print("ok: the present state is no newer")


def main(
    *,
    stack: StackOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file; default: one named by stack and time, here."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", "-r", help="A public key that may open it: age1..., ssh-..."),
    ] = None,
    recipients_file: Annotated[
        list[Path] | None,
        typer.Option("--recipients-file", "-R", help="A file of them, one a line."),
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Seal by a passphrase instead: typed, or set.")
    ] = False,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FILE", help="Look into a backup instead.")
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option("--identity", "-i", help="With --verify: the private key's file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Back a stack up into one sealed file; look into one and say what it is.

    It holds the state, whose secrets stay encrypted by the stack's own passphrase or KMS, the
    stack's file, and what it belongs to; sealed by age, so that it may lie anywhere. Public keys
    are those of `stacks/STACK.recipients` unless given. A passphrase is typed, or stands in the
    file that BACKPLANE_BACKUP_PASSPHRASE_FILE names or in BACKPLANE_BACKUP_PASSPHRASE. Exit code
    0: written, or with --verify whole and not older than the present state; 1: a failure, or older.
    """
    sealing = bool(recipient or recipients_file or passphrase or out)
    if verify and sealing:
        raise typer.BadParameter("it looks, and writes nothing", param_hint="--verify")
    if identity and not verify:
        raise typer.BadParameter("it opens, and needs --verify", param_hint="--identity")
    if passphrase and (recipient or recipients_file):
        raise typer.BadParameter("public keys or a passphrase, not both", param_hint="--passphrase")
    if verify:
        backup, verdict = _look(verify, identity, stack)
        if as_json:
            print(json.dumps({"ok": not verdict["older"], **verdict}, indent=2))
        else:
            _show(backup, verdict)
        raise typer.Exit(1 if verdict["older"] else 0)
    told = _take(selected(stack), out, (recipient or [], recipients_file or [], passphrase))
    if as_json:
        print(json.dumps(told, indent=2))
        return
    print(
        f"{told['file']}: stack {told['stack']}, {told['resources']} resources, state of "
        f"{told['saved']}, {told['bytes']} bytes; opened by {told['opens']}"
    )
    if told["pending"]:
        print(f"{told['pending']} cut operations are in it: `backplane recover`, then a new one")
