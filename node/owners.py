"""Who owns each remote site, as a gateway decides it. Pure.

Of two claims the greater is right, so that all who hear both agree. Whoever takes over raises the
term; nobody takes back what still works. Time is in seconds of one monotonic clock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from node.heartbeat import TERMS, Beat, Claim

TICK = 0.25  # seconds between two beats
SILENT = 0.9  # seconds without a beat after which the sibling counts as dead
PAUSE = 4.0  # the same after it said that it is started anew; probes see sooner if it does not work
START = 2.0  # seconds that a gateway which knows nothing waits for its sibling
OVERLAP = 2.0  # seconds in which both gateways see to it that the leaves get everything
LONG = 30.0  # seconds without a beat after which nobody is taken for a successor
AGAIN = 30.0  # seconds until the same site may be taken over as half-dead again; doubles each time
MOST, CALM = 1800.0, 3600.0  # the longest such wait; seconds after which all is forgotten

DEFAULT, ACQUIRED, OTHER = 50, 10, 100
"""MED of a remote site's routes: its owner by default, one that took it over, and a non-owner."""


@dataclass(slots=True, kw_only=True)
class Site:
    """What is held of one remote site.

    Attributes:
        default: Slot of the owner unless something happened.
        claim: The greatest so far.
        why: ``default``, ``dead``, ``half-dead``, ``drained``, ``told``.
        since: When its owner became that.
        until: When the overlap ends that the last change of owner began.
        planned: Whether that change was one of a drain: routes then change after the overlap.
        before: The owner before it.
        changes: How often it has changed without a calm hour.
        affirmed: When a gateway last said this claim or a greater one.
    """

    default: int
    claim: Claim
    why: str = "default"
    since: float = 0.0
    until: float = float("-inf")
    planned: bool = False
    before: int | None = None
    changes: int = 0
    affirmed: float = float("-inf")

    def take(self, claim: Claim, why: str, now: float, *, planned: bool = False) -> None:
        """Hold another claim from now on."""
        first, same = not self.claim.term, claim.slot == self.claim.slot
        if not same:
            self.before, self.planned = self.claim.slot, planned
            # Nothing was in use before the first decision: there is nothing to copy.
            self.until = now if first else now + OVERLAP
            self.changes = 1 if now - self.since > CALM else self.changes + 1
        if not same or first:
            self.since, self.why = now, why
        self.claim = claim

    def waited(self, now: float) -> bool:
        """Whether it may be taken over as half-dead once more: no flapping."""
        wait = min(AGAIN * 2 ** min(self.changes - 1, 10), MOST) if self.changes else 0.0
        return now - self.since >= wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a gateway does with the packets of one remote site.

    Attributes:
        copies: Each also goes to the sibling.
        hands_over: The sibling delivers them; else this gateway does.
        metric: MED of its routes.
    """

    copies: bool
    hands_over: bool
    metric: int


@dataclass(slots=True, kw_only=True)
class Heard:
    """The sibling, as last heard."""

    beat: Beat
    at: float


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One gateway's view; whoever feeds it applies its duties before anybody hears its beat.

    Attributes:
        slot: Its own.
        sibling: The other's; None if the site has one gateway.
        start: When it began.
        sites: By id.
        drained: Whether it wants to own nothing.
        paths: Remote sites that it reaches by itself.
        heard: The sibling's last beat.
        settled: Whether it knows enough to speak.
        ticked: When it last looked.
    """

    slot: int
    sibling: int | None
    start: float
    sites: dict[int, Site] = field(default_factory=dict)
    drained: bool = False
    paths: frozenset[int] = frozenset()
    heard: Heard | None = None
    settled: bool = False
    ticked: float | None = None

    def configure(
        self, defaults: Mapping[int, int], memory: Mapping[int, Claim], now: float
    ) -> None:
        """Know exactly these remote sites; what a site's claim was before stays.

        Args:
            defaults: Slot by remote site.
            memory: Claims of an earlier run since boot.
            now: The time.
        """
        known = {self.slot, self.sibling}
        first = not self.sites and memory
        self.sites = {
            site: site_from(self.sites.get(site), default, memory.get(site), known, now)
            for site, default in defaults.items()
        }
        # Old news do no harm: the greater claim is right. So a restart costs no silence.
        self.settled = self.settled or bool(first)
        if self.settled:
            self._decide(now)

    def alive(self, now: float) -> bool:
        """Whether the sibling is."""
        paused = self.heard is not None and self.heard.beat.paused
        return self._heard_within(now, PAUSE if paused else SILENT)

    def hear(self, beat: Beat, now: float) -> bool:
        """Take in a beat of the sibling; True when an owner has changed by it."""
        if beat.slot != self.sibling:
            return False
        # A late datagram; after a silence the clock may be that of another boot.
        if self.alive(now) and self.heard and beat.stamp < self.heard.beat.stamp:
            return False
        self.heard = Heard(beat=beat, at=now)
        changed = False
        for site, claim in beat.claims.items():
            mine = self.sites.get(site)
            if mine is None or (self.settled and claim <= mine.claim):
                continue
            changed |= claim.slot != mine.claim.slot
            mine.take(claim, "told", now, planned=self.drained)
        self._settle(now)
        return changed

    def tick(
        self, now: float, *, drained: bool, paths: Collection[int], broken: Collection[int]
    ) -> list[int]:
        """Look at the time; the sites whose owner has changed by it.

        Args:
            now: The time.
            drained: Whether somebody wants this gateway to own nothing.
            paths: Remote sites that it reaches by itself.
            broken: Those of the sibling's that do not answer through it, while they do from here.
        """
        gap = 0.0 if self.ticked is None else now - self.ticked - 2 * TICK
        self.ticked = now
        if gap > 0:
            # It was this machine that slept: nobody can have been heard meanwhile.
            self.start += gap
            if self.heard:
                self.heard.at += gap
        self.drained, self.paths = drained, frozenset(paths)
        self._settle(now)
        return [site for site in self.sites if self._takes_over(site, now, broken)]

    def backed(self, now: float) -> frozenset[int]:
        """Remote sites that the sibling reaches by itself, as it says."""
        return self.heard.beat.paths if self.heard and self.alive(now) else frozenset()

    def overlaps(self, now: float) -> bool:
        """Whether some change of owner is under way."""
        return any(now < held.until for held in self.sites.values())

    def keeps(self, now: float) -> bool:
        """Whether packets still need this gateway, and there is somebody to take them over."""
        if not self.alive(now) or self.heard is None or self.heard.beat.drained:
            return False
        owns = any(held.claim.slot == self.slot for held in self.sites.values())
        return owns or self.overlaps(now) or not self.heard.beat.announced

    def duty(self, site: int, now: float) -> Duty:
        """What to do with a site's packets."""
        held = self.sites[site]
        owns = held.claim.slot == self.slot
        overlap = now < held.until
        # Before the sibling hears of it: it may take over the moment it does.
        leaving = owns and self.drained and self._heard_within(now, LONG)
        return Duty(
            copies=self.sibling is not None and (overlap or leaving),
            hands_over=self.sibling is not None and not owns and not overlap,
            metric=self._metric(held, now),
        )

    def beat(self, now: float, *, paused: bool = False, announced: bool = False) -> Beat | None:
        """What to tell the site; None while nothing is certain.

        Args:
            now: The time.
            paused: Whether the daemon is started anew.
            announced: Whether FRR has taken what duties say; those of an overlap change after it.
        """
        if not self.settled:
            return None
        return Beat(
            slot=self.slot,
            stamp=int(now * 1000),
            drained=self.drained,
            paused=paused,
            announced=announced and not self.overlaps(now),
            claims={site: held.claim for site, held in self.sites.items()},
            paths=self.paths & self.sites.keys(),
        )

    def _metric(self, held: Site, now: float) -> int:
        moved = held.before is not None and held.planned and now < held.until
        owner = held.before if moved else held.claim.slot
        if owner != self.slot:
            return OTHER
        return DEFAULT if held.default == self.slot else ACQUIRED

    def _heard_within(self, now: float, seconds: float) -> bool:
        return self.heard is not None and now - self.heard.at <= seconds

    def _settle(self, now: float) -> None:
        waited = self.sibling is None or now - self.start >= START
        if not self.settled and (self.heard is not None or waited):
            self.settled = True
            self._decide(now)

    def _decide(self, now: float) -> None:
        for held in self.sites.values():
            if not held.claim.term:
                held.take(Claim(1, held.default), "default", now)

    def _takes_over(self, site: int, now: float, broken: Collection[int]) -> bool:
        held = self.sites[site]
        if self.sibling is None or not self.settled or held.claim.slot == self.slot:
            return False
        why = self._reason(site, held, now, broken)
        if why is None or held.claim.term + 1 >= TERMS:
            return False
        claim = Claim(held.claim.term + 1, self.slot)
        held.take(claim, why, now, planned=why == "drained")
        return True

    def _reason(self, site: int, held: Site, now: float, broken: Collection[int]) -> str | None:
        if not self.alive(now):
            # One that began with us was silent as long as we were.
            late = now - self.start >= START + SILENT
            return "dead" if self.heard is not None or late else None
        if self.drained or self.heard is None:
            return None
        if self.heard.beat.drained and site in self.paths:
            return "drained"
        return "half-dead" if site in broken and held.waited(now) else None


def site_from(
    had: Site | None, default: int, memory: Claim | None, known: Collection[int | None], now: float
) -> Site:
    """A site as it was held before, or as an earlier run left it, or as it begins.

    Args:
        had: As it was held.
        default: Slot of its owner unless something happened.
        memory: An earlier run's claim.
        known: Slots of the gateways that there are.
        now: The time.
    """
    if had is None:
        claim = memory or Claim(0, default)
        had = Site(default=default, claim=claim, since=now, affirmed=now)
        if claim.term > 1 or claim.slot != default:
            had.why = "told"
    had.default = default
    if had.claim.slot not in known:
        # That gateway is none any more; all of the site see this in the same way.
        had.claim = Claim(had.claim.term, default)
    return had
