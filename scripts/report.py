"""Tell what a change of the declaration does, as Markdown for a pull request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from scripts._problem import Problem
from scripts._stack import StackOption, pulumi, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backplane.preview import Preview
    from backplane.prices import Price

Json = dict[str, Any]

_FILE = re.compile(r"Pulumi\.([A-Za-z0-9_-]+)\.yaml")
_LARGEST = 4 << 20
"""Bytes of a file that are read: whoever opens a pull request may write it."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, as Pulumi's own reader does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping, if no key is there twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            message = f"`{twice[0]}` is there twice"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _text(path: Path, what: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            where=str(path), what=f"{what} cannot be read", why=str(error), fix="name a file"
        ) from error
    if len(text) > _LARGEST:
        why = f"it has more than {_LARGEST} characters"
        raise Problem(where=str(path), what=f"{what} is not read", why=why, fix="make it smaller")
    return text


def _document(path: Path) -> Json:
    """A stack's file; empty where there is none."""
    if not path.exists():
        return {}
    try:
        document = yaml.load(_text(path, "the stack's file"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Problem(
            where=path.name,
            what="it is no YAML",
            why=" ".join(str(error).split())[:300],
            fix="mend the file",
        ) from error
    return document if isinstance(document, dict) else {}


def _picture(document: Json, name: str, stack: str) -> Json | None:
    """The picture of a file's declaration; None where there is no mesh in it.

    Raises:
        DeclarationError: The declaration has mistakes.
    """
    from backplane.check import checked_plan  # noqa: PLC0415 - `--help` needs no pydantic
    from backplane.picture import picture  # noqa: PLC0415 - as above

    config = document.get("config")
    raw = config.get(f"{name}:mesh") if isinstance(config, dict) else None
    # Through JSON, as the other side may come from a stack's outputs.
    made: Json | None = (
        json.loads(json.dumps(picture(checked_plan(raw, project=name, stack=stack))))
        if raw is not None
        else None
    )
    return made


def _leaves(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Every scalar below a value, by where it stands; an empty mapping is one, too."""
    below: list[tuple[str, object]] = []
    if isinstance(value, dict):
        below = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        below = [(str(at), one) for at, one in enumerate(value)]
    if not below:
        return {path: value}
    return {leaf: one for key, item in below for leaf, one in _leaves(item, (*path, key)).items()}


def _lines(old: Json, new: Json) -> list[str]:
    """Where two files differ, and not what stands there: it may be somebody's secret."""
    before, after = _leaves(old), _leaves(new)
    missing = object()
    return sorted(
        ".".join(path)
        for path in {*before, *after}
        if before.get(path, missing) != after.get(path, missing)
    )


def _applied(stack: str) -> Json | None:
    """The picture that the stack's last `pulumi up` left in its plain outputs, if there was one."""
    text = pulumi(
        *("stack", "output", "--json", "--stack", stack),
        where=f"stack {stack}",
        what="the plan that was last applied cannot be read",
    )
    plan: Json | None = json.loads(text or "{}").get("plan")
    if plan is not None and "nodes" not in plan:
        raise Problem(
            where=f"stack {stack}",
            what="the plan that was last applied does not tell enough",
            why="an earlier Backplane wrote it",
            fix="compare with a file by `--base`, or run `pulumi up` once with this version",
        )
    return plan


def _engine(path: Path) -> Preview:
    from backplane.preview import preview  # noqa: PLC0415 - only where it is asked for

    text = _text(path, "the preview")
    try:
        return preview(json.loads(text))
    except ValueError as error:
        raise Problem(
            where=str(path),
            what="it is no preview",
            why=str(error),
            fix="write it with `pulumi preview --json`",
        ) from error


def _stack(given: str | None, *paths: Path | None) -> str:
    """The stack's name: the given one, else what a file is called by."""
    if given:
        return given.rpartition("/")[2]
    for path in paths:
        if path and (found := _FILE.fullmatch(path.name)):
            return found[1]
    return pulumi("stack", "--show-name", where="the selected stack", what="its name").strip()


def _words(base: Json | None, path: Path | None) -> str:
    if base is None:
        return "nothing: there was no mesh before"
    return "the base branch" if path else "what was last applied"


def main(
    *,
    stack: StackOption = None,
    base: Annotated[
        Path | None,
        typer.Option(help="The stack's file before; default: what `pulumi up` last applied."),
    ] = None,
    head: Annotated[
        Path | None, typer.Option(help="The stack's file afterwards; default: the project's own.")
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(help="What `pulumi preview --json` wrote, to be told of as well.")
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(help="Prices of your own, which go before the known ones: docs/costs.md."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write there; default: print it.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What differs, for a machine to read.")
    ] = False,
) -> None:
    """Tell what a change of the declaration does, as Markdown for a pull request.

    With `--base` and `--head` it needs the two files and nothing else: no engine, no state, no
    passphrase, no cloud. A base that is not there is a mesh that was not there. No secret is in it.
    Exit code 0: it was written; 1: so it was, and what is proposed is not valid.
    """
    from backplane.mistakes import DeclarationError  # noqa: PLC0415 - `--help` needs none of this
    from scripts import _prices  # noqa: PLC0415 - as above

    named = _stack(stack, head, base)
    name, folder = settings()
    proposed = head or folder / f"Pulumi.{named}.yaml"
    try:
        own = _prices.read(prices) if prices else ()
        files = (name, base, proposed)
        text, code = _reported(named, files, preview, own, as_json=as_json), 0
    except DeclarationError as error:
        text, code = _mistaken(named, str(error), as_json=as_json), 1
    except Problem as problem:
        if not (base and head):
            raise
        # Two files from somewhere: what is wrong with them is the report.
        said = f"{problem.where}: {problem.what}\n  why: {problem.why}\n  fix: {problem.fix}"
        text, code = _mistaken(named, said, as_json=as_json), 1
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        typer.echo(text, nl=False)
    raise typer.Exit(code)


def _reported(
    stack: str,
    files: tuple[str, Path | None, Path],
    preview: Path | None,
    prices: Iterable[Price],
    *,
    as_json: bool,
) -> str:
    from dataclasses import asdict  # noqa: PLC0415 - as the rest

    from backplane import costs  # noqa: PLC0415 - as the rest
    from backplane.compare import compare  # noqa: PLC0415 - as the rest
    from backplane.report import About, report  # noqa: PLC0415 - as the rest

    name, base, head = files
    document = _document(head)
    new = _picture(document, name, stack)
    if new is None:
        raise Problem(
            where=head.name,
            what="there is no declaration to report of",
            why=f"it has no `{name}:mesh` below `config`",
            fix="give the file by --head, or the stack's name by --stack",
        )
    earlier = _document(base) if base else {}
    old = _before(earlier, name, stack) if base else _applied(stack)
    change = compare(old, new, _lines(earlier, document) if base and old else ())
    engine = _engine(preview) if preview else None
    cost = costs.told(old, new, prices)
    if as_json:
        told = {
            "stack": stack,
            "change": asdict(change),
            "engine": engine and asdict(engine),
            "cost": cost,
        }
        return json.dumps(told, indent=2) + "\n"
    about = About(stack=stack, base=_words(old, base), head="The declaration here")
    return report(about, change, new, engine, cost)


def _before(document: Json, name: str, stack: str) -> Json | None:
    """The picture to compare with; a base that has mistakes is told as such."""
    from backplane.mistakes import DeclarationError  # noqa: PLC0415 - as the rest

    try:
        return _picture(document, name, stack)
    except DeclarationError as error:
        raise Problem(
            where="the file before",
            what="its declaration has mistakes, so nothing can be compared with it",
            why=str(error).splitlines()[0],
            fix="mend it first, or compare with what was last applied: leave `--base` out",
        ) from error


def _mistaken(stack: str, said: str, *, as_json: bool) -> str:
    from backplane.report import About, invalid  # noqa: PLC0415 - as the rest

    if as_json:
        return json.dumps({"stack": stack, "mistakes": said}, indent=2) + "\n"
    about = About(stack=stack, base="what was before", head="The declaration here")
    return invalid(about, said)
