"""Bring this machine's own tunnel to the nodes up, down, or show how it is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts._problem import Problem
from scripts._stack import Stack, StackOption, read, selected

app = typer.Typer(no_args_is_help=True, help="This machine's own tunnel to the nodes.")

Json = Annotated[bool, typer.Option("--json", help="Print what a machine can read.")]

PATIENCE = 10.0
"""Seconds a keeper gets to end."""


def _record(stack: str) -> Path:
    # Interfaces belong to a network namespace, so their keeper does too.
    folder = Path("/run") if os.geteuid() == 0 else Path(tempfile.gettempdir())
    namespace = Path("/proc/self/ns/net").stat().st_ino
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", stack)
    return folder / f"backplane-{os.geteuid()}-{namespace}-{safe}.keeper"


def _keeper(stack: str) -> int | None:
    """The keeper's process number, if it lives."""
    record = _record(stack)
    if not record.is_file():
        return None
    pid = int(record.read_text(encoding="ascii"))
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if b"scripts._keeper" in words else None


def _interfaces(seen: Stack) -> dict[str, str]:
    entries: Mapping[str, Any] = seen.credentials.document["runners"]
    own = entries[seen.runner or min(entries)]
    return {slot: str(side["interface"]) for slot, side in own["sides"].items()}


def _status(seen: Stack) -> dict[str, Any]:
    from runner.problem import RunnerError  # noqa: PLC0415 - SSH is slow to import
    from runner.wire import Wire  # noqa: PLC0415

    wire, now = Wire(), time.time()
    planes: dict[str, Any] = {}
    for slot, interface in _interfaces(seen).items():
        try:
            ages = {one.public: one.handshake for one in wire.sightings(interface)}
        except RunnerError:
            planes[slot] = {"interface": interface, "up": False, "nodes": {}}
            continue
        nodes = {
            name: ages.get(node["planes"][slot]["public_key"], 0)
            for name, node in seen.credentials.nodes.items()
        }
        planes[slot] = {
            "interface": interface,
            "up": True,
            "nodes": {name: round(now - age) if age else None for name, age in nodes.items()},
        }
    return {
        "up": all(plane["up"] for plane in planes.values()),
        "kept_by": _keeper(seen.credentials.stack),
        "planes": planes,
    }


def _show(status: Mapping[str, Any]) -> None:
    for slot, plane in status["planes"].items():
        print(f"{slot} {plane['interface']}: {'up' if plane['up'] else 'down'}")
        for name, age in plane["nodes"].items():
            print(f"  {name:<24}{'no handshake yet' if age is None else f'{age} s ago'}")


@app.command()
def up(*, stack: StackOption = None) -> None:
    """Bring the tunnel up and keep it until `down`; again is fine."""
    seen = read(stack)
    name = seen.credentials.stack
    if pid := _keeper(name):
        print(f"tunnel of {name}: is up, kept by process {pid}")
        return
    with (
        tempfile.TemporaryFile() as trouble,
        subprocess.Popen(
            [sys.executable, "-m", "scripts._keeper"],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=trouble,
            text=True,
            start_new_session=True,
        ) as keeper,
    ):
        assert keeper.stdin is not None  # noqa: S101 - asked for above
        assert keeper.stdout is not None  # noqa: S101 - asked for above
        request = {
            "credentials": dict(seen.credentials.document),
            "runner": seen.runner,
            "record": str(_record(name)),
            "interfaces": list(_interfaces(seen).values()),
        }
        keeper.stdin.write(json.dumps(request))
        keeper.stdin.close()
        answer = json.loads(keeper.stdout.readline() or "{}")
        if "up" not in answer:
            raise Problem(
                where=f"stack {name}",
                what="the tunnel did not come up",
                why=str(answer.get("error", "its keeper ended without a word")),
                fix=str(answer.get("fix", "run it again with BACKPLANE_DEBUG=1")),
            )
        keeper.returncode = 0  # it goes on without us
    print(f"tunnel of {name}: up, kept by process {answer['up']}")


@app.command()
def down(*, stack: StackOption = None) -> None:
    """Take the tunnel down, unless another program still uses it."""
    name = selected(stack)
    pid = _keeper(name)
    if pid is None:
        print(f"tunnel of {name}: nobody keeps it up")
        return
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while _keeper(name) is not None:
        if time.monotonic() > until:
            raise Problem(
                where=f"stack {name}",
                what="the tunnel's keeper does not end",
                why=f"process {pid} did not answer SIGTERM within {PATIENCE:.0f} s",
                fix=f"kill -9 {pid}, then run `backplane tunnel up` and `down` again",
            )
        time.sleep(0.05)
    print(f"tunnel of {name}: down")


@app.command(name="status")
def show(*, stack: StackOption = None, as_json: Json = False) -> None:
    """Show the interfaces and each node's last handshake; exit 1 when the tunnel is down."""
    status = _status(read(stack))
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        _show(status)
    raise typer.Exit(0 if status["up"] else 1)
