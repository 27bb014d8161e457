"""What follows from who owns a remote site, made so on this machine: thin, and the same twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node import forwarding, generations, holders, standing
from node.announce import Announcer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from node.machine import Machine
    from node.owners import Duty, Gateway, Site
    from node.routed import Routes

COPIES = 5.0  # seconds after which a ruleset that copies is loaded again, should somebody remove it


class Effects:
    """Applies duties; remembers only what the kernel need not be asked for.

    Attributes:
        paths: Remote sites that BGP has brought a route to, as last looked.
    """

    def __init__(self, machine: Machine, tell: Callable[[str], None]) -> None:
        self.paths: frozenset[int] = frozenset()
        self.announcer = Announcer(machine, tell)
        self._machine, self._tell = machine, tell
        self._copied: frozenset[int] | None = None
        self._loaded = ("", float("-inf"))
        self._remembered: object = None

    def hold(
        self,
        routes: Routes,
        mesh: Mapping[str, Sequence[Mapping[str, str]]],
        holder: Mapping[int, int],
        generation: str | None,
    ) -> None:
        """Have the right peer hold each remote site, as long as a generation is the active one."""
        machine, want = self._machine, holders.wanted(routes, mesh, holder)
        active = machine.layout.active
        if count := holders.mend(
            machine, want, lambda: generations.named(machine, active) == generation
        ):
            self._tell(f"remote sites' prefixes moved on {count} interfaces: {dict(holder)}")

    def serve(self, routes: Routes, gateway: Gateway, now: float) -> None:
        """Have a gateway do its duties: copies begin first and end last."""
        duties = {site: gateway.duty(site, now) for site in gateway.sites}
        copied = frozenset(site for site, duty in duties.items() if duty.copies)
        self.remember(gateway.sites, duties)
        live = forwarding.read(self._machine)
        self.paths = frozenset(forwarding.reached(routes, live))
        self._copy(routes, copied | (self._copied or frozenset()) & routes.sites.keys(), now)
        want = forwarding.wanted(routes, duties, gateway.backed(now))
        for line in forwarding.apply(self._machine, live, want)[:1]:
            self._tell(f"the kernel refuses a route or rule of ours: {line}")
        self._copy(routes, copied, now)
        self.announcer.want({site: duty.metric for site, duty in duties.items()})

    def remember(self, sites: Mapping[int, Site], duties: Mapping[int, Duty]) -> None:
        """Keep who owns what, before FRR is told: whoever loads its file anew writes the same."""
        held = {site: one.claim for site, one in sites.items() if one.claim.term}
        metrics = {site: duty.metric for site, duty in duties.items()}
        if (held, metrics) != self._remembered:
            standing.remember(self._machine, held, metrics)
            self._remembered = held, metrics

    def _copy(self, routes: Routes, sites: frozenset[int], now: float) -> None:
        ruleset = forwarding.copies(routes, sites)
        text, at = self._loaded
        if ruleset != text or (sites and now - at > COPIES):
            forwarding.load(self._machine, ruleset)
            self._loaded = ruleset, now
        self._copied = sites
