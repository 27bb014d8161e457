"""Two gateways of a site and some leaves, over a network that loses and delays."""

import random
from dataclasses import dataclass, field

from node.follower import Leaf
from node.heartbeat import Beat, pack, parse
from node.owners import TICK, Gateway

DEFAULTS = {2: 1, 3: 0}
STEP = 0.1


@dataclass(kw_only=True)
class World:
    """Two gateways and some leaves; what is sent arrives late, or never.

    Attributes:
        loss: How much of it.
        delay: Seconds at most.
        most: Messages in a row that get lost on one way.
    """

    seed: int
    loss: float = 0.0
    delay: float = 0.0
    most: int = 1 << 30
    leaves: int = 2
    now: float = 100.0
    sites: dict[int, int] = field(default_factory=lambda: dict(DEFAULTS))

    def __post_init__(self) -> None:
        """Start everybody at once."""
        self.dice = random.Random(self.seed)  # noqa: S311 - a network's, not a key's
        self.gateways: dict[int, Gateway] = {}
        self.due = {0: 0.0, 1: 0.0}
        self.drained = {0: False, 1: False}
        self.paths = {0: {*self.sites}, 1: {*self.sites}}
        self.broken: dict[int, set[int]] = {0: set(), 1: set()}
        self.terms: dict[tuple[int, int], int] = {}
        self.lost: dict[object, int] = {}
        self.wire: list[tuple[float, object, Beat]] = []
        self.followers = [Leaf(slots=frozenset({0, 1})) for _ in range(self.leaves)]
        for leaf in self.followers:
            leaf.configure(self.sites, {}, self.now)
        for slot in (0, 1):
            self.start(slot)

    def start(self, slot: int) -> None:
        """Start a gateway that knows nothing."""
        gateway = Gateway(slot=slot, sibling=1 - slot, start=self.now)
        gateway.configure(self.sites, {}, self.now)
        self.gateways[slot] = gateway
        self.due[slot] = self.now + self.dice.random() * TICK
        self.terms = {who: term for who, term in self.terms.items() if who[0] != slot}

    def crash(self, slot: int) -> None:
        """Let a gateway be gone."""
        self.gateways.pop(slot, None)

    def send(self, slot: int, *, paused: bool = False) -> None:
        """Have a gateway say what it knows."""
        beat = self.gateways[slot].beat(self.now, paused=paused)
        if beat is None:
            return
        assert parse(pack(beat)) == beat
        for target in (1 - slot, *(("leaf", n) for n in range(self.leaves))):
            way = slot, target
            self.lost[way] = self.lost.get(way, 0) + 1
            if self.dice.random() >= self.loss or self.lost[way] > self.most:
                self.lost[way] = 0
                self.wire.append((self.now + self.dice.random() * self.delay, target, beat))

    def step(self) -> None:
        """Let a tenth of a second go by."""
        self.now = round(self.now + STEP, 6)
        arrived = [one for one in self.wire if one[0] <= self.now]
        self.wire = [one for one in self.wire if one[0] > self.now]
        for _, target, beat in sorted(arrived, key=lambda one: one[0]):
            if isinstance(target, tuple):
                self.followers[target[1]].hear(beat, self.now)
            elif target in self.gateways and self.gateways[target].hear(beat, self.now):
                self.send(target)
        for slot, gateway in self.gateways.items():
            if self.now >= self.due[slot]:
                self.due[slot] = self.now + TICK
                gateway.tick(
                    self.now,
                    drained=self.drained[slot],
                    paths=self.paths[slot],
                    broken=self.broken[slot],
                )
                self.send(slot)
            for site, held in gateway.sites.items():
                before = self.terms.get((slot, site), 0)
                assert held.claim.term >= before, "a term went back"
                self.terms[slot, site] = held.claim.term

    def run(self, seconds: float) -> None:
        """Let time go by."""
        for _ in range(round(seconds / STEP)):
            self.step()

    def owners(self, site: int) -> set[int]:
        """Whom everybody holds for the owner."""
        views: list[Gateway | Leaf] = [*self.gateways.values(), *self.followers]
        return {view.sites[site].claim.slot for view in views}

    def reached(self, site: int, entry: int) -> set[int]:
        """The gateways that deliver a packet that came in at one."""
        gateway = self.gateways[entry]
        duty = gateway.duty(site, self.now)
        direct = set() if duty.hands_over else {entry}
        return direct | ({1 - entry} if duty.copies or duty.hands_over else set())

    def agreed(self) -> dict[int, int]:
        """The one owner of each site; fails when there is more than one."""
        assert all(len(self.owners(site)) == 1 for site in self.sites), self.gateways
        return {site: self.owners(site).pop() for site in self.sites}
