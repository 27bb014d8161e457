"""Write a stack's plain outputs for other programs: Prometheus, Ansible, ssh, name servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from backplane.contract import Outputs, parse
from backplane.render.export import FORMATS
from scripts._file import write
from scripts._problem import Problem
from scripts._stack import StackOption, plain

_ABOUT = "; ".join(f"{name}: {one.about}" for name, one in FORMATS.items())


def _known(form: str) -> str:
    if form not in FORMATS:
        raise typer.BadParameter(f"{form} is none of {', '.join(FORMATS)}")
    return form


def _document(stack: str | None, source: Path | None) -> Mapping[str, Any]:
    if source is None:
        return plain(stack)
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(
            where=str(source),
            what="the outputs cannot be read",
            why=getattr(error, "strerror", None) or str(error),
            fix="write it with: backplane export json --output FILE",
        ) from error
    if not isinstance(document, dict):
        raise Problem(
            where=str(source),
            what="these are no outputs",
            why="the document is no JSON object",
            fix="write it with: backplane export json --output FILE",
        )
    return document


def _write_all(folder: Path, files: Mapping[str, str]) -> None:
    if not folder.is_dir():
        raise Problem(
            where=str(folder),
            what="the files cannot be written",
            why="this format is several files, and there is no such folder",
            fix=f"mkdir {folder}",
        )
    if strange := [name for name in files if Path(name).name != name or name in {"", ".."}]:
        raise Problem(
            where=str(folder),
            what="the files cannot be written",
            why=f"{', '.join(map(ascii, strange))} names no file inside the folder",
            fix="use outputs that Backplane wrote",
        )
    for name, text in files.items():
        write(folder / name, text)


def _export(outputs: Outputs, name: str, output: Path | None) -> None:
    form = FORMATS[name]
    if output is None:
        print(form.text(outputs), end="")
    elif form.files is None:
        write(output, form.text(outputs))
    else:
        _write_all(output, form.files(outputs))


def main(
    form: Annotated[
        str,
        typer.Argument(metavar="FORMAT", callback=_known, help=f"One of: {_ABOUT}."),
    ],
    *,
    stack: StackOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file to write; for `zone` a folder that is there."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A file with the outputs, instead of the stack."),
    ] = None,
) -> None:
    """Write a stack's plain outputs for other programs: Prometheus, Ansible, ssh, name servers.

    Needs no passphrase and shows no secret. The same outputs give the same bytes, and a file that
    holds them already is not touched. Exit code 0: written; 1: the outputs cannot be read, do not
    keep the contract (docs/outputs.md), or the file cannot be written.
    """
    if stack and source:
        raise typer.BadParameter("a stack or a file, not both", param_hint="--from")
    _export(parse(_document(stack, source)), form, output)
