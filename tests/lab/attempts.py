"""The ways in which the lab tries to lock everybody out of a mesh, as one table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.lab.ward import NODES

VICTIM = "hel-a"
"""The node that suffers where one is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to lock everybody out.

    Attributes:
        name: what people call it.
        kind: how bundles are spoiled, as `tests.lab.mutant` has it; empty for not at all.
        nodes: whose bundles.
        strike: what happens besides: `power` is cut, the `path` from the runner is, or nothing.
        killed: whether the rollout is killed after the flip, so that timers alone undo it.
        always: whether `make test` makes it too.
    """

    name: str
    kind: str = ""
    nodes: tuple[str, ...] = NODES
    strike: str = ""
    killed: bool = False
    always: bool = False

    def __str__(self) -> str:
        return f"{self.name}, rollout {'killed' if self.killed else 'alive'}"

    def both(self, *, always: str = "") -> tuple[Attempt, Attempt]:
        """It with the rollout alive and with it killed; `always` says which `make test` makes."""
        return (
            replace(self, killed=False, always=always == "alive"),
            replace(self, killed=True, always=always == "killed"),
        )


ATTEMPTS = (
    *Attempt(name="a firewall that closes SSH on wg1", kind="shut-ssh").both(),
    *Attempt(name="a firewall that closes every plane", kind="shut-all").both(),
    *Attempt(name="an sshd that listens nowhere", kind="deaf-sshd").both(always="killed"),
    *Attempt(name="an sshd that lets nobody in", kind="rude-sshd").both(),
    *Attempt(name="wrong AllowedIPs for the runner", kind="lost-runner", nodes=(VICTIM,)).both(),
    *Attempt(name="wrong PSK for the runner", kind="runner-psk", nodes=(VICTIM,)).both(),
    *Attempt(name="wrong PSK for another node", kind="peer-psk", nodes=(VICTIM,)).both(),
    Attempt(name="runner killed after activate", killed=True),
    *Attempt(name="power cut after activate", strike="power").both(always="alive"),
    *Attempt(name="path cut during activate", strike="path").both(),
)
