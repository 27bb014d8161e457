"""Who is declared no more is held out at once, by every node this run reaches, whatever follows.

A rollout needs every node; a removal must wait for none. So each node that a run has reached says
whom it knows, and gets the newest signed list of members (see `node.membership`) without those who
left. What the rollout brings later, the peers themselves gone, comes behind it. Until then their
ids stay in the list with a mark, so a next run that declares them again lets them in again.

A node in bad hands can forge no list: one is taken up only if this runner's key has signed it. Nor
can it have a member thrown out alone: whose id a name has is what most of the nodes say.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.membership import GONE
from runner import members
from runner.problem import printable
from runner.ssh import Refused

if TYPE_CHECKING:
    import asyncssh

    from runner.ssh import Session

GRACE = 3.0
"""Seconds that the other nodes get to say whom they know, once somebody has left."""

_WORDS = 3


@dataclass(frozen=True, slots=True)
class Base:
    """The newest list among those that nodes keep.

    Attributes:
        serial: of the list; 0 when there is none.
        ids: everybody the last rollout told of.
        gone: those of them who were held out since, without a rollout.
    """

    serial: int = 0
    ids: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    @classmethod
    def read(cls, line: str, key: asyncssh.SSHKey) -> Base:
        """Read a list; an empty one when this key has not signed it."""
        words = line.split()
        if len(words) != _WORDS or not words[0].isdigit():
            return cls()
        told = words[1].split(",")
        # An Ed25519 signature is the same each time, so making it again is checking it.
        if line != members.line(told, int(words[0]), key):
            return cls()
        gone = frozenset(one.removeprefix(GONE) for one in told if one.startswith(GONE))
        ids = frozenset(one for one in told if not one.startswith(GONE))
        return cls(serial=int(words[0]), ids=ids | gone, gone=gone)

    def without(self, gone: Collection[str], key: asyncssh.SSHKey) -> str:
        """The list that holds these out, newer than this one."""
        marked = {GONE + one for one in gone}
        serial = max(time.time_ns() // 1_000_000, self.serial + 1)
        return members.line((self.ids - set(gone)) | marked, serial, key)


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a node says it knows: ids by name, and the newest list of members that it keeps."""

    peers: Mapping[str, str]
    members: str


def told(node: str, answer: Mapping[str, object]) -> Told:
    """Read the answer to `peers`.

    Raises:
        Refused: It is none.
    """
    peers, line = answer.get("peers"), answer.get("members")
    if not isinstance(peers, dict) or not isinstance(line, str):
        raise _none(node, "peers")
    if not all(isinstance(one, str) for pair in peers.items() for one in pair):
        raise _none(node, "peers")
    return Told(peers, line)


def held(node: str, answer: Mapping[str, object]) -> list[str]:
    """Read the answer to `hold`: whom the node holds out.

    Raises:
        Refused: It is none.
    """
    names = answer.get("held")
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise _none(node, "hold")
    return [printable(one) for one in names]


def _none(node: str, verb: str) -> Refused:
    return Refused(
        f"{node}: what it says to {verb} is no answer.",
        "look at the machine: its node tool is damaged, or somebody else's.",
    )


def called(told: Iterable[Mapping[str, str]], means: Callable[[str], bool]) -> frozenset[str]:
    """Ids that most nodes which know them know by a name that is meant.

    Args:
        told: of each node, whom it knows: ids by name.
        means: whether a name is meant.
    """
    says: Counter[str] = Counter()
    for known in told:
        for name, one in known.items():
            says[one] += 1 if means(name) else -1
    return frozenset(one for one, more in says.items() if more > 0)


class Farewell:
    """One run's leave-taking.

    Args:
        key: The push key.
        stay: Names of all who are declared.
        nodes: How many nodes this run wants to reach.
        tell: Told one line at a time.
    """

    def __init__(
        self, key: asyncssh.SSHKey, stay: Collection[str], nodes: int, tell: Callable[[str], None]
    ) -> None:
        self._key = key
        self._stay = frozenset(stay)
        self._nodes = nodes
        self._tell = tell
        self._peers: dict[str, Mapping[str, str]] = {}
        self._base = Base()
        self._lines: dict[tuple[Base, frozenset[str]], str] = {}
        self._all = asyncio.Event()

    async def meet(self, session: Session) -> None:
        """Learn whom a node knows, and have it hold out those who left.

        Raises:
            Unreachable: It is gone again.
            Refused: It does not take the list.
        """
        node = session.place.node
        said = told(node, await session.call("peers"))
        known = said.peers
        self._peers[node] = known
        base = Base.read(said.members, self._key)
        self._base = max(self._base, base, key=lambda one: one.serial)
        if len(self._peers) >= self._nodes:
            self._all.set()
        if not (set(known) - self._stay or base.gone):
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all.wait(), GRACE)
        gone = self._gone()
        if gone == base.gone and base.serial == self._base.serial:
            return
        out = held(node, await session.call("hold", {"members": self._line(gone)}))
        self._tell(f"{node}: held out as removed: {', '.join(out) or 'nobody'}")

    def _gone(self) -> frozenset[str]:
        """Ids that most nodes which know them know by names that are declared no more."""
        return called(self._peers.values(), lambda name: name not in self._stay) & self._base.ids

    def _line(self, gone: frozenset[str]) -> str:
        """The list that says so; one and the same for all nodes."""
        about = (self._base, gone)
        if about not in self._lines:
            self._lines[about] = self._base.without(gone, self._key)
        return self._lines[about]
