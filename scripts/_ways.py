"""How the sites of a routed mesh reach each other, and whether that is well. No effects here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

AREA = "routing"
"""Of its findings, which have the shape of those of `backplane drift`."""

_GATEWAY = "look at `systemctl status backplane-bgpd backplane-bfdd backplane-frr-config` on it"
_DAEMON = "look at `systemctl status backplane-routes.service` on it"
_ROUTED = "see docs/runbooks/routed.md"

Json = dict[str, Any]


def is_routed(outputs: Mapping[str, Any]) -> bool:
    """Whether the sites of a stack are joined by their gateways alone."""
    return bool(outputs["plan"].get("topology") == "routed")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was declared, and what the nodes said of it."""

    outputs: Mapping[str, Any]
    told: Mapping[str, Mapping[str, Any]]

    def away(self, name: str) -> bool:
        # A node may name one that nobody declared.
        node = self.outputs["nodes"].get(name, {})
        return bool(node.get("offline") or node.get("retire"))

    def site(self, name: str) -> str:
        return str(self.outputs["nodes"][name]["site"])

    def gateways(self) -> list[str]:
        nodes = self.outputs["plan"]["nodes"]
        slots = {name: node["slot"] for name, node in nodes.items() if node["slot"] is not None}
        return sorted(slots, key=lambda name: (self.site(name), slots[name]))

    def running(self, name: str) -> bool:
        return bool(self.told.get(name, {}).get("running"))

    def claim(self, name: str, remote: str) -> Mapping[str, Any] | None:
        """What a node says of who carries a remote site."""
        sites = self.told[name].get("sites", {}).values() if self.running(name) else ()
        return next((one for one in sites if one["name"] == remote), None)


def judge(outputs: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]]) -> Json:
    """What `backplane status --json` prints of a routed mesh below `routing`.

    Args:
        outputs: the stack's plain outputs.
        told: by node, what the node tool's `routing` answered; nodes that did not are left out.

    Returns:
        ``ok``; ``gateways`` by name, with their links; ``sites`` by site and remote site, with who
        carries their traffic, and ``via`` which other gateway if its own links are down;
        ``findings``; ``notes``, what is meant to be so for a while.
    """
    seen = _Seen(outputs, told)
    gateways = {name: _gateway(seen, name) for name in seen.gateways()}
    sites = {
        site: {remote: _way(seen, site, remote) for remote in sorted(ways)}
        for site, ways in sorted(outputs["plan"]["owners"].items())
    }
    findings = [
        *_daemons(seen),
        *(one for name, gateway in gateways.items() for one in _of_gateway(seen, name, gateway)),
        *(one for site, ways in sites.items() for one in _of_site(site, ways)),
    ]
    return {
        "ok": not findings,
        "gateways": gateways,
        "sites": sites,
        "findings": findings,
        "notes": list(_notes(gateways)),
    }


def _gateway(seen: _Seen, name: str) -> Json:
    declared, told = seen.outputs["plan"]["nodes"][name], seen.told.get(name, {})
    live = {one["interface"]: one for one in told.get("links", ())}
    own = seen.site(name)
    return {
        "site": own,
        "slot": declared["slot"],
        "away": seen.away(name),
        "reached": bool(told.get("routed")),
        "running": seen.running(name),
        "drained": told.get("drained"),
        "sibling": told.get("sibling"),
        "troubles": list(told.get("troubles", ())),
        "links": [
            _link(link, live.get(link["interface"], {}))
            for link in declared["links"]
            if link["site"] != own
        ],
    }


def _link(declared: Mapping[str, Any], live: Mapping[str, Any]) -> Json:
    return {
        "interface": declared["interface"],
        "peer": declared["peer"],
        "site": declared["site"],
        "bgp": live.get("bgp", "unknown"),
        "bfd": live.get("bfd", "unknown"),
        "up": bool(live.get("up")),
        "seconds": live.get("seconds", 0),
        "ipv4": live.get("v4", 0),
        "ipv6": live.get("v6", 0),
    }


