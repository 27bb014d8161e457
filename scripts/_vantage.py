"""Where an audit looks from: this computer, another one by SSH, or the lab's stranger."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backplane.audit.heard import MOST
from scripts._problem import Problem

PARTS = ("_knock", "_lookup", "_knocker")
"""The modules that make the program, in the order in which they travel."""

LOCAL, SSH, LAB = "local", "ssh:", "lab"
FORMS = "local, ssh:USER@HOST, or lab (lab:NAME)"

_HOST = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_[][A-Za-z0-9_.:\]-]*")
_OURS = re.compile(r"from (scripts\.|__future__)")
_PROGRESS = re.compile(r"progress (\d+) (\d+)")
_LAB_RESOLVER = "1.1.1.1"
_KEPT = 2000

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vantage:
    """A place to look from.

    Attributes:
        name: as the user wrote it.
        command: what starts Python there and reads the program from stdin.
        resolver: whom to ask for names there; None for the place's own.
    """

    name: str
    command: tuple[str, ...]
    resolver: str | None = None


def of(text: str) -> Vantage:
    """Read what the user wrote.

    SSH is the user's own: a host whose key it does not know is refused, and nothing is asked.

    Raises:
        ValueError: It is no vantage.
    """
    if text == LOCAL:
        return Vantage(name=text, command=(sys.executable, "-I", "-"))
    if text.startswith(SSH) and _HOST.fullmatch(text.removeprefix(SSH)):
        options = ("-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
        more = ("-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10", "-o", "ForwardAgent=no")
        host = text.removeprefix(SSH)
        return Vantage(name=text, command=("ssh", *options, *more, "--", host, "python3 -I -"))
    if text == LAB or text.startswith(f"{LAB}:"):
        return _stranger(text)
    raise ValueError(f"{text!r} is no vantage: {FORMS}")


def _stranger(text: str) -> Vantage:
    from lab.layout import DEFAULT, Lab, LabError  # noqa: PLC0415 - only where a lab is meant
    from lab.network.namespace import Namespace  # noqa: PLC0415

    try:
        lab = Lab(text.partition(":")[2] or DEFAULT)
    except LabError as error:
        raise ValueError(str(error)) from None
    place = Namespace(lab.namespace("internet"))
    if not place.exists:
        raise ValueError(f"lab {lab.name} is not up: backplane lab up {lab.name}")
    command = (*place.entry, sys.executable, "-I", "-")
    return Vantage(name=text, command=command, resolver=_LAB_RESOLVER)


def program(order: dict[str, Any]) -> str:
    """The program with its order, as one text for `python3 -`."""
    lines = ["from __future__ import annotations"]
    for part in PARTS:
        text = (Path(__file__).parent / f"{part}.py").read_text(encoding="utf-8")
        lines += [line for line in text.splitlines() if not _OURS.match(line)]
    return "\n".join([*lines, f"raise SystemExit(main({json.dumps(order)!r}))", ""])


def look(vantage: Vantage, order: dict[str, Any], limit: float, tell: Tell) -> str:
    """Run the program at a vantage and give what it printed.

    Args:
        vantage: where.
        order: what it is to do.
        limit: seconds after which it is ended.
        tell: takes how many knocks are done, and of how many.

    Raises:
        Problem: It did not start, failed, printed too much, or took too long.
    """
    try:
        process = subprocess.Popen(
            vantage.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise _broken(vantage, error.strerror or str(error)) from error
    said: list[str] = []
    found: list[str] = []
    threads = [
        threading.Thread(target=_follow, args=(process, said, tell), daemon=True),
        threading.Thread(target=_take, args=(process, found), daemon=True),
        threading.Thread(target=_feed, args=(process, program(order)), daemon=True),
    ]
    try:
        for thread in threads:
            thread.start()
        code = process.wait(timeout=limit)
        for thread in threads:
            thread.join(timeout=5)
    except subprocess.TimeoutExpired:
        raise _broken(vantage, f"it was not done after {limit:.0f} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code or not found:
        raise _broken(vantage, said[-1] if said else f"it ended with {code}")
    return found[0]


def _feed(process: subprocess.Popen[str], text: str) -> None:
    if process.stdin is not None:
        try:
            with process.stdin:
                process.stdin.write(text)
        except OSError:
            # It ended; its exit code and last words tell why.
            return


def _take(process: subprocess.Popen[str], found: list[str]) -> None:
    if process.stdout is not None:
        found.append(process.stdout.read(MOST + 1))


def _follow(process: subprocess.Popen[str], said: list[str], tell: Tell) -> None:
    if process.stderr is None:
        return
    # Not line by line: a stranger's line need not end.
    while line := process.stderr.readline(_KEPT):
        if counted := _PROGRESS.fullmatch(line.strip()):
            tell(int(counted[1]), int(counted[2]))
        elif line.strip():
            words = "".join(one for one in line.strip() if one.isprintable())
            said[:] = [*said[-9:], words]


def _broken(vantage: Vantage, why: str) -> Problem:
    return Problem(
        where=f"vantage {vantage.name}",
        what="nothing could be looked at from there",
        why=why,
        fix="it needs Linux and python3; by SSH also a host key that `ssh` knows and a key of "
        "yours that it admits: try `ssh HOST python3 --version`",
    )
