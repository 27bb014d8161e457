"""Putting nodes right through the rollout: lease, timer, flip, checks, confirm; undone if it fails.

Each node takes its own confirmed generation from its own disk once more: no secret leaves the
runner but the key that opens the session, and the stack's state is not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runner.credentials import Credentials
from runner.order import Order, Target
from runner.rollout import Rollout
from scripts._drift import targets, without_tool
from scripts._drift_ask import Answers, equip

TIMER = 120
"""Seconds after which a node undoes a repair by itself: what a declaration has by default."""

Json = dict[str, Any]


def order(credentials: Credentials, names: Iterable[str], confirmed: Mapping[str, str]) -> Order:
    """The rollout that leads nodes to where they are.

    Args:
        credentials: how to reach them.
        names: the nodes.
        confirmed: the generation that each has confirmed.
    """
    return Order(
        stack=credentials.stack,
        timer=TIMER,
        push_key=credentials.push_key,
        repair=True,
        targets=tuple(
            Target(
                name=name,
                wg1=credentials.place(name, "management").host,
                wg0=credentials.place(name, "enrollment").host,
                host_key=credentials.place(name).host_key,
                generation=confirmed[name],
            )
            for name in names
        ),
    )


async def repair(
    credentials: Credentials,
    findings: Iterable[Json],
    answers: Answers,
    tell: Callable[[str], None],
    wait: float,
) -> None:
    """Repair what a rollout can; nothing when there is nothing of the kind.

    Raises:
        RunnerError: A node refused; all are back where they were.
    """
    told = list(findings)
    names = [name for name in targets(told) if name in answers.told]
    if not names:
        return
    tell(f"repairing {len(names)} nodes")
    await equip(credentials, [name for name in without_tool(told) if name in names], wait)
    confirmed = {name: str(answers.told[name]["confirmed"]) for name in names}
    await Rollout(order(credentials, names, confirmed), tell).run()