def _way(seen: _Seen, site: str, remote: str) -> Json:
    """Who carries a site's traffic with a remote site: the greatest claim of its gateways."""
    own = [name for name in seen.outputs["nodes"] if seen.site(name) == site]
    ends = [name for name in seen.gateways() if seen.site(name) == site]
    claims = [claim for name in ends if (claim := seen.claim(name, remote))]
    best = max(claims, key=lambda one: (one["term"], one["slot"]), default=None)
    default = seen.outputs["plan"]["owners"][site][remote]
    if best is None:
        nobody = {"owner": None, "why": None, "since": None, "term": None}
        return {**nobody, "default": default, "active": False, "via": None, "disagree": {}}
    owner = str(best["owner"])
    itself = seen.claim(owner, remote)
    moving = any(seen.told[name].get("overlap") for name in ends if seen.running(name))
    others = {
        name: str(claim["owner"])
        for name in sorted(own)
        if (claim := seen.claim(name, remote)) and claim["owner"] != owner
    }
    return {
        "owner": owner,
        "why": best["why"],
        "since": best["since"],
        "term": best["term"],
        "default": default,
        "active": bool(itself and (itself.get("path") or itself.get("backed"))),
        "via": _via(seen, owner, itself),
        "disagree": {} if moving else others,
    }


def _via(seen: _Seen, owner: str, itself: Mapping[str, Any] | None) -> str | None:
    """The other gateway of the site, where the owner has no way of its own but by that one's."""
    if not itself or itself.get("path") or not itself.get("backed"):
        return None
    sibling = seen.told[owner].get("sibling") or {}
    return str(sibling["name"]) if sibling else None


def _finding(node: str, what: str, declared: str, live: str, fix: str) -> Json:
    return {
        "node": node,
        "area": AREA,
        "what": what,
        "declared": declared,
        "live": live,
        "repair": "by hand",
        "fix": fix,
    }


def _daemons(seen: _Seen) -> Iterator[Json]:
    for name in sorted(seen.told):
        if seen.told[name].get("routed") and not (seen.running(name) or seen.away(name)):
            yield _finding(name, "backplane-routes.service", "runs", "does not", _DAEMON)


def _of_gateway(seen: _Seen, name: str, gateway: Json) -> Iterator[Json]:
    if gateway["away"] or not gateway["reached"]:
        return
    for link in gateway["links"]:
        if not (link["up"] or seen.away(link["peer"])):
            what = f"link {link['interface']} to {link['peer']}"
            live = f"BGP {link['bgp']}, BFD {link['bfd']}"
            yield _finding(name, what, "BGP Established, BFD up", live, _GATEWAY)
    sibling = gateway["sibling"]
    if sibling and not (sibling["alive"] or seen.away(sibling["name"])):
        what = f"the other gateway, {sibling['name']}"
        yield _finding(name, what, "heard", "silent", f"on {sibling['name']} {_DAEMON}")


def _of_site(site: str, ways: Mapping[str, Json]) -> Iterable[Json]:
    for remote, way in ways.items():
        what, live = f"the way to {remote}", "no gateway of it answers"
        if way["owner"] is not None:
            live = f"{way['owner']} has it, and BGP leads it nowhere"
        if not way["active"]:
            yield _finding(f"site {site}", what, "a gateway that carries it", live, _ROUTED)
        for name, other in way["disagree"].items():
            what = f"the gateway to {remote}"
            yield _finding(name, what, str(way["owner"]), other, _DAEMON)


def _notes(gateways: Mapping[str, Json]) -> Iterator[Json]:
    for name, gateway in gateways.items():
        if gateway["drained"]:
            fix = f"`backplane undrain {name}` when its maintenance is over"
            yield _finding(name, "the gateway", "in use", "drained", fix)
