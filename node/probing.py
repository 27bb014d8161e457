"""Echoes through the sibling and past it, in rounds: what the verdict on it is made of.

Past it they go by an own link, and come back by that one: they have its address. An answer to an
address of the plane would come by whichever gateway the far end prefers, which is the sibling.
"""

import socket
from collections.abc import Iterable

from node.lanes import Lanes, Way
from node.owners import Gateway
from node.routed import Routes
from node.verdict import EVERY, Lane, Verdict

Key = tuple[Lane, bool]
"""A lane, and whether the echo went through the sibling."""


class Probing:
    """Runs a gateway's rounds; only for sites that its sibling owns.

    Attributes:
        verdict: What they have come to.
    """

    def __init__(self) -> None:
        self.verdict = Verdict()
        self._lanes: Lanes[Key] = Lanes()
        self._known: set[socket.socket] = set()
        self._asked: set[Lane] = set()
        self._came: set[Key] = set()
        self._next = float("-inf")
        self._rounds = 0

    def turn(self, routes: Routes, gateway: Gateway, now: float) -> list[socket.socket]:
        """End a round and begin the next one when it is time; sockets that are new to the loop."""
        if now < self._next:
            return []
        late = now - self._next > EVERY
        self._next = now + EVERY
        own = {lane for lane, through in self._came if not through}
        if not late:
            # Whoever slept has not listened: such a round says nothing.
            self.verdict.round(self._asked, {lane for lane, through in self._came if through}, own)
        self._rounds += 1
        self._asked, self._came = set(), set()
        self._lanes.begin()
        for site, held in gateway.sites.items():
            if gateway.sibling is not None and held.claim.slot == gateway.sibling:
                self._ask(routes, site)
        fresh = [sock for sock in self._lanes.sockets() if sock not in self._known]
        self._known.update(fresh)
        return fresh

    def receive(self, ready: Iterable[object]) -> None:
        """Take in the answers that have come."""
        for sock in ready:
            if isinstance(sock, socket.socket) and sock in self._known:
                self._came.update(self._lanes.receive(sock))

    def _ask(self, routes: Routes, site: int) -> None:
        remote = routes.sites[site]
        for plane, families in remote.targets.items():
            for family, targets in families.items():
                if not targets or plane not in routes.planes:
                    continue
                lane = site, plane, family
                # In turns: one of them may be dead, or the half-dead one behind which the other is.
                place = self._rounds % len(targets)
                target = targets[place]
                source = routes.planes[plane].own.of(family)
                self._asked.add(lane)
                self._lanes.send(Way(source=source, device=plane), target, (lane, True))
                link = remote.links[place] if place < len(remote.links) else ""
                if link in remote.ends:
                    end = remote.ends[link].of(family)
                    self._lanes.send(Way(source=end, device=link), target, (lane, False))
