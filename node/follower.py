"""Who holds each remote site, as a node that is no gateway follows its gateways. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node.heartbeat import Beat, Claim
from node.owners import Site, site_from

LAPSE = 3.0  # seconds after which a leaf gives up a claim that no gateway knows any more


@dataclass(slots=True, kw_only=True)
class Leaf:
    """A node that is no gateway: it holds whatever its gateways say."""

    slots: frozenset[int]
    sites: dict[int, Site] = field(default_factory=dict)

    def configure(
        self, defaults: Mapping[int, int], memory: Mapping[int, Claim], now: float
    ) -> None:
        """Know exactly these remote sites."""
        self.sites = {
            site: site_from(self.sites.get(site), default, memory.get(site), self.slots, now)
            for site, default in defaults.items()
        }

    def hear(self, beat: Beat, now: float) -> bool:
        """Take in a beat; True when a holder has changed by it.

        A smaller claim counts when nobody has said the held one for a while: both gateways have
        been away, and know nothing of it any more.
        """
        changed = False
        for site, claim in beat.claims.items():
            held = self.sites.get(site)
            if held is None or claim.slot not in self.slots:
                continue
            if claim < held.claim and now - held.affirmed <= LAPSE:
                continue
            held.affirmed = now
            changed |= claim.slot != held.claim.slot
            held.take(claim, "told", now)
        return changed
