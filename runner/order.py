"""What a rollout is told on its standard input: one line for the mesh, one for each node."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One node of a rollout.

    Attributes:
        name: Name of the node.
        wg1: Its management address.
        wg0: Its enrollment address.
        host_key: Its lasting SSH host key.
        generation: The generation it must end with, 16 hex digits.
        receipt: What its stage printed; new each time a stage ran, so that a rollout follows.
        port: TCP port of its sshd.
    """

    name: str
    wg1: str
    wg0: str
    host_key: str
    generation: str
    receipt: str
    port: int = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A whole rollout.

    Attributes:
        stack: Name of the stack.
        timer: Seconds after which a node undoes an unconfirmed generation by itself.
        push_key: OpenSSH private key; secret.
        targets: The nodes, by name.
        repair: Whether nodes that stand where they should are put right all the same.
        absent: Names of nodes that this run goes on without, since it does not reach them.
        offline: Names of nodes that are declared to be down.
    """

    stack: str
    timer: int
    push_key: str
    targets: tuple[Target, ...]
    repair: bool = False
    absent: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Order({self.stack}, {len(self.targets)} nodes)"

    def encode(self) -> str:
        """The text for the driver's standard input; secret."""
        head = {
            "stack": self.stack,
            "timer": self.timer,
            "push_key": self.push_key,
            "repair": self.repair,
            "absent": self.absent,
            "offline": self.offline,
        }
        return "".join(
            json.dumps(line, sort_keys=True) + "\n"
            for line in (head, *(asdict(target) for target in self.targets))
        )

    @classmethod
    def decode(cls, lines: Iterable[str]) -> Order:
        """Read what `encode` wrote.

        Raises:
            ValueError: The text is no order.
        """
        parsed: Sequence[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
        if not parsed:
            raise ValueError("the standard input is empty")
        try:
            head, *rest = parsed
            return cls(
                stack=str(head["stack"]),
                timer=int(str(head["timer"])),
                push_key=str(head["push_key"]),
                targets=tuple(Target(**line) for line in rest),
                repair=bool(head["repair"]),
                absent=tuple(map(str, head["absent"])),
                offline=tuple(map(str, head["offline"])),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the standard input is no order: {error}") from None
