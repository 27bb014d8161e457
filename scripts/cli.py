"""The command `backplane`: finds the verbs beside it and runs one.

A verb is a module of this package whose name starts with no underscore. It exports either
`app` (a `typer.Typer` group) or `main` (a function that typer turns into a command, with click's
settings in `CONTEXT` if there are any). Only the verb that was asked for is imported; the others'
help lines are read from their sources, so the command starts fast however many verbs there are.

Exit codes: 0 all is well, 1 a finding or a failure, 2 wrong usage.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from scripts._problem import describe

VERBS = Path(__file__).parent


def verbs() -> dict[str, Path]:
    """Every verb's name and module file, sorted by name."""
    return {
        path.stem: path
        for path in sorted(VERBS.glob("*.py"))
        if not path.stem.startswith("_") and path.stem != "cli"
    }


def summary(path: Path) -> str:
    """The first line of a verb's docstring, read without importing it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def _global_options(
    *,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Plain text; the same as NO_COLOR=1.")
    ] = False,
) -> None:
    """Dark meshes of cloud machines on four WireGuard planes."""
    del no_color  # taken out of the arguments before the verb is known; here for the help


def _placeholder() -> None:
    """Stand for a verb in the help list."""


def _add(app: typer.Typer, verb: str, path: Path) -> None:
    module = importlib.import_module(f"{__package__}.{verb}")
    group = getattr(module, "app", None)
    if isinstance(group, typer.Typer):
        app.add_typer(group, name=verb, help=summary(path))
        return
    command: Callable[..., None] = module.main
    app.command(name=verb, context_settings=getattr(module, "CONTEXT", None))(command)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command line of one run: the verb it asks for, and a help line for every other."""
    app = typer.Typer(
        name="backplane",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for verb, path in verbs().items():
        if verb == wanted:
            _add(app, verb, path)
        else:
            app.command(name=verb, help=summary(path))(_placeholder)
    return app


def _take_no_color(arguments: list[str]) -> list[str]:
    """Honour `--no-color` wherever it stands before a bare `--`, and take it out."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--no-color" in arguments[:end]:
        os.environ["NO_COLOR"] = "1"
    return [word for word in arguments[:end] if word != "--no-color"] + arguments[end:]


def main() -> None:
    """Run the command; a failure is told in labelled lines, never as a traceback."""
    arguments = _take_no_color(sys.argv[1:])
    try:
        build(arguments)(args=arguments, prog_name="backplane")
    except KeyboardInterrupt:
        print("backplane: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if os.environ.get("BACKPLANE_DEBUG"):
            raise
        print("backplane: failed", file=sys.stderr)
        for label, text in describe(error):
            print(f"  {label:<6}{text}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
