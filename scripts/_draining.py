"""Taking a gateway out of use and into use again: asked of the node, told as what moved where."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from runner.credentials import Credentials
from runner.problem import RunnerError
from runner.ssh import Refused, Session
from scripts import _survey, _ways
from scripts._problem import Problem
from scripts._stack import Stack

PATIENCE = 30.0
"""Seconds for a node's answer: it waits itself until its sibling has taken over."""

Json = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of a gateway.

    Attributes:
        verb: `drain` or `undrain`.
        gateway: whose.
        force: whether nobody needs to take over, and a rollout's lease is passed over.
        label: how messages name the stack.
    """

    verb: str
    gateway: str
    force: bool
    label: str

    def problem(self, what: str, why: str, fix: str) -> Problem:
        """Why it was not done."""
        return Problem(where=f"{self.gateway}, {self.label}", what=what, why=why, fix=fix)


def done(seen: Stack, wish: Wish, wait: float) -> Json:
    """See that it can be, bring the tunnel up, and do it; what `--json` prints.

    Args:
        seen: the stack.
        wish: what is to be done.
        wait: seconds to go on trying to reach the node.

    Raises:
        Problem: it was not done.
    """
    require_gateway(wish, seen.outputs)
    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(seen.credentials.tunnel(seen.runner)),
    ):
        return asyncio.run(carry_out(seen.credentials, wish, wait, status.update))


def require_gateway(wish: Wish, outputs: Mapping[str, Any]) -> None:
    """See that there is such a gateway, and another one beside it if it is to be drained.

    Raises:
        Problem: there is not.
    """
    nodes, planned = outputs["nodes"], outputs["plan"]["nodes"]
    if wish.gateway not in nodes:
        raise Problem(
            where=wish.label,
            what=f"there is no node {wish.gateway}",
            why=f"its nodes are {', '.join(sorted(nodes))}",
            fix="name a gateway; `backplane status` lists them",
        )
    if not _ways.is_routed(outputs):
        raise wish.problem(
            f"nothing to {wish.verb}",
            "the topology is mesh: no node carries another one's traffic",
            "just go on with the maintenance; `topology: routed` is what has gateways",
        )
    gateways = [name for name, node in sorted(planned.items()) if node.get("slot") is not None]
    if wish.gateway not in gateways:
        raise wish.problem(
            f"{wish.gateway} is no gateway",
            f"the gateways are {', '.join(gateways)}",
            "name one of them; other nodes carry nobody's traffic and need no drain",
        )
    site = nodes[wish.gateway]["site"]
    if wish.verb == "drain" and not [
        one for one in gateways if one != wish.gateway and nodes[one]["site"] == site
    ]:
        raise wish.problem(
            f"{wish.gateway} is the only gateway of {site}",
            "nobody can take over from it",
            f"give a second node of {site} `roles: [gateway]` and `slot: 1`, then `pulumi up`",
        )


async def carry_out(credentials: Credentials, wish: Wish, wait: float, tell: Tell) -> Json:
    """Do it; the tunnel must be up.

    Args:
        credentials: how to reach the node.
        wish: what is to be done.
        wait: seconds to go on trying to reach it.
        tell: takes one short line for each step.

    Returns:
        what `--json` prints.

    Raises:
        Problem: it was not done; the node is as it was before.
    """
    tell(f"reaching {wish.gateway}")
    try:
        session = await _survey.session(credentials, wish.gateway, wait)
    except RunnerError as error:
        fix = "see that it runs: a gateway that is down has given its sites away already"
        raise wish.problem("it is not reached", error.what, fix) from error
    try:
        return await _ask(session, wish, tell)
    except Refused as error:
        raise wish.problem(f"it is not {wish.verb}ed", error.what, error.fix) from error
    except RunnerError as error:
        fix = f"look at `backplane status`, then `backplane {wish.verb}` again: it does no harm"
        raise wish.problem("its answer did not come", error.what, fix) from error
    finally:
        session.close()


async def _ask(session: Session, wish: Wish, tell: Tell) -> Json:
    stands = await session.call("status", seconds=PATIENCE)
    if (lease := stands.get("lease")) and not wish.force:
        raise wish.problem(
            "a rollout holds it",
            f"rollout {lease['id']} may change its ways for up to {lease['expires']:.0f} s more",
            f"wait for `pulumi up` to end; `backplane {wish.verb} --force` passes over it",
        )
    before = await session.call("routing", seconds=PATIENCE)
    waits = wish.verb == "drain" and not wish.force
    tell("waiting until its sibling has taken over" if waits else f"telling {wish.gateway}")
    request = {"force": True} if wish.verb == "drain" and wish.force else {}
    answer = await session.call(wish.verb, request, seconds=PATIENCE)
    return document(wish, before, answer["owner"])


def document(wish: Wish, before: Mapping[str, Any], owner: Mapping[str, str | None]) -> Json:
    """What happened: who carries each remote site, and what of it moved.

    Args:
        wish: what was asked.
        before: the node's `routing` before.
        owner: by remote site, its gateway afterwards.
    """
    was = {one["name"]: one["owner"] for one in before.get("sites", {}).values()}
    return {
        "gateway": wish.gateway,
        "drained": wish.verb == "drain",
        "before": bool(before.get("drained")),
        "force": wish.force,
        "owner": dict(sorted(owner.items())),
        "moved": [
            {"site": site, "from": was[site], "to": now}
            for site, now in sorted(owner.items())
            if site in was and was[site] != now
        ],
        "kept": [site for site, now in sorted(owner.items()) if now == wish.gateway],
    }


def lines(told: Mapping[str, Any]) -> list[str]:
    """The same as people read it."""
    name = told["gateway"]
    same = told["before"] == told["drained"]
    if told["drained"]:
        shown = [f"{name} {'was drained already' if same else 'is drained'}"]
    else:
        shown = [f"{name} {'was in use already' if same else 'is in use again'}"]
    shown += [f"  {one['site']}: {one['from']} -> {one['to']}" for one in told["moved"]]
    if told["drained"] and told["force"] and told["kept"]:
        shown.append(f"  not waited for: {', '.join(told['kept'])} may still go through {name}")
    elif told["drained"]:
        shown.append(
            "nothing between sites goes through it until `backplane undrain` "
            f"{name}, also after a reboot"
        )
    else:
        shown += [f"  {site}: {now}" for site, now in told["owner"].items()]
        shown.append("nothing moves now: it takes over when the other one fails or is drained")
    return shown
