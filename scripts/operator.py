"""People and their devices: add, list, hand out their files, revoke."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._stack import StackOption

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(no_args_is_help=True, help=__doc__)

NameArgument = Annotated[str, typer.Argument(help="The operator, by the name of the entry.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print what a machine can read.")]
DirectOption = Annotated[
    bool, typer.Option("--direct", help="Every node a peer, past entry nodes: for the bad day.")
]
PlaneOption = Annotated[
    str | None, typer.Option("--plane", "-p", help="Only this plane, by slot or name.")
]


@app.command("list")
def everybody(*, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Who is declared: planes, addresses, whose keys, and the last day."""
    from scripts import _operators  # noqa: PLC0415 - `--help` needs none of this
    from scripts._declared import read  # noqa: PLC0415

    found = _operators.listed(read(stack).declaration, time.time())
    if as_json:
        print(json.dumps(found, indent=2))
    elif not found:
        print("no operators are declared; `backplane operator add NAME --plane management`")
    else:
        from rich.console import Console  # noqa: PLC0415

        Console().print(_table(found))


def _table(found: list[dict[str, Any]]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - `--help` needs none of this

    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("operator", "id", "planes", "keys", "ssh", "last day"):
        shown.add_column(column, no_wrap=column != "planes")
    colours = {"": "", "soon": "yellow", "over": "red"}
    marks = {"": "", "soon": " (soon)", "over": " (over: refused)"}
    for one in found:
        day, colour = one["expires"] or "-", colours[one["state"]]
        text = f"{day}{marks[one['state']]}"
        own, on = len(one["own_keys"]), len(one["planes"])
        shown.add_row(
            one["name"],
            str(one["id"]),
            ", ".join(one["planes"]),
            "own" if own == on else "stack" if not own else f"{own} of {on} own",
            one["ssh"],
            f"[{colour}]{text}[/]" if colour else text,
        )
    return shown


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The entry's name: the person's, or the device's.")],
    *,
    plane: Annotated[
        list[str], typer.Option("--plane", "-p", help="A plane they are on; once for each.")
    ],
    expires: Annotated[
        str | None, typer.Option(help="The last day (UTC) on which they may come in: YYYY-MM-DD.")
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(help="PLANE=KEY, a WireGuard public key of the device's own; once for each."),
    ] = None,
    ssh_key: Annotated[
        str | None, typer.Option(help="Their ed25519 public key for SSH, or the file with it.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="An account of their own, in place of root's.")
    ] = None,
    sudo: Annotated[
        list[str] | None,
        typer.Option(help="`all`, `none`, or a command it may run as root; once for each."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--id", min=1, max=254, help="Their id; default: a free one.")
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a new operator into the declaration: nothing else changes until `pulumi up`.

    Keys that the device makes itself are best: give their public halves, and no private key ever
    leaves it. On planes without one the stack makes the keys.
    """
    from scripts import _operators  # noqa: PLC0415 - `--help` needs none of this
    from scripts._declared import read  # noqa: PLC0415

    file = read(stack)
    _operators.require_free_name(file, name)
    wanted = _operators.Wanted(
        name=name,
        number=number,
        on=plane,
        keys=public_key or (),
        ssh=ssh_key,
        expires=expires,
        user=user,
        sudo=tuple(sudo or ()),
    )
    made = _operators.entry(file.declaration, wanted)
    _operators.require_sound(file, name, made)
    file.change({("operators", name): made})
    if as_json:
        print(json.dumps({"stack": file.stack, "file": file.shown, "operator": name, **made}))
        return
    print(f"{file.shown}: operators.{name} added, id {made['id']}, {', '.join(plane)}")
    print(f"next: pulumi up, then: backplane operator config {name}")


@app.command()
def config(
    name: NameArgument,
    *,
    plane: PlaneOption = None,
    direct: DirectOption = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the files into this folder, for their owner alone.")
    ] = None,
    stack: StackOption = None,
) -> None:
    """The wg-quick files of a device, one a plane: to the terminal, or into a folder.

    They hold the device's private keys where the stack made them, and its PSKs always.
    """
    from scripts import _operators  # noqa: PLC0415 - `--help` needs none of this
    from scripts._file import replace  # noqa: PLC0415
    from scripts._stack import read  # noqa: PLC0415

    files = _operators.files(read(stack).outputs, name, plane, direct=direct)
    for file, text in files.items():
        if out is None:
            print(f"# {file}\n{text}", end="" if len(files) == 1 else "\n")
        else:
            out.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(out / file, text.encode(), 0o600)
            print(out / file)


@app.command()
def qr(
    name: NameArgument,
    *,
    plane: Annotated[str, typer.Option("--plane", "-p", help="The plane, by slot or name.")],
    direct: DirectOption = False,
    stack: StackOption = None,
) -> None:
    """A device's file of one plane as a QR code in the terminal, for WireGuard's phone apps."""
    import segno  # noqa: PLC0415 - `--help` needs none of this

    from scripts import _operators  # noqa: PLC0415
    from scripts._stack import read  # noqa: PLC0415

    files = _operators.files(read(stack).outputs, name, plane, direct=direct)
    (text,) = files.values()
    code = segno.make(_operators.scanned(name, text), error="l", boost_error=False, micro=False)
    code.terminal(out=sys.stdout, compact=True)
    print(f"{next(iter(files))}: whoever sees this code has the keys", file=sys.stderr)


@app.command()
def revoke(
    name: NameArgument,
    *,
    up: Annotated[bool, typer.Option("--up", help="Go on with `pulumi up`, which asks.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 5.0,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a device out of every node at once, end its sessions, take it out of the declaration.

    Entry nodes are told first. No `pulumi up` is waited for: it takes away the peer itself, later.
    A node that is not reached learns of it from its neighbours, within five minutes or when it
    boots. Exit code 0: every node refuses the device; 1: some node was not reached.
    """
    from scripts import _revoking  # noqa: PLC0415 - `--help` needs none of this
    from scripts._declared import read  # noqa: PLC0415
    from scripts._stack import deployed  # noqa: PLC0415

    if as_json and up:
        raise typer.BadParameter("pulumi writes no JSON there: run it by itself", param_hint="--up")
    file, seen = read(stack), deployed(stack)
    told = _revoking.done(file, seen, name, wait)
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(_revoking.lines(told)))
    if up:
        chosen = ["--stack", stack] if stack else []
        words = [sys.executable, "-m", "scripts.cli", "up", *chosen]
        done = subprocess.run(words, check=False)
        raise typer.Exit(0 if done.returncode == 0 and told["ok"] else 1)
    raise typer.Exit(0 if told["ok"] else 1)
