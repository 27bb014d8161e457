"""Look at the machines from outside, as a stranger would: nothing may answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts import _file, _vantage
from scripts._stack import StackOption, plain, read

if TYPE_CHECKING:
    from backplane.audit.heard import Heard
    from backplane.audit.judge import Verdict
    from backplane.audit.order import Order
    from backplane.contract import Outputs
    from runner.credentials import Credentials

_CONTROL = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):([0-9]{1,5})")


def _outputs(stack: str | None, file: Path | None) -> Outputs:
    from backplane.contract import parse  # noqa: PLC0415 - `--help` needs none of this

    if file is None:
        return parse(plain(stack))
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{file} holds no outputs")
    return parse(document)


def _controls(told: list[str]) -> list[tuple[str, int]]:
    found = []
    for text in told:
        parts = _CONTROL.fullmatch(text)
        if parts is None or not 1 <= int(parts[2]) <= 65535:  # noqa: PLR2004 - the last port
            raise typer.BadParameter(f"{text} is no control: HOST:PORT, or [IPV6]:PORT")
        found.append((parts[1].strip("[]"), int(parts[2])))
    return found


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    with Console(stderr=True).status("asking what must answer") as status:
        yield lambda done, total: status.update(f"{done} of {total} knocks are done")


def _look(place: _vantage.Vantage, order: Order) -> Heard:
    from backplane.audit import heard  # noqa: PLC0415 - `--help` needs none of this
    from scripts._problem import Problem  # noqa: PLC0415

    with _progress() as tell:
        text = _vantage.look(place, order.document, 60 + 3 * order.seconds, tell)
    try:
        return heard.read(text, order)
    except heard.HeardError as error:
        raise Problem(
            where=f"vantage {place.name}",
            what="what came back is not believed",
            why=str(error),
            fix="look from another machine; see who may write to that one",
        ) from None


async def hand(credentials: Credentials, node: str, request: dict[str, Any]) -> None:
    """Give a node what an audit found; the tunnel must be up.

    Raises:
        RunnerError: The node is not reached, or refuses.
    """
    from runner.ssh import Session, private_key  # noqa: PLC0415 - SSH is slow to import

    session = await Session.open(credentials.place(node), private_key(credentials.push_key))
    try:
        await session.call("audited", request)
    finally:
        session.close()


def _tell_node(stack: str | None, node: str, request: dict[str, Any]) -> None:
    known = read(stack)
    with contextlib.closing(known.credentials.tunnel(known.runner)):
        asyncio.run(hand(known.credentials, node, request))


def _hand_on(
    verdict: Verdict, outputs: Outputs, metrics: Path | None, node: str | None, stack: str | None
) -> None:
    from backplane.audit import tell  # noqa: PLC0415 - `--help` needs none of this

    at = int(time.time())
    if metrics is not None:
        _file.replace(metrics, tell.metrics(verdict, at).encode(), 0o644)
    if node is not None:
        names = [name for name, one in outputs.nodes.items() if not one.retire]
        _tell_node(stack, node, tell.request(verdict, at, names))


def main(
    *,
    stack: StackOption = None,
    outputs: Annotated[
        Path | None, typer.Option(help="Outputs as `backplane export json` writes them.")
    ] = None,
    vantage: Annotated[str, typer.Option("--from", help=f"Whence: {_vantage.FORMS}.")] = "local",
    ports: Annotated[
        str | None, typer.Option(help="`all` TCP ports, or a list (22,8000-8100) for TCP and UDP.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out: ipv4, ipv6, tcp, udp, echo, names.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT that must answer; default: a public resolver."),
    ] = None,
    resolver: Annotated[
        str | None, typer.Option(help="Address to ask for names; default: the vantage's own.")
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=320, help="Packets per second at most.")] = 200,
    metrics: Annotated[
        Path | None, typer.Option(help="Write a file for Prometheus' textfile collector.")
    ] = None,
    tell: Annotated[
        str | None, typer.Option(help="A node to write the same, over the runner's tunnel.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Add the report to this file as Markdown.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Knock on every public address from outside; anything that answers is a finding.

    TCP, UDP, echo and names, over IPv4 and IPv6, without privilege. First and last something is
    asked that must answer: where it is silent, so is the verdict. Exit code 0: everything was
    looked at and nothing answered; 1: a finding, or it cannot be said.
    """
    from backplane.audit import judge  # noqa: PLC0415 - `--help` needs none of this
    from backplane.audit import order as orders  # noqa: PLC0415
    from backplane.audit import tell as telling  # noqa: PLC0415

    if tell is not None and outputs is not None:
        raise typer.BadParameter("--tell needs the stack itself, and not its plain --outputs")
    dropped = [part for text in without or () for part in text.split(",")]
    if strange := sorted({*dropped} - {*orders.PARTS}):
        raise typer.BadParameter(f"--without {strange[0]}: one of {', '.join(orders.PARTS)}")
    try:
        place = _vantage.of(vantage)
        told = _outputs(stack, outputs)
        order = orders.of(
            told, without=dropped, ports=ports, controls=_controls(control or []),
            resolver=resolver or place.resolver, rate=rate,
        )  # fmt: skip
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if tell is not None and (tell not in told.nodes or told.nodes[tell].retire):
        raise typer.BadParameter(f"--tell {tell}: there is no such node")
    typer.echo(
        f"{order.knocks} knocks on {len(order.targets)} addresses, about {order.seconds:.0f} s",
        err=True,
    )
    verdict = judge.judge(order, _look(place, order))
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:
            file.write(telling.markdown(verdict, f"Seen from outside ({place.name})"))
    if as_json:
        print(json.dumps(verdict.document(), indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

        from scripts import _audit_show  # noqa: PLC0415

        _audit_show.show(Console(), verdict)
    # Last: who is not reached keeps nobody from reading what was found.
    _hand_on(verdict, told, metrics, tell, stack)
    raise typer.Exit(0 if verdict.ok else 1)
