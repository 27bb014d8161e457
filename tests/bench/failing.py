"""What each kind of failure between two sites costs a flow between their leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from lab.faults import gateway, path, power
from tests.bench.figures import Figures
from tests.lab.flow import FAMILIES, PLANES, Flow
from tests.lab.outage import Outage, outage, worst
from tests.lab.routed import Routed
from tests.lab.sites import GATEWAYS, interface, link_address, ports
from tests.lab.watcher import Change, watching

Say = Callable[[str], None]

NEAR, FAR = "fsn", "hel"
PATIENCE = 30.0
"""Seconds until a flow is given up that does not come back; what it had not is then its figure."""

_WAYS = len(PLANES) * len(FAMILIES)

_SETTLES = 6.0
"""Seconds from a start of the routes' daemon until it has said all to its sibling, and FRR."""

BACK = 180.0
"""Seconds that the lab may take to be as before once a fault has ended; a boot is part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to fail.

    Attributes:
        title: What people call it.
        without: Seconds that a flow may be without connectivity; None where nothing may be lost.
        detected: Seconds in which BFD must see it, at the median; None where it cannot.
    """

    title: str
    without: float | None
    detected: float | None


KINDS = {
    "cut": Kind(title="link cut", without=2.0, detected=1.0),
    "kill": Kind(title="gateway killed", without=2.0, detected=1.0),
    "half": Kind(title="gateway half-dead", without=5.0, detected=None),
    "drain": Kind(title="planned drain", without=None, detected=None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One run.

    Attributes:
        outages: what the flow's ways suffered.
        detected: seconds from the event until BFD saw it; None where it did not.
    """

    outages: Mapping[str, Outage]
    detected: float | None


def detection(changes: Mapping[str, list[Change]], peers: Mapping[str, str], event: float) -> float:
    """From an event until the first end of a link saw its session go down, in seconds.

    Args:
        changes: what each gateway's BFD sessions did.
        peers: by gateway, the address at which it has the one that is lost.
        event: when it happened, seconds since 1970.

    Raises:
        LookupError: nobody saw it.
    """
    downs = [
        change.moment
        for name, peer in peers.items()
        for change in changes.get(name, ())
        if change.peer == peer and change.status != "up" and change.moment >= event
    ]
    if not downs:
        message = f"no session went down: {changes}"
        raise LookupError(message)
    return min(downs) - event


def note(figures: Figures, kind: Kind, struck: Struck) -> str:
    """Add a run to the figures; what it came to, in one line."""
    seen = worst(struck.outages.values())
    figures.add(f"time without connectivity: {kind.title}", seen.without, "s", kind.without)
    none = 0 if kind.without is None else None
    figures.add(f"packets lost: {kind.title}", seen.lost, "", none)
    said = f"{seen.without:.3f} s without, {seen.lost} lost ({seen.lost_there} on the way there)"
    if kind.detected is not None:
        # What BFD never saw must not look like what it saw at once.
        found = PATIENCE if struck.detected is None else struck.detected
        figures.add(f"BFD detection: {kind.title}", found, "s", middle=kind.detected)
        said += f", BFD after {found:.3f} s"
    return said


class FailoverBench:
    """Failures of one routed lab, measured between the leaves of two of its sites.

    Args:
        routed: the lab, settled.
        figures: where they go.
        say: takes one line of progress.
        planes: on which the leaves ping each other.
    """

    def __init__(self, routed: Routed, figures: Figures, say: Say, planes: tuple[str, ...]) -> None:
        self._routed, self._figures, self._say, self._planes = routed, figures, say, planes

    def run(self, kinds: tuple[str, ...], *, runs: int) -> None:
        """Fail in each way `runs` times."""
        for name in kinds:
            kind = KINDS[name]
            # A kind that never comes to a figure is missed, not left out.
            self._figures.declare(
                f"time without connectivity: {kind.title}", "s", bound=kind.without
            )
            for turn in range(1, runs + 1):
                said = note(self._figures, kind, self._strike(name))
                self._say(f"{kind.title}, {turn} of {runs}: {said}")

    def _strike(self, name: str) -> Struck:
        routed = self._routed
        routed.settled(BACK)
        if name == "half":
            self._forget_changes()
        near, far = self._over_one_link()
        leaves = (routed.leaf(NEAR), routed.leaf(FAR))
        flow = Flow(routed.mesh.lab, leaves, planes=self._planes, traced=True)
        fault = self._fault(name, near, far)
        # A gateway without power cannot tell what it saw.
        watched = [far] if name == "kill" else [near, far]
        peers = {near: link_address(far, near), far: link_address(near, far)}
        # The fault outlasts the flow: what its end costs is not what it costs.
        with ExitStack() as lasting, watching(routed.mesh.lab, watched) as seen:
            with flow.running():
                event = time.time()
                lasting.enter_context(fault)
                back = self._until_back(leaves)
            changes = seen()
        if not back:
            self._say(f"  not back within {PATIENCE:g} s")
        try:
            detected = detection(changes, peers, event) if KINDS[name].detected else None
        except LookupError as error:
            self._say(f"  {error}")
            detected = None
        outages = {str(way): outage(sent, event) for way, sent in flow.packets.items()}
        return Struck(outages=outages, detected=detected)

    def _forget_changes(self) -> None:
        """Let gateways forget how often sites have changed hands.

        Soon after one has, it is not taken over as half-dead again, so that none goes to and fro.
        """
        for name in GATEWAYS:
            self._routed.on(name).succeed("systemctl restart backplane-routes")
        time.sleep(_SETTLES)
        self._routed.settled(BACK)

    def _over_one_link(self) -> tuple[str, str]:
        """Wait until all goes over the link between both sites' owners, which are given back.

        A link that was down a moment ago carries nothing yet: to cut it would strike nobody.
        """
        routed, end = self._routed, time.monotonic() + BACK
        while True:
            near, far = routed.owner(NEAR, FAR), routed.owner(FAR, NEAR)
            there, back = routed.ways(near, FAR), routed.ways(far, NEAR)
            if all(
                len(ways) == _WAYS and set(ways.values()) == {interface(other)}
                for ways, other in ((there, far), (back, near))
            ):
                return near, far
            if time.monotonic() > end:
                message = f"from {near} and {far} all should go over one link: {there}, {back}"
                raise AssertionError(message)
            time.sleep(0.2)

    def _fault(self, name: str, near: str, far: str) -> AbstractContextManager[None]:
        routed = self._routed
        here, there = routed.machine(near), routed.machine(far)
        if name == "cut":
            return path.blocked(routed.mesh.lab.lab, here, there, ports=ports(near, far))
        if name == "kill":
            return power.cut(here)
        return gateway.half_dead(here) if name == "half" else self._drained(near)

    @contextmanager
    def _drained(self, name: str) -> Iterator[None]:
        self._verb("drain", name)
        try:
            yield
        finally:
            self._verb("undrain", name)

    def _verb(self, verb: str, name: str) -> None:
        done = self._routed.mesh.backplane(verb, name, "--stack", "lab")
        assert done.code == 0, f"backplane {verb} {name}: {done.out}{done.err}"

    def _until_back(self, leaves: tuple[str, str]) -> bool:
        """Wait until two leaves reach each other without a loss on everything that is measured."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._routed.flawless(*leaves, self._planes):
                return True
        return False
