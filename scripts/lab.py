"""Switch the local lab on and off: a cloud API over real machines on this computer."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Annotated

import typer

from lab.control import switch
from lab.control.execute import execute
from lab.control.settings import Settings
from lab.control.status import status as observe
from lab.layout import DEFAULT, Lab
from lab.setup import toolchain

app = typer.Typer(no_args_is_help=True, help="Real machines without a cloud.")

Name = Annotated[str, typer.Argument(help="The lab's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print what a machine can read.")]


def _tell(line: str) -> None:
    """Tell progress apart from results."""
    print(line, file=sys.stderr, flush=True)


def _show(lab: Lab, *, as_json: bool) -> None:
    seen = observe(lab)
    if as_json:
        print(json.dumps(seen, indent=2))
        return
    print(f"lab {lab.name}: {'up' if seen['up'] else 'not up'}{' (paper)' * seen['paper']}")
    for server in seen["servers"]:
        rules = "no firewall" if server["rules"] is None else f"{len(server['rules'])} rules"
        addresses = f"{server['ipv4'] or '-':<16}{server['ipv6'] or '-':<24}"
        print(f"  {server['name']:<24}{addresses}{server['status']:<10}{rules}")


@app.command()
def up(
    name: Name = DEFAULT,
    *,
    paper: Annotated[bool, typer.Option(help="Answer the API and boot nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Switch a lab on; what is there already is left alone."""
    lab = Lab(name)
    switch.up(lab, paper=paper, say=_tell)
    if as_json:
        _show(lab, as_json=True)


@app.command()
def down(name: Name = DEFAULT, *, as_json: Json = False) -> None:
    """Switch a lab off and leave nothing of it behind, whatever happened before."""
    lab = Lab(name)
    switch.down(lab, say=_tell)
    if as_json:
        _show(lab, as_json=True)


@app.command()
def status(name: Name = DEFAULT, *, as_json: Json = False) -> None:
    """Show a lab's servers and the firewall rules in force; exit 1 when it is not up."""
    lab = Lab(name)
    _show(lab, as_json=as_json)
    if not observe(lab)["up"]:
        raise typer.Exit(1)


@app.command()
def env(name: Name = DEFAULT, *, as_json: Json = False) -> None:
    """Print what a shell needs to run plain pulumi on stack `lab`: eval "$(backplane lab env)"."""
    settings = Settings(Lab(name))
    toolchain.environment()
    variables = settings.environment()
    if as_json:
        print(json.dumps(variables, indent=2))
        return
    for key, value in sorted(variables.items()):
        print(f"export {key}={shlex.quote(value)}")


@app.command(context_settings={"ignore_unknown_options": True})
def exec(  # noqa: A001 - the verb's name
    name: Annotated[str, typer.Argument(help="The lab's name.")],
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
) -> None:
    """Run a command where the lab's runner is, with the lab's environment."""
    raise typer.Exit(execute(Lab(name), command))
