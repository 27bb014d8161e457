"""Clean up after a pulumi that was killed, so that a plain `pulumi up` goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from scripts._problem import Problem
from scripts._stack import StackOption, project, read, selected

if TYPE_CHECKING:
    from scripts._strays import Found

Json = dict[str, Any]

LOOK = 0.5
"""Seconds between two looks at what still runs."""

ASK = 5.0
"""Seconds a node has to say who holds it."""


@dataclass(slots=True, kw_only=True)
class Recovery:
    """One run: what it may do, what it found and did, what it left.

    Attributes:
        stack: the stack's name.
        dry: look only.
        yes: delete what a cut creation explains without asking.
        force: also what is explained by nothing, and the locks of pulumis that may live.
        wait: seconds that what still runs gets to end.
        quiet: say nothing on the way.
        told: what was found and done, for JSON.
        left: what is not clean, in words.
    """

    stack: str
    dry: bool
    yes: bool
    force: bool
    wait: float
    quiet: bool
    told: Json = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Tell a person one line."""
        if not self.quiet:
            print(line, flush=True)

    def may(self, question: str) -> bool:
        """Ask a person; who is not there says no."""
        return sys.stdin.isatty() and typer.confirm(question, err=True)

    def run(self) -> None:
        """Find and clean everything, in the order in which one thing hides another."""
        if self.processes() and self.locks():
            self.operations()
        self.tunnel()
        self.leases()

    def locks(self) -> bool:
        """The backend's locks; False when a pulumi may be at work."""
        from scripts import _engine  # noqa: PLC0415 - `--help` needs none of this

        settings = yaml.safe_load((project() / "Pulumi.yaml").read_text(encoding="utf-8"))
        found = _engine.locks(self.stack, str(settings["name"]))
        if found is None:
            self.say("lock: this backend's can't be looked at; if `up` refuses, `pulumi cancel`")
            self.told["locks"] = None
            return True
        self.told["locks"] = [
            {"pid": one.pid, "user": one.user, "host": one.host, "since": one.since}
            for one in found
        ]
        for one in found:
            state = "dead" if one.dead else "may be at work"
            self.say(f"lock: pulumi {one.pid} of {one.user}@{one.host} since {one.since}: {state}")
        living = [one for one in found if not one.dead]
        if living and not self.force:
            self.left.append(
                f"the lock of pulumi {living[0].pid} on {living[0].host}: wait for it, or see that "
                "it is dead and say --force"
            )
            return False
        if found and not self.dry:
            _engine.unlock(self.stack)
            self.say("lock: cleared")
        elif found:
            self.left.append("a stale lock")
        return True

    def processes(self) -> bool:
        """What a dead pulumi left running: all of it ends by itself; False when it does not."""
        from scripts import _engine  # noqa: PLC0415

        first = found = _engine.orphans()
        self.told["processes"] = [{"pid": one.pid, "what": one.what} for one in first]
        for one in first:
            self.say(f"process: {one.what} {one.pid} outlived its pulumi")
        until = time.monotonic() + self.wait
        while found and not self.dry and time.monotonic() < until:
            time.sleep(LOOK)
            found = _engine.orphans()
        if first and not found:
            self.say("process: all ended by themselves")
        for one in found:
            self.left.append(
                f"{one.what} {one.pid} still runs"
                + ("; it commits or undoes by itself" if one.what == "rollout" else "")
            )
        return self.dry or not found

    def operations(self) -> None:
        """The state's cut operations, and objects at the cloud that are in no state."""
        from scripts import _engine  # noqa: PLC0415
        from scripts._strays import shores, strays  # noqa: PLC0415

        state = _engine.state(self.stack)
        self.told["pending"] = [_engine.shown(one) for one in state.pending]
        for line in self.told["pending"]:
            self.say(f"state: was cut while {line}")
        self.told["strays"] = []
        kept = False
        there = [(shore, shore.labelled(self.stack)) for shore in shores(self.stack, state)]
        found = [(shore, *one) for shore, labelled in there for one in strays(labelled, state)]
        for shore, one, explained in found:
            self.say(
                f"cloud: {one.shown} is in no state"
                + ("" if explained else ", and no cut creation explains it")
            )
            gone = self._may_delete(one, explained=explained)
            if gone:
                shore.delete(one)
                self.say(f"cloud: {one.shown} deleted")
            else:
                self.left.append(f"{one.shown} at the cloud")
            kept = kept or not gone
            self.told["strays"].append(
                {
                    "type": one.type,
                    "id": one.id,
                    "name": one.name,
                    "explained": explained,
                    "deleted": gone,
                }
            )
        if not state.pending:
            return
        # While something is left at the cloud, the state must go on explaining it.
        if self.dry or kept:
            self.left.append("cut operations in the state")
            return
        _engine.clear(self.stack)
        self.say("state: cut operations cleared")

    def _may_delete(self, one: Found, *, explained: bool) -> bool:
        if self.dry:
            return False
        return self.force or (self.yes and explained) or self.may(f"delete {one.shown}?")

    def tunnel(self) -> None:
        """This machine's interfaces of the stack, when nobody uses them any more."""
        from backplane.render.operator import interface_name  # noqa: PLC0415
        from runner.hold import Hold  # noqa: PLC0415
        from runner.problem import RunnerError  # noqa: PLC0415
        from runner.tunnel import sweep  # noqa: PLC0415
        from runner.wire import Wire  # noqa: PLC0415

        try:
            wire = Wire()
        except RunnerError as error:
            self.say(f"tunnel: not looked at: {error.what}")
            self.told["tunnel"] = None
            return
        names = (interface_name(self.stack, plane) for plane in ("wg0", "wg1"))
        there = [name for name in names if wire.exists(name)]
        self.told["tunnel"] = there if there and Hold(self.stack).release() else []
        for name in self.told["tunnel"]:
            self.say(f"tunnel: {name} is used by nobody")
        if not self.told["tunnel"]:
            return
        if self.dry:
            self.left.append("the runner's tunnel")
            return
        sweep(self.stack)
        self.say("tunnel: taken down")

    def leases(self) -> None:
        """Which nodes are held, and for how long: leases end by themselves."""
        from runner.problem import RunnerError  # noqa: PLC0415
        from scripts._standing import ask  # noqa: PLC0415 - SSH is slow to import

        self.told["leases"] = None
        if self.dry:
            return
        try:
            seen = read(self.stack)
            with contextlib.closing(seen.credentials.tunnel(seen.runner)):
                standings = asyncio.run(ask(seen.credentials, ASK, lambda _line: None))
        except (Problem, RunnerError) as error:
            self.say(f"lease: nodes not asked: {error.what}")
            return
        self.told["leases"] = {
            name: round(standing.told["lease"]["expires"], 1)
            for name, standing in standings.items()
            if standing.told.get("lease")
        }
        for name, seconds in self.told["leases"].items():
            self.say(
                f"lease: {name} is held for up to {seconds:.0f} s more, then it ends by itself"
            )


def main(
    *,
    stack: StackOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete what a cut creation explains unasked.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Delete also what nothing explains; clear the lock of a pulumi that may live.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look only.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds that what still runs gets to end.")
    ] = 1800.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Clean up after a pulumi that was killed, so that a plain `pulumi up` goes on.

    Waits for the rollout and the plugins that outlived it, clears its lock, deletes what it was
    creating at the cloud and what is in no state, forgets the cut operations, takes the runner's
    tunnel down and names the nodes that are still held. Never touches what is in the state.
    Exit code 0: clean; 1: something is left.
    """
    recovery = Recovery(
        stack=selected(stack).rpartition("/")[2],
        dry=dry_run,
        yes=yes,
        force=force,
        wait=wait,
        quiet=as_json,
    )
    recovery.run()
    if as_json:
        print(json.dumps({"clean": not recovery.left, **recovery.told, "left": recovery.left}))
    elif recovery.left:
        for line in recovery.left:
            print(f"left: {line}")
    else:
        print("clean: a plain `pulumi up` goes on")
    raise typer.Exit(1 if recovery.left else 0)
